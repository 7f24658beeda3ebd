"""The lines are verbatim from transcripts of GitHub's listener, not from what a fake listener prints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner_agent.listener.lines import Heard, Parser, Said

RUNNER = "[RUNNER 2026-08-17 09:15:02Z INFO Terminal] "


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("√ Connected to GitHub", Said(Heard.CONNECTED)),
        ("Current runner version: '2.336.0'", Said(Heard.VERSION, "2.336.0")),
        ("2026-08-17 09:15:02Z: Listening for Jobs", Said(Heard.LISTENING)),
        ("2026-08-17 09:15:02Z: Running job: build", Said(Heard.RUNNING, "build")),
        ("2026-08-17 09:15:02Z: Running job: test (ubuntu, 3.12)", Said(Heard.RUNNING, "test (ubuntu, 3.12)")),
        ("2026-08-17 09:15:40Z: Job build completed with result: Succeeded", Said(Heard.COMPLETED, "Succeeded")),
        (
            "2026-08-17 09:15:40Z: Job b completed with result: SucceededWithIssues",
            Said(Heard.COMPLETED, "SucceededWithIssues"),
        ),
        ("2026-08-17 09:15:40Z: Job b completed with result: Failed", Said(Heard.COMPLETED, "Failed")),
        ("2026-08-17 09:15:40Z: Job b completed with result: Canceled", Said(Heard.COMPLETED, "Canceled")),
        ("2026-08-17 09:15:40Z: Job b completed with result: Skipped", Said(Heard.COMPLETED, "Skipped")),
        ("2026-08-17 09:15:40Z: Job b completed with result: Abandoned", Said(Heard.COMPLETED, "Abandoned")),
        (RUNNER + "WRITE LINE: 2026-08-17 09:15:02Z: Listening for Jobs", Said(Heard.LISTENING)),
        (RUNNER + "WRITE LINE: 2026-08-17 09:15:02Z: Running job: build", Said(Heard.RUNNING, "build")),
        (RUNNER + "Acknowledging runner request", Said(Heard.ASSIGNED)),
        (RUNNER + "Skipping message Job.", Said(Heard.SKIPPED)),
        (RUNNER + "Job request 0 for plan 5c1a job 7d1f received.", Said(Heard.ASSIGNED)),
        (RUNNER + "Worker finished for job 7d1f. Code: 102", Said(Heard.WORKER_EXIT, "102")),
        (RUNNER + "finish job request for job 7d1f with result: Failed", Said(Heard.FINISH_REQUEST, "Failed")),
        ("The runner no longer exists on the server. Cleaning up local configuration.", Said(Heard.REMOVED)),
        (
            "Failed to create a session. The runner registration has been deleted from the server.",
            Said(Heard.REGISTRATION_DELETED),
        ),
        ("A session for this runner already exists.", Said(Heard.CONFLICT)),
        (
            "The local machine's clock may be out of sync with the server time by more than five minutes.",
            Said(Heard.CLOCK_SKEW),
        ),
        (
            "2026-08-17 09:15:02Z: Runner connect error: timed out. Retrying until reconnected.",
            Said(Heard.NETWORK_DOWN),
        ),
        ("2026-08-17 09:15:02Z: Runner reconnected.", Said(Heard.NETWORK_UP)),
        ("Runner update in progress, do not shutdown runner.", Said(Heard.UPDATING)),
        ("Runner will exit shortly for update, should be back online within 10 seconds.", Said(Heard.UPDATING)),
    ],
)
def test_each_line_of_the_listener_is_understood(line: str, said: Said) -> None:
    assert Parser().read(line) == said


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[WORKER 2026-08-17 09:15:02Z INFO JobRunner] Running job: build",
        "[WORKER 2026-08-17 09:15:02Z INFO T] WRITE LINE: 2026-08-17 09:15:40Z: Job b completed with result: Succeeded",
        "[WORKER 2026-08-17 09:15:02Z INFO X] Listening for Jobs",
        "[anything else] Running job: build",
        "[RUNNER unfinished Running job: build",
        "2026-08-17 09:15:02Z: Job b completed with result: Wonderful",
        "2026-08-17 09:15:02Z: Job b completed with result: Succeeded, they say",
        " 2026-08-17 09:15:02Z: Running job: indented by somebody",
        "echo Running job: build",
    ],
)
def test_nothing_else_is_taken_for_one(line: str) -> None:
    assert Parser().read(line) is None


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("x completed with result: Failed", "Succeeded"),
        ("Listening for Jobs", "Succeeded"),
        ("Running job: other", "Failed"),
        ("Skipping message Job.", "Canceled"),
        ("A session for this runner already exists.", "Succeeded"),
    ],
)
def test_a_jobs_name_is_never_mistaken_for_the_listeners_words(name: str, result: str) -> None:
    parser = Parser()

    started = parser.read(f"2026-08-17 09:15:02Z: Running job: {name}")
    ended = parser.read(f"2026-08-17 09:15:40Z: Job {name} completed with result: {result}")

    assert started == Said(Heard.RUNNING, name)
    assert ended == Said(Heard.COMPLETED, result)


@given(st.text(), st.sampled_from(["Succeeded", "Failed"]))
def test_whatever_a_job_is_called_its_start_and_its_end_are_read(name: str, result: str) -> None:
    name = name.rstrip("\r\n")
    parser = Parser()

    started = parser.read(f"2026-08-17 09:15:02Z: Running job: {name}")
    ended = parser.read(f"2026-08-17 09:15:40Z: Job {name} completed with result: {result}")

    assert (started, ended) == (Said(Heard.RUNNING, name), Said(Heard.COMPLETED, result))


@given(st.text())
def test_no_worker_line_ever_changes_anything(text: str) -> None:
    assert Parser().read(f"[WORKER 2026-08-17 09:15:02Z INFO X] {text}") is None


def test_a_message_that_comes_twice_is_heard_once() -> None:
    parser = Parser()
    lines = ["2026-08-17 09:15:02Z: Running job: a", RUNNER + "WRITE LINE: 2026-08-17 09:15:02Z: Running job: a"]

    heard = [parser.read(line) for line in lines]

    assert heard == [Said(Heard.RUNNING, "a"), None]
