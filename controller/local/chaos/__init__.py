"""The whole platform under a seeded monkey: what it is given to do, what is done to it, and the verdict."""
