"""Forgetting people: the use case, the work that follows it, and what every process has to know of it."""
