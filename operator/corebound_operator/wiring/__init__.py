"""kopf, logs, metrics and probes around the loop: the only place that knows kopf."""
