"""The GraphQL API: it translates between clients and the domain."""
