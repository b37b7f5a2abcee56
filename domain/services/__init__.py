"""The use cases: each call is one transaction."""
