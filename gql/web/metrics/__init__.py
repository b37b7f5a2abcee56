"""Metrics of one process for Prometheus, in its text formats."""
