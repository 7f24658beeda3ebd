from __future__ import annotations

import json

from controller.local.seeds import lines, read

VERDICT: dict[str, object] = {
    "good": True,
    "jobs": 18,
    "mishaps": [{}, {}],
    "lost": [],
    "broken": [],
    "double": [],
    "leaked": [],
    "processes": [],
    "unanswered": [],
}


def test_a_good_seed_is_one_line() -> None:
    assert lines(read(7, json.dumps(VERDICT), "", 31.24)) == ["     7  good       18        2     31.2"]


def test_a_bad_seed_says_what_was_not_as_it_should_be() -> None:
    told = read(7, json.dumps(VERDICT | {"good": False, "lost": ["Build is queued"], "leaked": ["i-1"]}), "", 31.24)

    assert [line.strip() for line in lines(told)[1:]] == ["lost: Build is queued", "leaked: i-1"]


def test_a_run_without_a_verdict_is_bad_and_shows_its_last_word() -> None:
    told = read(7, "", "Traceback\nValueError: no port", 2.0)

    assert not told.good
    assert told.troubles == ("no verdict: ValueError: no port",)
