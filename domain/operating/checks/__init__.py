"""The checks of an inspection, each over one part of the database."""
