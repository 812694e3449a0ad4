"""The worker: runs slot after slot with exactly ``threads`` threads, as a pod or on one machine."""
