"""The operator's door: the `spotrunner` command. It is not part of what is deployed."""
