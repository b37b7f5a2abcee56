"""Running automations: the interpreter of definitions, and the journal of runs."""
