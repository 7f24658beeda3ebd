"""What the machine tells the outside: reports on a queue, spans to a collector."""
