"""What the platform tells its operators: metrics, access log, events."""
