"""Machines without processes, for bursts that are too big for real ones; all that they say goes over real HTTP."""
