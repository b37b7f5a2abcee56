"""Routing of changes to runs: triggers, gates, and limits of concurrency."""
