"""The reactive core: the one door through which entities change, and what follows from a change."""
