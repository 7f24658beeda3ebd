"""Bad luck as data: what goes wrong when, who plays it, and what the platform was seen to do about it."""
