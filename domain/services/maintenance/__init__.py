"""Maintenance windows: how they are scheduled and changed, begin and end by time, and are read."""
