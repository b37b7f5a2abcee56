"""The parts that every HTTP route shares with the GraphQL endpoint: callers, bodies, limits and refusals."""
