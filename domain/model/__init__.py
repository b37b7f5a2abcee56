"""Frozen data and pure rules of the domain; they depend on the standard library only."""
