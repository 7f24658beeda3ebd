"""How each App stands with GitHub: what its answers say is kept here, and that it wants a pause is shared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from controller.adapters.connection import Answer
from controller.adapters.github.calls import Call, Limited
from controller.domain import call_budget
from controller.domain.call_budget import Kind, Lane, Seen, Standing
from controller.errors import Rejected, Unavailable
from controller.ports import Memory
from controller.servers import App

LOOK_S = 60.0
"""Who has heard nothing from GitHub for so long looks first whether others were asked to wait."""


@dataclass(frozen=True, slots=True)
class Voice:
    """An App's installation on a server; 0 is the App itself."""

    server: str
    app: App
    installation_id: int

    def __str__(self) -> str:
        return f"{self.server} app {self.app.app_id} installation {self.installation_id}"


def kind_of(call: Call) -> Kind:
    """Which budget a call is charged to."""
    return Kind.REGISTRATIONS if call.path.endswith("/generate-jitconfig") else Kind.REST


class Budgets:
    """The standings of all voices, as far as this function knows."""

    def __init__(self, memory: Memory | None) -> None:
        self._memory = memory
        self._standings: dict[Voice, Standing] = {}
        self._heard_at: dict[Voice, float] = {}

    def in_order(self, voices: Sequence[Voice], kind: Kind, lane: Lane, now: float) -> list[Voice]:
        """The voices, the one to use first in front."""
        standings = [self._standing(voice, now) for voice in voices]
        return [voices[place] for place in call_budget.least_used(standings, kind, lane, now)]

    def spend(self, voice: Voice, call: Call, lane: Lane, now: float) -> None:
        """Let a call out; raises `Limited` where it has to wait."""
        kind, standing = kind_of(call), self._standing(voice, now)
        wait = call_budget.wait_s(standing, kind, lane, now)
        if wait > 0:
            raise Limited(f"{call}: not asked, the {lane} calls of {voice} wait for {wait:.0f} s", wait)
        self._standings[voice] = call_budget.spent(standing, kind, now)

    def heard(self, voice: Voice, call: Call, answer: Answer, now: float) -> None:
        """Note what an answer says of the budget."""
        self._heard_at[voice] = now
        seen = _seen(answer)
        if seen is not None:
            self._standings[voice] = call_budget.heard(self._of(voice), kind_of(call), seen)

    def limited(self, voice: Voice, call: Call, limit: Limited, now: float) -> None:
        """Note, for all functions of the stack, that GitHub wants a pause."""
        until = now + (limit.retry_after_s or 0.0)
        kinds = tuple(Kind) if limit.is_secondary else (kind_of(call),)
        standing = call_budget.closed(self._of(voice), dict.fromkeys(kinds, until))
        self._standings[voice], self._heard_at[voice] = standing, now
        if self._memory is not None:
            text = ",".join(f"{kind}={end}" for kind, end in standing.closed.items())
            # Not being able to tell the others costs each of them one refusal.
            with suppress(Unavailable, Rejected):
                self._memory.remember(_name(voice), text, max(standing.closed.values()))

    def pause(self, apps: Collection[tuple[str, App]], kind: Kind, lane: Lane, now: float) -> float:
        """How long none of these Apps may call; 0 where one may, or where nothing is known of one."""
        waits: dict[tuple[str, App], float] = {}
        for voice, standing in self._standings.items():
            place, wait = (voice.server, voice.app), call_budget.wait_s(standing, kind, lane, now)
            if voice.installation_id:
                waits[place] = min(wait, waits.get(place, wait))
        return min(waits.values(), default=0.0) if waits.keys() >= set(apps) else 0.0

    def set_aside(self, voice: Voice, until: float) -> None:
        """Leave a voice alone that GitHub does not let in."""
        self._standings[voice] = call_budget.closed(self._of(voice), dict.fromkeys(Kind, until))

    def _of(self, voice: Voice) -> Standing:
        return self._standings.get(voice, Standing())

    def _standing(self, voice: Voice, now: float) -> Standing:
        if self._memory is not None and now - self._heard_at.get(voice, -LOOK_S) >= LOOK_S:
            self._heard_at[voice] = now
            with suppress(Unavailable, Rejected):
                text = self._memory.recall(_name(voice), now) or ""
                self._standings[voice] = call_budget.closed(self._of(voice), _closed(text))
        return self._of(voice)


def _name(voice: Voice) -> str:
    return f"github pause {voice}"


def _closed(text: str) -> dict[Kind, float]:
    parts = dict(part.split("=", 1) for part in text.split(",") if part)
    return {kind: float(parts[kind]) for kind in Kind if kind in parts}


def _seen(answer: Answer) -> Seen | None:
    told = [answer.headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining", "reset")]
    if not all(text.isdecimal() for text in told):
        return None
    limit, remaining, reset = map(int, told)
    return Seen(limit, remaining, float(reset))
