"""Calling other servers on behalf of automations, and none that they must not reach."""
