"""Offers a runner that came from elsewhere to the cache, so that the next machine finds it there."""

from __future__ import annotations

from pathlib import Path

from runner_agent.contract.bundle import Offer
from runner_agent.logs import Tell
from runner_agent.web import Request, exchange

UPLOAD_S = 60.0
SECRET = ("Authorization", "X-Amz-Security-Token")
"""Headers of an offer that no log should show."""


def put(archive: Path, offer: Offer, tell: Tell) -> None:
    """Put a proven archive into the cache, unless somebody was faster; it is gone from here afterwards."""
    try:
        with archive.open("rb") as body:
            headers = {**offer.headers, "Content-Length": str(archive.stat().st_size)}
            # S3 itself compares what arrives with the digest that was signed, and refuses anything else.
            answer = exchange(Request("PUT", offer.url, headers, body), UPLOAD_S)
        tell("runner_offered", target=offer.url, status=answer.status)
    except OSError as broken:
        tell("runner_not_offered", target=offer.url, error=broken)
    finally:
        archive.unlink(missing_ok=True)
