"""One life of one machine, as a table of states and the walk through it."""
