"""Automations: what they may say, when they start and what they do."""
