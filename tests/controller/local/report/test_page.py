from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.local.report.join import build
from controller.local.report.mishap import Mishap
from controller.local.report.page import render, write
from controller.local.truth import CallSeen, judge
from tests.controller.local.report.scene import CALLS, JOBS, MACHINES, MISHAPS, T0, documents, job, machine, write_spans

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'quoted' \"twice\" &amp; & < >",
    "</script><script>alert(2)</script><!--",
    "{{data}} {{script}}",
    "naïve 日本語 🚀 \u202eright to left\u202c \u2028 \x00",
    "half a pair \ud83d",
    "x" * 10_000,
)


class Reader(HTMLParser):
    """What a browser would make of a page: its elements, its attributes and the texts of its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.seen: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "action", "srcset"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser's own name for it
        self._inside = ""

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._inside, []).append(data)
        if self._inside not in {"script", "style"}:
            self.seen.append(data)


def page(*names: str) -> str:
    jobs = [job(number, name, 0, labels=(name,), workflow=name) for number, name in enumerate(names, start=1)]
    machines = [machine(number, 1, 7, zone=name) for number, name in enumerate(names, start=1)]
    calls = [CallSeen(name, name, name) for name in names]
    mishaps = [Mishap(name, T0, name, name) for name in names]
    broken = [replace(each, broken=each.name) for each in jobs]
    return render(build(broken, machines, calls, [], judge(broken, machines, calls, names), mishaps))


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def data_of(text: str) -> dict[str, list[dict[str, object]]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    parsed: dict[str, list[dict[str, object]]] = json.loads(found[1])
    return parsed


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_becomes_markup(name: str) -> None:
    harmless, hostile = read(page("plain")), read(page(name))

    assert hostile.tags == harmless.tags
    assert hostile.handlers == []


@given(st.text(min_size=1))
def test_any_name_stays_text_and_arrives_whole_in_the_data(name: str) -> None:
    text = page(name)

    assert read(text).tags == read(page("plain")).tags
    assert data_of(text)["jobs"][0]["name"] == name


def test_no_name_fills_the_page() -> None:
    text = page("y" * 10_000)

    assert max(map(len, read(text).seen)) < 1000
    assert data_of(text)["jobs"][0]["name"] == "y" * 10_000


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_of_any_kind_can_be_written_to_a_file(name: str, tmp_path: Path) -> None:
    seen = [job(1, name, 0)]

    file = write(tmp_path, seen, [], [], judge(seen, [], [], []), [])

    assert data_of(file.read_text())["jobs"][0]["name"] == name


def test_the_page_asks_for_nothing_from_anywhere() -> None:
    text = page("plain")

    assert read(text).links == ["data:,"]
    assert not re.search(r"url\(|@import|https?://", text)


def test_only_its_own_style_and_script_may_take_effect() -> None:
    reader = read(page(*HOSTILE))

    def digest(text: str) -> str:
        return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page("plain"))
    assert policy
    assert "default-src 'none'" in policy[1]
    assert f"style-src '{digest(''.join(reader.texts['style']))}'" in policy[1]
    assert f"script-src '{digest(reader.texts['script'][-1])}'" in policy[1]


def test_without_javascript_the_verdict_every_job_every_machine_and_every_mishap_can_be_read(tmp_path: Path) -> None:
    write_spans(tmp_path, documents())

    file = write(tmp_path, JOBS, MACHINES, CALLS, judge(JOBS, MACHINES, CALLS, []), MISHAPS)

    assert file == tmp_path / "report.html"
    seen = " ".join(read(file.read_text()).seen)
    assert judge(JOBS, MACHINES, CALLS, []).line() in seen
    for text in (
        *(each.name for each in JOBS),
        *(each.instance_id for each in MACHINES),
        *(words for each in MISHAPS for words in (each.text, each.answer)),
        *(each.action for each in CALLS),
    ):
        assert text in seen, text


def test_the_data_holds_a_lane_for_each_job_under_its_workflow(tmp_path: Path) -> None:
    alternating = [JOBS[0], JOBS[5], JOBS[1]]
    summary = judge(alternating, [], [], [])

    text = write(tmp_path, alternating, [], [], summary, []).read_text()

    assert [each["name"] for each in data_of(text)["jobs"]] == ["Lint", "Build", "Plan"]


def test_a_good_run_says_so_and_a_bad_one_says_what_went_wrong() -> None:
    seen = [job(1, "Lint", 0)]
    good = render(build(seen, [machine(1, 1, 7)], [], [], judge(seen, [machine(1, 1, 7)], [], []), []))
    leaky = [machine(1, 1, None)]
    bad = render(build(seen, leaky, [], [], judge(seen, leaky, [], ["4711 sleep"]), []))

    assert '<header class="good">' in good
    assert "nothing was left behind" in good
    assert '<header class="bad">' in bad
    assert "2 things went wrong" in bad
    assert "i-0001" in bad
    assert "4711 sleep" in bad


def test_prices_are_called_an_estimate_with_their_dates() -> None:
    text = page("plain")

    assert "Costs are an estimate" in text
    assert "July 2026" in text
    assert "28 June 2025" in text
