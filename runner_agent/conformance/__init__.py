"""Drives an unmodified GitHub runner on this machine without GitHub, to see whether it keeps its contract with us."""
