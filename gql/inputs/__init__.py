"""Input types, one module per noun."""
