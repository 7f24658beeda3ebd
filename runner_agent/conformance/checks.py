"""The runner's contract, promise by promise, each with the little play that shows whether it is kept."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from runner_agent.conformance import job
from runner_agent.conformance.keys import KeyPair
from runner_agent.conformance.loopback import Loopback, Play, raised
from runner_agent.conformance.probe import Broken, Place, Probe, started
from runner_agent.conformance.registration import FILES, PRIVATE_KEY, SETTINGS, Registration
from runner_agent.listener.lines import Heard

NAME = "spotrunner-conformance"
HOSTED_SUCCESS, TERMINATED, DEPRECATED = 100, 1, 7
_SUCCEEDED = {"succeeded", "0"}


@dataclass(frozen=True, slots=True)
class Trial:
    """What every check works with."""

    place: Place
    key: KeyPair
    patience_s: float
    extra: Mapping[str, Any] = field(default_factory=dict)

    @contextmanager
    def against(self, play: Play, jit_config: str = "") -> Iterator[tuple[Loopback, Probe]]:
        """The runner, started against a GitHub that behaves like this."""
        registration = Registration(NAME, self.key)
        with (
            raised(Loopback(registration, play, self.extra)) as github,
            started(self.place, jit_config or github.jit_config, self.patience_s) as probe,
        ):
            yield github, probe


@dataclass(frozen=True, slots=True)
class Check:
    """One promise."""

    name: str
    promise: str
    play: Callable[[Trial], str]
    """Raises `Broken`; answers what was seen."""


def _files(trial: Trial) -> str:
    with trial.against(Play()) as (_, probe):
        probe.hears(Heard.LISTENING)
        folder = trial.place.folder
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise Broken(f"did not write {', '.join(missing)}")
        if json.loads((folder / SETTINGS).read_text("utf-8-sig")).get("AgentName") != NAME:
            raise Broken(f"wrote another {SETTINGS} than the configuration holds")
        mode = stat.S_IMODE((folder / PRIVATE_KEY).stat().st_mode)
        if os.name != "nt" and mode & 0o077:
            raise Broken(f"left {PRIVATE_KEY} readable by others (mode {mode:o})")
    return f"{len(FILES)} files, the key for its user only"


def _listening(trial: Trial) -> str:
    with trial.against(Play()) as (github, probe):
        probe.hears(Heard.CONNECTED)
        probe.hears(Heard.LISTENING)
        version = probe.hears(Heard.VERSION)
        if github.refused_assertion:
            raise Broken(f"signed in with a token that GitHub refuses: {github.refused_assertion}")
        probe.waits_for(lambda: github.asked("GET message"), "never polled for messages")
        polled = github.asked("GET message")[0].query
        if polled.get("disableUpdate") != "true":
            raise Broken("ignored DisableUpdate in its settings")
    return f"version {version}"


def _interrupt(trial: Trial) -> str:
    with trial.against(Play()) as (github, probe):
        probe.hears(Heard.LISTENING)
        probe.interrupt()
        code = probe.ends(0)
        if not github.asked("DELETE session"):
            raise Broken("left its session open")
    return f"exit code {code}, session closed"


def _bad_jit(trial: Trial) -> str:
    with trial.against(Play(), "bm90IGEgY29uZmlndXJhdGlvbg==") as (_, probe):
        return f"exit code {probe.ends(TERMINATED)}"


def _too_old(trial: Trial) -> str:
    with trial.against(Play(too_old=True)) as (_, probe):
        return f"exit code {probe.ends(DEPRECATED)}"


def _deleted(trial: Trial) -> str:
    with trial.against(Play(registered=False)) as (_, probe):
        probe.hears(Heard.REGISTRATION_DELETED)
        return f"says so, exit code {probe.ends(TERMINATED)}"


def _removed(trial: Trial) -> str:
    with trial.against(Play(removed=True)) as (_, probe):
        probe.hears(Heard.REMOVED)
        return f"says so, exit code {probe.ends(0)}"


def _ghost(status: HTTPStatus) -> Callable[[Trial], str]:
    def play(trial: Trial) -> str:
        with trial.against(Play(job=True, acquire=status)) as (_, probe):
            probe.hears(Heard.ASSIGNED)
            probe.hears(Heard.SKIPPED)
            if probe.has_said(Heard.RUNNING):
                raise Broken("claims to run a job that it did not get")
            probe.interrupt()
            probe.ends()
        return "skips the job, ends when asked"

    return play


def _conflict(trial: Trial) -> str:
    with trial.against(Play(conflict=True)) as (_, probe):
        probe.hears(Heard.CONFLICT)
        probe.interrupt()
        probe.ends()
    return "says so, ends when asked"


def _job(trial: Trial) -> str:
    with trial.against(Play(job=True)) as (github, probe):
        name = probe.hears(Heard.RUNNING)
        if name != job.NAME:
            raise Broken(f"runs {name!r}, not the job it was given")
        result = probe.hears(Heard.COMPLETED)
        code = probe.ends(HOSTED_SUCCESS)
        _told(github)
        left = [each for each in FILES[:2] if (trial.place.folder / each).exists()]
        if left:
            raise Broken(f"left {', '.join(left)} behind after its only job")
    return f"{result}, exit code {code}"


def _told(github: Loopback) -> None:
    for call in ("POST acknowledge", "POST acquirejob", "POST renewjob", "POST completejob"):
        if not github.asked(call):
            raise Broken(f"never asked for {call}")
    conclusion = github.asked("POST completejob")[-1].body.get("conclusion")
    if str(conclusion).lower() not in _SUCCEEDED:
        raise Broken(f"told GitHub {conclusion!r} of a job that succeeds")


CHECKS = (
    Check("files", "the JIT configuration is unpacked into the runner's folder", _files),
    Check("listening", "signs in with RS256, opens a session, says Listening for Jobs, polls", _listening),
    Check("interrupt", "SIGINT while idle ends it with 0", _interrupt),
    Check("bad-jit", "a configuration that cannot be read ends it with 1", _bad_jit),
    Check("too-old", "a version that GitHub calls too old ends it with 7", _too_old),
    Check("deleted", "a registration that is not found ends it with 1", _deleted),
    Check("removed", "being removed while idle ends it with 0", _removed),
    Check("ghost-404", "a job that is gone is skipped", _ghost(HTTPStatus.NOT_FOUND)),
    Check("ghost-409", "a job that is taken is skipped", _ghost(HTTPStatus.CONFLICT)),
    Check("conflict", "a second session is reported", _conflict),
    Check("job", "one job: start, lease, result, exit code 100", _job),
)
