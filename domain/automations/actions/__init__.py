"""What automations can do, one module per action."""
