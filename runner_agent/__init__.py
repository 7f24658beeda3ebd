"""The agent on each machine: claims a job, runs it, tells what happened, powers off."""

__version__ = "0.1.0"
