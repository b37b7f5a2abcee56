"""Definitions of automations: their form, and the files and templates that they come from."""
