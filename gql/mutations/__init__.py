"""Mutations, one module per noun: each reads its input, calls one use case and shows the result."""
