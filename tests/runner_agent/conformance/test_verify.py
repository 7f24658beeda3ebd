from __future__ import annotations

from pathlib import Path

import pytest

from runner_agent.conformance.checks import CHECKS
from runner_agent.conformance.verify import NoRunner
from tests.runner_agent.conformance import rig

# Each breaks one promise of the stand-in: check -> module, its text, what stands there instead.
MUTATIONS = {
    "files": ("jit.py", "(root / name).write_bytes(content)", '(root / name.replace("rsa", "")).write_bytes(content)'),
    "listening": ("program.py", "Listening for Jobs", "Waiting for Jobs"),
    "interrupt": ("program.py", "                    return Exit.SUCCESS", "                    return Exit.RETRYABLE"),
    "bad-jit": ("program.py", "return Exit.TERMINATED", "return Exit.SUCCESS"),
    "too-old": ("connection.py", "raise Left(Exit.DEPRECATED if", "raise Left(Exit.SUCCESS if"),
    "deleted": ("connection.py", "has been deleted from the server", "is gone"),
    "removed": ("program.py", "The runner no longer exists on the server", "It is gone"),
    "ghost-404": ("program.py", "Skipping message Job.", "Next, please."),
    "ghost-409": (
        "program.py",
        'self._terminal.trace("Runner", f"Skipping',
        'getattr(error, "status", 0) != 409 and self._terminal.trace("Runner", f"Skipping',
    ),
    "conflict": ("connection.py", "A session for this runner already exists.", "Taken."),
    "job": ("program.py", '"conclusion": outcome.result', '"conclusion": "Failed"'),
}


SILENT = {"listening", "ghost-404", "ghost-409", "conflict"}
"""Broken here by not saying something, which only patience can tell from saying it late."""


def test_the_stand_in_keeps_every_promise(tmp_path: Path) -> None:
    # Laid out as the broken ones below, so that nothing but their change can be what breaks them.
    folder = rig.broken(tmp_path / "runner", {})

    found = rig.verdicts(folder)

    assert {name: verdict.detail for name, verdict in found.items() if not verdict.kept} == {}
    assert list(found) == [check.name for check in CHECKS]
    assert found["listening"].detail == "version 2.337.0"
    assert found["job"].detail == "Succeeded, exit code 100"


def test_every_promise_has_a_mutation_that_breaks_it() -> None:
    assert MUTATIONS.keys() == {check.name for check in CHECKS}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_listener_that_breaks_a_promise_is_found_out(name: str, tmp_path: Path) -> None:
    module, old, new = MUTATIONS[name]
    mutant = rig.broken(tmp_path / "mutant", {module: (old, new)})

    verdict = rig.verdicts(mutant, name, patience_s=5.0 if name in SILENT else rig.PATIENCE_S)[name]

    assert not verdict.kept, verdict.detail
    assert verdict.detail


@pytest.mark.parametrize(
    ("check", "module", "old", "new", "words"),
    [
        ("listening", "signing.py", "hashlib.sha256(message)", "hashlib.sha256(message[1:])", "never said"),
        ("listening", "service.py", "str(self._settings.disable_update).lower()", '"false"', "ignored DisableUpdate"),
        ("interrupt", "service.py", 'self._json("DELETE", "session", None)', "return", "left its session open"),
        ("job", "program.py", "self._renew(job)\n", "pass\n", "never asked for POST renewjob"),
        ("job", "program.py", "self._clean_up()\n        return Exit.RESULT", "return Exit.RESULT", "left .runner"),
    ],
)
def test_it_is_said_how_a_promise_was_broken(
    check: str, module: str, old: str, new: str, words: str, tmp_path: Path
) -> None:
    mutant = rig.broken(tmp_path / "mutant", {module: (old, new)})

    verdict = rig.verdicts(mutant, check)[check]

    assert not verdict.kept
    assert words in verdict.detail


def test_the_folder_is_left_as_it_was(tmp_path: Path) -> None:
    folder = rig.released(tmp_path / "runner")
    before = sorted(str(path) for path in folder.rglob("*"))

    rig.verdicts(folder, "files", "job")

    assert sorted(str(path) for path in folder.rglob("*")) == before


def test_a_folder_without_a_runner_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoRunner, match="there is no bin"):
        rig.verdicts(tmp_path)


def test_a_configured_runner_is_not_touched(tmp_path: Path) -> None:
    folder = rig.released(tmp_path / "runner")
    (folder / ".runner").write_text("{}")

    with pytest.raises(NoRunner, match="some runner's home"):
        rig.verdicts(folder)

    assert (folder / ".runner").exists()


def test_a_listener_that_cannot_start_is_a_broken_promise(tmp_path: Path) -> None:
    folder = tmp_path / "runner"
    (folder / "bin").mkdir(parents=True)
    listener = folder / "bin" / "Runner.Listener"
    listener.write_bytes(b"\x7fELF of another machine")
    listener.chmod(0o755)

    verdict = rig.verdicts(folder, "files")["files"]

    assert not verdict.kept
    assert "does not start" in verdict.detail
