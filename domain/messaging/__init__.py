"""The delivery of committed changes from the log to subscribers and durable readers."""
