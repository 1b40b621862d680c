"""What code costs on a machine: counts of what it does (`work`), from its IR (`count`), times what the Machine says
each of it takes (`price`)."""
