"""Which labels are ours, for the webhook door of a stack with a routing document."""

from __future__ import annotations

from collections.abc import Callable

from controller import documents
from controller.adapters.aws.signed import Service, SignedCalls
from controller.adapters.cache import Kept
from controller.domain import reading
from controller.domain.recognition import Recognition, is_marked
from controller.errors import Rejected, Unavailable

SSM = Service("ssm", "AmazonSSM", "1.1")


class SignedRecognition:
    """Labels in our own language are ours whatever the document says, or whether it can be read at all."""

    def __init__(self, calls: SignedCalls, parameter: str, ttl_s: float, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._parameter = parameter
        self._clock = clock
        # A bad document changes nothing: what was good last is used until there is a good one again.
        self._kept = Kept(self._fetch, ttl_s, grace_s=float("inf"))

    def __call__(self, labels: tuple[str, ...]) -> bool:
        """Whether a job is ours; raises `Unavailable` where that can not be known."""
        return any(is_marked(label) for label in labels) or self.rules()(labels)

    def rules(self) -> Recognition:
        """What the document says of it."""
        return self._kept.get(self._parameter, self._clock())

    def _fetch(self, parameter: str) -> Recognition:
        try:
            found = self._calls.call(SSM, "GetParameter", {"Name": parameter}).get("Parameter")
            text = found.get("Value") if isinstance(found, dict) else None
            return reading.recognition(documents.rules(str(text or "")))
        except (Rejected, documents.BadDocument) as bad:
            raise Unavailable(f"parameter {parameter}: {bad}") from bad
