"""The outside world behind the ports: one folder or module for each neighbour."""
