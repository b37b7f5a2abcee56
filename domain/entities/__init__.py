"""The reactive core: every change of an entity goes through its handle, which records it and derives events."""
