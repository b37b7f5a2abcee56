"""Triggers that no entity fires: time, and people."""
