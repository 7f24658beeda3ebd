"""Label languages of others, each read as its own documentation says: drop-in options that a stack switches on."""
