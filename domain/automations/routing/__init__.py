"""From a change to a run: who listens, which gates hold, and how many may run."""
