"""The examination of an installation: each part of it is tried out as a server would use it."""
