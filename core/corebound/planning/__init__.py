"""What fits where, how long it takes, what it costs, and when it is over. Pure: no I/O, no clock, no Optuna."""
