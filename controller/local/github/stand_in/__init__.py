"""A stand-in for GitHub's `bin/Runner.Listener`: its observable contract, on the standard library alone."""

VERSION = "2.337.0"
