from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.local.stage import Stage

ONE_JOB = """\
name: One
on: push
jobs:
  one:
    name: One
    runs-on: spotrunner/linux-2cpu/run=${{ github.run_id }}
    steps:
      - run: echo "done by $RUNNER_NAME"
"""


@pytest.fixture
def one_job(tmp_path: Path) -> Path:
    file = tmp_path / "one.yml"
    file.write_text(ONE_JOB)
    return file


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path / "run") as running:
        yield running
