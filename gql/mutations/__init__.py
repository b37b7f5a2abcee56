"""Mutations, one module per noun: read the input, call one use case, show what came of it."""
