"""How a light machine claims, against answers that are laid out for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from controller.local.light.life import Life
from controller.local.light.power import Power
from controller.local.light.wires import Answer, Self, Silent, Wires
from runner_agent.contract.bundle import Claim, UserData
from runner_agent.contract.sigv4 import Credentials

ME = Self(Credentials("AKIA", "secret", "token"), "us-east-1", UserData("http://claim", "dev", 180.0), "launch-1")
NO_MORE = Answer(410, json.dumps({"error": "nothing to do"}).encode())


class Restless(Power):
    """Lets no time pass, and remembers how much was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.rested: list[float] = []

    def rest(self, seconds: float) -> None:
        self.rested.append(seconds)
        self.check()


@dataclass(frozen=True, slots=True)
class Told(Wires):
    """Answers from a list; what is no answer is silence."""

    answers: list[Answer | None] = field(default_factory=list)

    def look(self) -> Self:
        return ME

    def claim(self, me: Self, claim: Claim) -> Answer:
        answer = self.answers.pop(0)
        if answer is None:
            raise Silent(f"{me.launch_id}: {claim.launch_id}")
        return answer


def lived(home: Path, *answers: Answer | None) -> tuple[list[float], list[Answer | None]]:
    """How long a machine rested between these answers, and which it did not come to."""
    power, left = Restless(), list(answers)
    Life(home, Told("http://imds", "http://front", power, left), power).live()
    return power.rested, left


def test_a_claim_is_not_repeated_before_the_controller_asks_for_it(tmp_path: Path) -> None:
    rested, left = lived(tmp_path, Answer(503, b"{}", 7.0), Answer(503, b"{}", 12.0), NO_MORE)

    assert rested == [7.0, 12.0]
    assert left == []


def test_without_a_word_on_when_it_is_repeated_soon(tmp_path: Path) -> None:
    rested, left = lived(tmp_path, None, Answer(503, b"{}"), NO_MORE)

    assert len(rested) == 2
    assert all(0 <= pause <= 1.0 for pause in rested)
    assert left == []


def test_a_wait_beyond_its_deadline_ends_the_machine(tmp_path: Path) -> None:
    rested, left = lived(tmp_path, Answer(503, b"{}", 600.0), NO_MORE)

    assert rested == []
    assert left == [NO_MORE]
