"""Documents made into functions: a cheap path for queries that come again, beside the generic executor."""
