"""Triggers that no entity fires: by time and by hand."""
