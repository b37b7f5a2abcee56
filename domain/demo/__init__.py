"""The demonstration: believable pasts, and a gentle stream of events that are marked as made up."""
