"""The demonstration: made-up pasts of incidents and systems, and a stream of events that are marked as made up."""
