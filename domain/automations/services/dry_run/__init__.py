"""Trying an automation on the past: the real engine plays it in a world that is thrown away."""
