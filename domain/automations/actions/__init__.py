"""The actions that automations can do."""
