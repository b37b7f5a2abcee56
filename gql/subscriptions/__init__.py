"""Subscriptions: replay from a cursor, then live, without a gap or a duplicate."""
