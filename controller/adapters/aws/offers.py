"""Signs for a machine the one request that can put a runner's archive into the cache.

The signature holds the object's name, the SHA-256 of its content and the condition that nothing is there yet, and S3
checks all three: whoever gets hold of it can do nothing but store the right archive. It is made without a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from controller.region import Place
from controller.settings import AwsAccess
from runner_agent.contract.bundle import Offer
from runner_agent.contract.sigv4 import Scope, sign

_ONLY_NEW = {"If-None-Match": "*"}


@dataclass(frozen=True, slots=True)
class SignedOffers:
    """Offers in the name of the function's own role; S3 takes each for fifteen minutes."""

    access: AwsAccess

    def offer(self, address: str, sha256: str, now: float) -> Offer:
        """The request that stores what has this SHA-256 at an `s3://bucket/key` address."""
        parts = urlsplit(address)
        base = self.access.endpoint or f"https://s3.{self.access.region}.{Place(self.access.region, '').domain}"
        url = f"{base.rstrip('/')}/{parts.netloc}{quote(parts.path)}"
        scope = Scope(self.access.region, "s3")
        headers = sign("PUT", url, dict(_ONLY_NEW), b"", self.access.credentials, scope, now, sha256.lower())
        return Offer(url, headers)
