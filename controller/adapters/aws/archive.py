"""The archive in S3: compressed lines, each object written whole."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

from controller.adapters.aws.clients import Clients, asking


class S3Archive:
    """The `Archive` port."""

    def __init__(self, clients: Clients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def keep(self, name: str, lines: Sequence[str]) -> None:
        """Store the lines under a name; the same lines are the same bytes."""
        text = "".join(f"{line}\n" for line in lines)
        body = gzip.compress(text.encode("utf-8", "backslashreplace"), mtime=0)
        with asking(f"s3://{self._bucket}/{name}"):
            self._clients.s3.put_object(Bucket=self._bucket, Key=name, Body=body, ContentType="application/gzip")
