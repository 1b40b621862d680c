"""Elementary functions on f32 and f64 scalars and vectors as arithmetic; sin and cos of large f64 call a library."""
