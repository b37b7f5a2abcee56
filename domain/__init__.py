"""Everything about incidents that is true without GraphQL."""
