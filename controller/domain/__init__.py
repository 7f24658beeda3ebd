"""Decisions: frozen values and pure functions of the standard library; `now` is always an argument."""
