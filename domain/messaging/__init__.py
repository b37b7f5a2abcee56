"""Getting committed changes from the log to those who wait for them."""
