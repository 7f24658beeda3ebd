"""Offers a runner that came from elsewhere to the cache, so that the next machine finds it there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runner_agent.contract.bundle import RunnerPackage
from runner_agent.download import Store, cached
from runner_agent.web import Request, exchange

UPLOAD_S = 60.0


def offer(archive: Path, package: RunnerPackage, store: Store) -> None:
    """Put a proven archive into the cache, unless somebody was faster; it is gone from here afterwards."""
    target = cached(package)
    try:
        with archive.open("rb") as body:
            headers = {"Content-Length": str(archive.stat().st_size), "If-None-Match": "*"}
            # S3 itself compares what arrives with this digest, and refuses anything else.
            wish = store.signer.s3_object(target, Request("PUT", target, headers), package.sha256.lower())
            answer = exchange(replace(wish, body=body), UPLOAD_S)
        store.tell("runner_offered", target=target, status=answer.status)
    except OSError as broken:
        store.tell("runner_not_offered", target=target, error=broken)
    finally:
        archive.unlink(missing_ok=True)
