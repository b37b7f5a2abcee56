"""Running automations: the walk over a definition, and what is written of it."""
