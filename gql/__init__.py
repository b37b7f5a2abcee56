"""The GraphQL surface: it translates, and decides nothing."""
