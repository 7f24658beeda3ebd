"""What the operator decides about the address that GitHub calls: a name of one's own, and who may reach it at all."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass, field

from controller.region import Place
from infra.values import Values

EDGE_REGION = "us-east-1"
"""Where AWS keeps what belongs to CloudFront."""

_DOMAIN = r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}"
_CERTIFICATE = r"arn:[\w-]+:acm:[\w-]+:\d{12}:certificate/[\w-]+"
_SHORTEST_SECRET = 32
_OFFER = "`openssl rand -hex 32 | pulumi config set --secret spotrunner:frontSecret`"


@dataclass(frozen=True, slots=True)
class Front:
    """The webhook's address; machines claim at the API's own, because their signatures cover the host's name."""

    domain: str = ""
    """Empty: the address that AWS gives."""
    zone: str = ""
    """The Route 53 zone in which the certificate is proved and the name entered; empty: both are the operator's."""
    certificate: str = ""
    sources: tuple[str, ...] = ()
    """Ranges that may call the webhook, through CloudFront alone; empty: anybody may, and the signature decides."""
    secret: str = field(default="", repr=False)
    """What CloudFront shows to the webhook door, which knows no more of it than `digest`."""

    @property
    def digest(self) -> str:
        """The secret's SHA-256; empty without one."""
        return hashlib.sha256(self.secret.encode()).hexdigest() if self.secret else ""


def read_front(values: Values, place: Place) -> Front:
    """The settings of the webhook's address; faults are noted in `values`."""
    secret = values.secret("frontSecret", rf"\S{{{_SHORTEST_SECRET},}}", f"{_SHORTEST_SECRET} characters or more")
    front = Front(
        domain=values.text("domain", _DOMAIN, "a host's name", ""),
        zone=values.text("hostedZone", r"Z[A-Z0-9]+", "the id of a Route 53 zone", ""),
        certificate=values.text("certificate", _CERTIFICATE, "the ARN of a certificate", ""),
        sources=values.names("webhookFrom"),
        secret=secret,
    )
    for source in front.sources:
        _check_source(values, source)
    if front.sources and not secret:
        values.fault("frontSecret", f"missing; CloudFront must prove itself to the webhook: {_OFFER}")
    if secret and not front.sources:
        values.fault("webhookFrom", "missing; without ranges there is no CloudFront to show the secret")
    _check_domain(values, front, place)
    return front


def _check_domain(values: Values, front: Front, place: Place) -> None:
    if not front.domain:
        if front.zone or front.certificate:
            values.fault("domain", "missing; a zone and a certificate are for a name")
        return
    if bool(front.zone) == bool(front.certificate):
        values.fault("hostedZone", "name either it, or the certificate's ARN in `certificate`")
    home = EDGE_REGION if front.sources else place.region
    if front.certificate and f":acm:{home}:" not in front.certificate:
        values.fault("certificate", f"it must lie in {home}, where {'CloudFront' if front.sources else 'the API'} is")


def _check_source(values: Values, source: str) -> None:
    try:
        whole = ipaddress.ip_network(source).prefixlen == 0
    except ValueError:
        values.fault("webhookFrom", f"{source!r} is not a range such as 192.30.252.0/22")
        return
    if whole:
        values.fault("webhookFrom", f"{source} is the whole internet; leave the setting out instead")
