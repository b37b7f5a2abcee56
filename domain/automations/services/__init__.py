"""What callers do with automations: keep them, ask about them, try them on the past."""
