"""Elementary functions on f32 scalars and vectors as straight-line arithmetic: no calls, no tables."""
