"""How a job ended, in GitHub's word and in its machine's: whether both can be true."""

from __future__ import annotations

from collections.abc import Mapping

_UNLIKE: Mapping[str, frozenset[str]] = {
    "success": frozenset({"failed", "cancelled", "timeout", "orphaned", "ghost", "no_job"}),
    "failure": frozenset({"success", "cancelled", "no_job"}),
    "cancelled": frozenset({"success", "failed"}),
}
"""By GitHub's conclusion, the machine's results that contradict it; a machine taken away may end in any way."""


def contradict(conclusion: str, result: str) -> bool:
    """Whether one of the two must be wrong; what is not known contradicts nothing."""
    return result in _UNLIKE.get(conclusion, ())
