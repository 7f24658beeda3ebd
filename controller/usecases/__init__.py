"""What the platform does, one deed to a module: load, decide, save, tell."""
