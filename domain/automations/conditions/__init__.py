"""Conditions: what must hold, from expressions to windows of time and the health of systems."""
