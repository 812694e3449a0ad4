"""The only SQL: campaigns, slots, leases, workers and checkpoints beside Optuna's own tables."""
