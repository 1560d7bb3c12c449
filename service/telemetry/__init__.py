"""What is told of the daemon to others: metrics, the access log, traces."""
