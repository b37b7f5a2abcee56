"""Routes of what the public may read, in the formats of feed readers and status pages."""
