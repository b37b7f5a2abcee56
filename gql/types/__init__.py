"""Output types, one module per noun."""
