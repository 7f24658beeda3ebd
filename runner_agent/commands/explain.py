"""`explain`: what happened on this machine, in sentences, from its own journal and the reports it could not send."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runner_agent.lifecycle import journal
from runner_agent.settings import Settings

Line = Mapping[str, object]
LIFE = "life"
"""The first line of each life."""

# What a line says, with its facts in braces; a fact that is not there leaves nothing behind.
_SENTENCES = {
    "life": "The agent {version} started.",
    "metadata_not_ready": "The machine's metadata did not answer yet: {error}.",
    "launch_tag_unknown": "The launch's tag could not be read: {error}.",
    "claim_unanswered": "The controller did not answer the claim: {error}.",
    "claim_answered": "The controller answered the claim with {status}: {reason}.",
    "claim_refused": "There was no work for this machine: {reason}.",
    "interruption": "Its end was announced: {action}.",
    "strained": "The machine ran short of {what}: {detail}.",
    "clock_stepped": "The clock was set right.",
    "image_was_used_before": "The image held what a former runner had left.",
    "docker_not_ready": "Docker was not ready in time.",
    "runner_source_failed": "The runner could not be fetched from one source: {error}.",
    "listener_silent": "The runner was silent for too long while it had a job.",
    "runner_ended": "The runner ended: {result} {reason}, exit code {exit_code}, {strays} stray processes.",
    "report_delayed": "A report could not be sent yet: {error}.",
    "reports_lost": "Some reports were never sent; they are in the spool.",
    "spans_lost": "The trace could not be sent: {error}.",
    "agent_crash": "The agent itself failed: {error}.",
    "failed_while_ending": "Something failed on the way down: {error}.",
    "power_off": "Power-off was asked for: {command}, code {code}.",
    "power_off_failed": "Power-off failed: {command}: {error}.",
}
_STATES = {
    "claiming": "It asked the controller for work.",
    "preparing": "It got work and prepared the runner {runner}.",
    "listening": "The runner was started.",
    "running": "A job started: {job}.",
    "interrupted": "It stopped because the machine was going to be taken away: {reason} {action}.",
    "limit": "It stopped the runner: {reason}.",
    "crash": "It gave up.",
    "done": "The work was over: {result} {reason}.",
    "poweroff": "It powered the machine off.",
}
_HEARD = {
    "connected": "The runner signed in to GitHub.",
    "listening": "The runner listened for a job.",
    "assigned": "GitHub assigned a job.",
    "skipped": "The assigned job was gone or taken.",
    "completed": "The job ended: {detail}.",
    "removed": "GitHub had removed the runner.",
    "registration_deleted": "GitHub had deleted the registration.",
    "conflict": "Somebody else had a session for this runner.",
    "clock_skew": "GitHub found this clock out of step.",
    "network_down": "The runner lost its connection.",
    "network_up": "The runner was connected again.",
    "updating": "The runner updated itself.",
    "disk_full": "The disk was full.",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One sentence about one moment."""

    at: float
    event: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Life:
    """One start of the agent on this machine, to its end or to where the journal breaks off."""

    told: tuple[Told, ...]
    result: str
    """Of its last runner, or what became of it instead."""
    ended: bool
    """Whether it came to its power-off; otherwise the machine, or the agent, was killed."""


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--all", action="store_true", help="every life in the journal, not only the last")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(command=_explain)


def lives(lines: Iterator[Line]) -> tuple[Life, ...]:
    """The lines of a journal, one life after the other."""
    parts: list[list[Line]] = []
    for line in lines:
        if not parts or line.get("event") == LIFE:
            parts.append([])
        parts[-1].append(line)
    return tuple(_life(part) for part in parts)


def _life(lines: list[Line]) -> Life:
    told = tuple(Told(_at(line), str(line.get("event")), sentence) for line in lines if (sentence := _sentence(line)))
    ends = [line for line in lines if line.get("event") in {"runner_ended", "claim_refused", "agent_crash"}]
    last = ends[-1] if ends else {}
    result = str(last.get("result") or {"claim_refused": "no_job"}.get(str(last.get("event")), last.get("event", "")))
    return Life(told, result or "unknown", any(line.get("state") == "poweroff" for line in lines))


def _sentence(line: Line) -> str:
    event = str(line.get("event"))
    if event == "state":
        return _filled(_STATES.get(str(line.get("state")), ""), line)
    if event == "listener":
        return _filled(_HEARD.get(str(line.get("said")), ""), line)
    return _filled(_SENTENCES.get(event, ""), line)


class _Facts(dict[str, object]):
    def __missing__(self, _: str) -> str:
        return ""


def _filled(text: str, line: Line) -> str:
    """The sentence, without the gaps that missing facts leave."""
    filled = text.format_map(_Facts({name: value for name, value in line.items() if value not in {None, ""}}))
    words = " ".join(_printable(filled).split())
    for gap, closed in ((" .", "."), (": .", "."), (":.", "."), (" ,", ","), (", exit code,", ",")):
        words = words.replace(gap, closed)
    return words


def _printable(text: str) -> str:
    """Without what a job's name could do to a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _at(line: Line) -> float:
    at = line.get("at")
    return float(at) if isinstance(at, int | float) else 0.0


def _explain(given: argparse.Namespace, settings: Settings) -> int:
    found = lives(iter(journal.read(settings.home)))
    unsent = _unsent(settings.home / "spool")
    if not found:
        sys.stderr.write(
            f"spotrunner-agent: no journal in {settings.home}; set SPOTRUNNER_HOME to the agent's folder\n"
        )
        return 1
    shown = found if given.all else found[-1:]
    if given.json:
        sys.stdout.write(json.dumps(_document(shown, unsent), indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(_text(shown, unsent))
    return 0


def _document(shown: tuple[Life, ...], unsent: list[str]) -> dict[str, object]:
    return {
        "lives": [
            {
                "result": life.result,
                "ended": life.ended,
                "events": [{"at": told.at, "event": told.event, "sentence": told.sentence} for told in life.told],
            }
            for life in shown
        ],
        "unsent_reports": unsent,
    }


def _text(shown: tuple[Life, ...], unsent: list[str]) -> Iterator[str]:
    for life in shown:
        for told in life.told:
            yield f"{time.strftime('%Y-%m-%d %H:%M:%SZ', time.gmtime(told.at))}  {told.sentence}\n"
        if not life.ended:
            yield "The journal breaks off here: the agent still runs, or it was killed together with its machine.\n"
        yield f"Result: {life.result}\n\n"
    if unsent:
        yield f"Reports that were never sent: {', '.join(unsent)}\n"


def _unsent(spool: Path) -> list[str]:
    return sorted(path.name for path in spool.glob("*.json"))
