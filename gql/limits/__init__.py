"""Limits on the shape, cost and duration of one operation."""
