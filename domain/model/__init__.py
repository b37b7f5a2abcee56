"""Frozen data and pure rules; standard library only."""
