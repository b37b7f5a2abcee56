"""The work of operators: verifying a database, backing it up and restoring it, and examining an installation."""
