"""What every test may count on, however the run was started."""

from __future__ import annotations

import signal

# A shell starts what it puts into the background with Ctrl-C ignored; every process that a test
# starts would inherit that, and a program cannot even trap a signal that was ignored at its birth.
signal.signal(signal.SIGINT, signal.default_int_handler)
