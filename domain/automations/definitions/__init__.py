"""Definitions of automations: their model, the files that they come from, and templates."""
