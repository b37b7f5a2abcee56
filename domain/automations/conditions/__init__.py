"""Conditions: expressions, windows of time and the health of systems."""
