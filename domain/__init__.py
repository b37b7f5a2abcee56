"""The domain of incidents: everything that does not depend on GraphQL."""
