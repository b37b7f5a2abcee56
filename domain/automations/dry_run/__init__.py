"""Trying an automation on the past: what it would have done, played by the real engine in a world that is thrown away."""
