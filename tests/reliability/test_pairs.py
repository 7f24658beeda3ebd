"""Two faults in one story, drawn by lot: still nothing is lost, leaked or launched twice."""

from __future__ import annotations

import random

import pytest

from tests.reliability.calls import Fault, faults_of
from tests.reliability.enumeration import play, record
from tests.reliability.invariants import violations_of_day
from tests.reliability.stories import STORIES, Story

SEED = 20_261
PAIRS = 15


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_no_pair_of_faults_breaks_an_invariant(story: Story) -> None:
    chance = random.Random(f"{SEED} {story.__name__}")  # noqa: S311 - a lot, no secret
    calls, _ = record(story)

    for _ in range(PAIRS):
        first, second = sorted(chance.sample(calls, 2), key=lambda call: call.number)
        blows: dict[int, Fault] = {
            first.number: chance.choice(faults_of(first)),
            second.number: chance.choice(tuple(Fault)),
        }

        assert play(story, blows, violations_of_day).violations == (), f"play({story.__name__}, {blows}), seed {SEED}"
