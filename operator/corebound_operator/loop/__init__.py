"""The reconcile loop: a queue of keys, workers that reconcile them, and what they reconcile with."""
