from __future__ import annotations

from pathlib import Path

import pytest

from controller.local.scenario.library import FOLDER, choose, listed
from controller.local.scenario.parse import ScenarioError, parse_scenario, read_scenario
from controller.local.scenario.plan import At, Event, Scenario, Step, When

GOOD = """\
name: bad-day
about: What could go wrong.
steps:
  - at: 250ms
    do: sell_out
    type: c7i.*
  - when: {event: started, job: Soak *, nth: 2, after: 1m}
    do: interrupt
    notice: 12s
"""


def test_a_file_becomes_steps_with_their_moments_and_values() -> None:
    scenario = parse_scenario(GOOD, "x.yml")

    assert scenario == Scenario(
        "bad-day",
        (
            Step(At(0.25), "sell_out", (("type", "c7i.*"),)),
            Step(When(Event.STARTED, "Soak *", nth=2, after=60.0), "interrupt", (("notice", 12.0),)),
        ),
        "What could go wrong.",
    )
    assert [step.line for step in scenario.steps] == [4, 7]


def test_a_scenario_without_a_name_is_called_as_its_file() -> None:
    assert parse_scenario("steps: []", "storm.yml").name == "storm"


TYPOS = (
    ("stpes: []", 1, "a scenario has no key 'stpes'; did you mean 'steps'?"),
    ("", 1, "is empty; add `steps:` with a list of steps"),
    ("- a", 1, "a scenario must be a mapping of names to values"),
    ("name: [a]\nsteps: []", 1, "name: must be text"),
    ("name: x", 1, "has no `steps:`; add a list of steps, or [] for none"),
    ("steps: {at: 3s}", 1, "steps: must be a list; begin each step with `- `"),
    ("steps:\n  - kill", 2, "a step must be a mapping of names to values"),
    ("steps:\n  - at: 1s\n    od: restock", 2, "a step needs `do:` with a fault; did you mean `do:` by 'od'?"),
    ("steps:\n  - at: 1s\n    do: intrupt", 3, "do: there is no fault 'intrupt'; did you mean 'interrupt'?"),
    ("steps:\n  - do: restock", 2, "a step needs `at: 3s` or `when: {event: ...}`"),
    ("steps:\n  - {at: 1s, when: {event: queued}, do: restock}", 2, "a step has both `at:` and `when:`; keep one"),
    ("steps:\n  - at: 3 sec\n    do: restock", 2, "at: '3 sec' is no duration; write for example at: 3s or at: 250ms"),
    ("steps:\n  - at: -1s\n    do: restock", 2, "at: '-1s' is no duration; write for example at: 3s or at: 250ms"),
    (
        "steps:\n  - when: {event: started}\n    do: interrupt\n    notise: 3s",
        4,
        "interrupt has no key 'notise'; did you mean 'notice'?",
    ),
    ("steps:\n  - whne: {event: started}\n    do: interrupt", 2, "interrupt has no key 'whne'; did you mean 'when'?"),
    ("steps:\n  - when: {evnt: started}\n    do: kill", 2, "when has no key 'evnt'; did you mean 'event'?"),
    (
        "steps:\n  - when: {event: start}\n    do: kill",
        2,
        "event: 'start' is none of queued, launched, booted, claimed, started, completed; did you mean 'started'?",
    ),
    (
        "steps:\n  - when: {job: Build}\n    do: kill",
        2,
        "when needs `event:`, one of queued, launched, booted, claimed, started, completed",
    ),
    ("steps:\n  - when: {event: queued, nth: 0}\n    do: kill", 2, "nth: '0' is not a whole number, 1 or more"),
    ("steps:\n  - when: {event: queued, nth: [1]}\n    do: kill", 2, "nth: must be a whole number, 1 or more, not a"),
    ("steps:\n  - when: started\n    do: kill", 2, "when must be a mapping of names to values"),
    (
        "steps:\n  - at: 1s\n    do: repeat_webhook\n    times: many",
        4,
        "times: 'many' is not a whole number, 1 or more",
    ),
    ("steps:\n  - at: 1s\n    do: limit_pool", 2, "limit_pool needs `machines:`"),
    ("steps:\n  - at: 1s\n    do: next_boot", 2, "next_boot needs `boot:`, one of silent, slow, fails"),
    ("steps:\n  - at: 1s\n    do: next_boot\n    boot: quiet", 4, "boot: 'quiet' is none of silent, slow, fails"),
    (
        "steps:\n  - at: 1s\n    do: interrupt",
        2,
        "interrupt befalls a job's machine; say whose with `job:`, or use `when:`",
    ),
    ("steps:\n  - at: 1s\n    do: restock\n    at: 2s", 4, "a step has 'at' twice; keep one"),
    ("steps: [", 1, "not YAML: "),
)


@pytest.mark.parametrize(("text", "line", "words"), TYPOS, ids=[words[:40] for _, _, words in TYPOS])
def test_a_mistake_is_told_in_one_line_with_its_place_and_its_cure(text: str, line: int, words: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        parse_scenario(text, "x.yml")

    told = str(refused.value).splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"x.yml:{line}: {words}")


def test_all_mistakes_are_told_at_once() -> None:
    text = "nmae: x\nsteps:\n  - at: soon\n    do: restock\n  - at: 1s\n    do: explode\n"

    with pytest.raises(ScenarioError) as refused:
        parse_scenario(text, "x.yml")

    assert [line.split(":")[1] for line in str(refused.value).splitlines()] == ["1", "3", "6"]


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yml").write_bytes(b"name: \xe9")

    with pytest.raises(ScenarioError, match=r"no\.yml: cannot be read"):
        read_scenario(tmp_path / "no.yml")
    with pytest.raises(ScenarioError, match="is not text in UTF-8"):
        read_scenario(tmp_path / "latin.yml")


def test_every_scenario_of_the_library_can_be_read_and_says_what_it_is_about() -> None:
    scenarios = listed()

    assert {"default", "gentle", "outage", "storm"} <= {each.name for each in scenarios}
    assert [each.name for each in scenarios] == sorted(file.stem for file in FOLDER.glob("*.yml"))
    assert all(each.about and each.steps for each in scenarios)


def test_a_scenario_is_chosen_by_name_by_file_or_none(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yml"
    mine.write_text(GOOD)

    assert choose("storm").name == "storm"
    assert choose(str(mine)).name == "bad-day"
    assert choose("none").steps == ()
    with pytest.raises(ScenarioError, match="did you mean 'storm'"):
        choose("strom")
    with pytest.raises(ScenarioError, match="there are default, gentle"):
        choose("xyzzy")
