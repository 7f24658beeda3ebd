"""Asks the controller for work, with nothing but the machine's own identity, until it answers or time is up."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from runner_agent.aws import Signer
from runner_agent.contract import wire
from runner_agent.contract.bundle import LONGEST_WAIT_S, Bundle, Claim, Wait
from runner_agent.contract.record import Record
from runner_agent.logs import Tell
from runner_agent.web import Answer, Request, exchange

ATTEMPT_S = 30.0
"""API Gateway answers within this, one way or another; giving up earlier would throw a bundle away."""
FIRST_PAUSE_S = 0.25
SLOWEST_PAUSE_S = 10.0
_SHORTEST_PAUSE_S = 0.05
_LONGEST_REASON = 300
_NO_WORK_YET = 202


class Refused(Record):
    """The controller has nothing for this machine, or never answered: it powers off."""

    reason: str
    status: int | None = None


WAIT_S = 2 * ATTEMPT_S + 5.0
"""For a connection and for its answer, each with its own limit, and for the role's credentials."""


class Send(Protocol):
    """Does what waits for somebody else, within a time."""

    def __call__(self, work: Callable[[], Answer], most_s: float, /) -> Answer:
        """What it came to, or what it raised."""


def at_once(work: Callable[[], Answer], _most_s: float) -> Answer:
    """Simply do it."""
    return work()


class Time(Record):
    """How the claim waits."""

    now: Callable[[], float]
    """A clock that never jumps."""
    pause: Callable[[float], None]
    """Wait; raises when the machine is going to be taken away."""
    during: Send = at_once
    """Wait for an answer."""
    idle: Callable[[Wait], None] = lambda _: None
    """Hear each time that there is no work yet."""


def ask(claim: Claim, url: str, signer: Signer, time: Time, deadline: float, tell: Tell) -> Bundle | Refused:
    """The bundle, or why there is none.

    A controller that has no work yet is given as much time for each further answer as it had for the first.
    """
    patience, end = deadline - time.now(), float("inf")
    attempt = 0
    while True:
        answer = _attempt(claim, url, signer, time, tell)
        settled = read(answer) if answer else None
        if isinstance(settled, Wait):
            time.idle(settled)
            attempt, now = 0, time.now()
            end = min(end, now + min(settled.most_s, LONGEST_WAIT_S) + patience)
            deadline = min(end, now + patience)
            pause = spread(min(settled.again_s, patience / 2))
        elif settled:
            return settled
        else:
            attempt += 1
            pause = backoff(attempt, answer)
        if time.now() + pause > deadline:
            why = f"no answer to the claim in time, after {attempt} attempts" if attempt else "no work came in time"
            return Refused(why)
        time.pause(pause)


def request(claim: Claim, url: str) -> Request:
    """The claim as it is sent, before it is signed."""
    return Request("POST", url, {"Content-Type": "application/json"}, wire.dumps(claim).encode())


def read(answer: Answer) -> Bundle | Wait | Refused | None:
    """What an answer says; None where asking again can help."""
    if answer.ok:
        try:
            waits = answer.status == _NO_WORK_YET
            return wire.loads(Wait, answer.body) if waits else wire.loads(Bundle, answer.body)
        except wire.Malformed as bad:
            return Refused(f"the answer to the claim cannot be read: {bad}", answer.status)
    if answer.status in {408, 429} or answer.status >= 500:  # noqa: PLR2004 - HTTP's server errors
        return None
    return Refused(f"the claim was refused with {answer.status}: {_reason(answer.body)}", answer.status)


def spread(seconds: float) -> float:
    """About so many seconds, so that machines that came up together do not ask together for ever."""
    return random.uniform(0.75, 1.25) * max(_SHORTEST_PAUSE_S, seconds)  # noqa: S311 - no secret


def backoff(attempt: int, answer: Answer | None) -> float:
    """Seconds until the next attempt: full jitter, but never less than the controller asks for."""
    ceiling = min(SLOWEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempt, 10))
    pause = random.uniform(0, ceiling)  # noqa: S311 - no secret
    asked = answer.headers.get("retry-after", "") if answer else ""
    return max(pause, float(asked)) if asked.isdecimal() else pause


def _attempt(claim: Claim, url: str, signer: Signer, time: Time, tell: Tell) -> Answer | None:
    def send() -> Answer:
        return exchange(signer.request(request(claim, url), "execute-api"), ATTEMPT_S)

    try:
        answer = time.during(send, WAIT_S)
    except OSError as broken:
        tell("claim_unanswered", error=broken)
        return None
    if not answer.ok:
        tell("claim_answered", status=answer.status, reason=_reason(answer.body))
    return answer


def _reason(body: bytes) -> str:
    try:
        return wire.loads(_Error, body).error[:_LONGEST_REASON]
    except wire.Malformed:
        return ""


class _Error(Record):
    error: str
