"""Alerts: from what monitors send to incidents that open and resolve."""
