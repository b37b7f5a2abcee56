"""The public status page: whole without scripts, live with them, and there while the database is not."""
