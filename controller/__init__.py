"""The control plane: from a queued job to a machine that runs it, and back."""

__version__ = "0.1.0"
