"""Automations: what happens by itself when something else did."""
