"""Use cases: one call, one transaction."""
