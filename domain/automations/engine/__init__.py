"""What runs workflows to their end over crashes, and what wakes them."""
