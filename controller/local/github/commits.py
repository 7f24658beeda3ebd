"""What a repository holds beside its runs: files, and the check runs and statuses on its commits."""

from __future__ import annotations

import hashlib
import itertools
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.local.github.account import Repository

SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A check run as it was last told."""

    id: int
    repository: str
    """`owner/name`."""
    head_sha: str
    name: str
    status: str
    conclusion: str
    """Empty until it is completed."""
    title: str
    summary: str
    text: str
    details_url: str
    external_id: str
    annotations: int
    """How many there are."""
    started_at: str
    completed_at: str
    writes: int = 1
    """How often it was posted or changed."""


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """A commit status as it was posted."""

    id: int
    repository: str
    sha: str
    state: str
    context: str
    description: str
    target_url: str
    created_at: datetime


class Commits:
    """All repositories' files, check runs and statuses."""

    def __init__(self, head_of: Callable[[str], str]) -> None:
        self._head_of = head_of
        """The newest commit that runs know of a repository."""
        self._lock = threading.Lock()
        self._ids = itertools.count(31_806_114_233, 17)
        self._files: dict[str, dict[str, str]] = {}
        self._heads: dict[str, str] = {}
        self._checks: dict[int, CheckRun] = {}
        self._statuses: list[CommitStatus] = []

    @property
    def check_runs(self) -> tuple[CheckRun, ...]:
        """Every check run, oldest first."""
        with self._lock:
            return tuple(self._checks.values())

    @property
    def statuses(self) -> tuple[CommitStatus, ...]:
        """Every commit status, oldest first."""
        with self._lock:
            return tuple(self._statuses)

    def put(self, repository: str, path: str, text: str) -> str:
        """Commit a file to the default branch; the commit."""
        with self._lock:
            files = self._files.setdefault(repository, {})
            files[path] = text
            parent = self._heads.get(repository, "")
            sha = hashlib.sha1(f"{parent}{path}\0{text}".encode(), usedforsecurity=False).hexdigest()
            self._heads[repository] = sha
            return sha

    def files(self, repository: str) -> Mapping[str, str]:
        """The files of a repository, by path."""
        with self._lock:
            return dict(self._files.get(repository, {}))

    def resolve(self, repository: Repository, ref: str) -> str:
        """The commit of a branch or commit; empty when there is none."""
        branches = {repository.default_branch, f"heads/{repository.default_branch}", "HEAD"}
        if ref in branches:
            with self._lock:
                head = self._heads.get(repository.full_name, "")
            return head or self._head_of(repository.full_name)
        return ref if SHA.fullmatch(ref) else ""

    def take_id(self) -> int:
        """The id of a new check run or status."""
        with self._lock:
            return next(self._ids)

    def store(self, check: CheckRun) -> None:
        """Post or change a check run."""
        with self._lock:
            self._checks[check.id] = check

    def add(self, status: CommitStatus) -> None:
        """Post a commit status."""
        with self._lock:
            self._statuses.append(status)
