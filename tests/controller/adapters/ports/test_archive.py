from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from controller.adapters.aws.archive import S3Archive
from controller.adapters.aws.clients import Clients
from controller.errors import Rejected
from controller.ports import Archive
from tests.fakes.archive import FakeArchive


@dataclass(frozen=True, slots=True)
class Shelf:
    """An archive, and what it has by name."""

    archive: Archive
    kept: Callable[[], dict[str, list[str]]]


@pytest.fixture(params=["fake", "s3"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    if request.param == "fake":
        fake = FakeArchive()
        return Shelf(fake, lambda: {name: list(lines) for name, lines in fake.kept.items()})
    clients: Clients = request.getfixturevalue("clients")
    bucket: str = request.getfixturevalue("stack")
    clients.s3.create_bucket(Bucket=bucket)
    return Shelf(S3Archive(clients, bucket), lambda: _kept(clients, bucket))


def _kept(clients: Clients, bucket: str) -> dict[str, list[str]]:
    names = [str(each.get("Key")) for each in clients.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    bodies = {name: clients.s3.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}
    return {name: gzip.decompress(body).decode().splitlines() for name, body in bodies.items()}


def test_lines_are_kept_under_their_name_and_written_twice_they_are_one_object(shelf: Shelf) -> None:
    for _ in range(2):
        shelf.archive.keep("jobs/2026-11-20/dev/abc.jsonl.gz", ['{"id":"1#1"}', '{"name":"naïve ✓"}'])
    shelf.archive.keep("jobs/2026-11-21/dev/abc.jsonl.gz", ["{}"])

    assert shelf.kept() == {
        "jobs/2026-11-20/dev/abc.jsonl.gz": ['{"id":"1#1"}', '{"name":"naïve ✓"}'],
        "jobs/2026-11-21/dev/abc.jsonl.gz": ["{}"],
    }


def test_a_bucket_that_is_not_there_is_said_to_be(clients: Clients, stack: str) -> None:
    with pytest.raises(Rejected, match=f"s3://{stack}/x: NoSuchBucket"):
        S3Archive(clients, stack).keep("x", ["{}"])
