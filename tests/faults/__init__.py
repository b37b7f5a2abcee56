"""Faults under load: servers, databases and networks fail, and what was promised is held against what is there."""
