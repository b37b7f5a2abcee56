"""The durable engine of workflows, and the index of waits that changes wake."""
