"""The formats of monitors: each module makes signals of a body, and does nothing else."""
