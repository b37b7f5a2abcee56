"""Places in the log that no server has given out yet, at which a log goes on that was restored from a backup."""

PLACES_PER_MILLISECOND = 1024
