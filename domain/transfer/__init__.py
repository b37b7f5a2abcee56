"""History in and out: files of all that happened, and the histories of other programs."""
