from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from controller.local.github.release import releases
from runner_agent.unpack import unpack


def test_the_archive_is_named_and_packed_as_githubs() -> None:
    release = releases()[0]

    with tarfile.open(fileobj=io.BytesIO(release.archive)) as archive:
        modes = {member.name: member.mode for member in archive}

    assert release.filename == "actions-runner-linux-x64-2.337.0.tar.gz"
    assert modes == {"bin/Runner.Listener": 0o755, "run.sh": 0o755, "config.sh": 0o755}


def test_the_same_source_gives_the_same_digest() -> None:
    assert [each.sha256 for each in releases()] == [each.sha256 for each in releases()]


def test_the_packed_listener_stands_alone(tmp_path: Path) -> None:
    archive = tmp_path / "runner.tar.gz"
    archive.write_bytes(releases()[0].archive)
    unpack(archive, tmp_path / "runner")

    said = subprocess.run(
        [tmp_path / "runner" / "bin" / "Runner.Listener", "--version"],
        env={},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == "2.337.0\n"
