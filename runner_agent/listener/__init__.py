"""GitHub's runner as a child process: how it is started, what it says, and how its end is judged."""
