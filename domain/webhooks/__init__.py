"""Webhooks: from the event log to servers that are sent what changes."""
