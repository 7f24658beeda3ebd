from __future__ import annotations

import pytest

from controller.adapters.aws.errors import refusal_kind
from controller.domain.refusal import RefusalKind
from controller.local.aws.fleet import Pool
from controller.local.aws.fleet_errors import WORDS, outright, words
from controller.local.aws.network import Template

POOL = Pool("m7i.large", "subnet-1", "us-east-1a", 0.0, Template("lt-1", "linux"), "1", ())


@pytest.mark.parametrize("code", WORDS)
def test_every_code_has_its_words(code: str) -> None:
    said = words(code, POOL), str(outright(code))

    assert all(said)
    assert "{" not in "".join(said)


@pytest.mark.parametrize(
    ("code", "part"),
    [
        (
            "InsufficientInstanceCapacity",
            "sufficient m7i.large capacity in the Availability Zone you requested (us-east-1a)",
        ),
        ("Unsupported", "instance type (m7i.large) is not supported in your requested Availability Zone (us-east-1a)"),
        ("InsufficientFreeAddressesInSubnet", "free addresses in subnet 'subnet-1'"),
    ],
)
def test_what_is_about_a_pool_names_it(code: str, part: str) -> None:
    assert part in words(code, POOL)


@pytest.mark.parametrize(
    ("code", "status"),
    [("RequestLimitExceeded", 503), ("Unavailable", 503), ("InternalError", 500), ("VcpuLimitExceeded", 400)],
)
def test_a_whole_call_is_refused_with_the_status_that_sdks_retry_by(code: str, status: int) -> None:
    assert outright(code).status == status


def test_every_class_of_refusal_can_be_played() -> None:
    assert {refusal_kind(code) for code in WORDS} == set(RefusalKind)


def test_a_code_that_nobody_wrote_down_can_still_be_played() -> None:
    assert words("Brandnew", POOL) == "Brandnew"
