"""The use cases of automations: writing, reading, explaining and dry runs."""
