from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.local.github.job import Conclusion, Job, RunnerRef, Status
from controller.local.github.results import worst
from controller.local.github.scheduler import Change, Ending, Run
from controller.local.github.workflow import parse_workflow

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
RUNNER = RunnerRef(7, "runner-7", 1, "Default")
GITHUB = {"run_id": "17900000001", "ref": "refs/heads/main", "event_name": "push", "run_number": "3", "sha": "0" * 40}


class Play:
    """A run, with its jobs found by name."""

    def __init__(self, jobs: str, *, start: bool = True) -> None:
        ids = itertools.count(50_000_000_000)
        self.run = Run(parse_workflow("on: push\njobs:\n" + jobs, "ci.yml"), GITHUB, lambda: next(ids))
        self.changes: list[Change] = self.run.start(NOW) if start else []

    def job(self, name: str) -> Job:
        return next(job for job in self.run.jobs if job.name == name)

    def names(self, status: Status = Status.QUEUED) -> list[str]:
        return [job.name for job in self.run.jobs if job.status is status]

    def begin(self, name: str) -> None:
        self.changes = self.run.begin(self.job(name).id, RUNNER, NOW)

    def end(self, name: str, conclusion: Conclusion = Conclusion.SUCCESS, at: int = 0, **outputs: str) -> None:
        if self.job(name).status is Status.QUEUED:
            self.begin(name)
        ending = Ending(conclusion, outputs=outputs)
        self.changes = self.run.finish(self.job(name).id, ending, NOW + timedelta(seconds=at))

    def told(self) -> list[tuple[str, str]]:
        return [(change.action, change.job.name) for change in self.changes]


def spec(name: str, more: str = "", runs_on: str = "linux") -> str:
    return f"  {name}: {{runs-on: '{runs_on}', steps: [{{run: x}}]{', ' + more if more else ''}}}\n"


def test_jobs_without_needs_are_queued_at_the_start() -> None:
    play = Play(spec("a") + spec("b") + spec("c", "needs: [a, b]"))

    assert play.told() == [("queued", "a"), ("queued", "b")]
    assert play.run.status is Status.QUEUED


def test_a_job_is_queued_when_all_its_needs_have_succeeded() -> None:
    play = Play(spec("a") + spec("b") + spec("c", "needs: [a, b]"))

    play.end("a")
    after_one = play.names()
    play.end("b")

    assert after_one == ["b"]
    assert play.told() == [("completed", "b"), ("queued", "c")]


def test_a_failure_skips_what_needs_it_and_fails_the_run() -> None:
    play = Play(spec("a") + spec("b", "needs: a") + spec("c", "needs: b"))

    play.end("a", Conclusion.FAILURE)

    assert play.told() == [("completed", "a"), ("completed", "b"), ("completed", "c")]
    assert play.job("c").conclusion is Conclusion.SKIPPED
    assert play.run.conclusion is Conclusion.FAILURE


def test_continue_on_error_makes_a_failure_count_as_success() -> None:
    play = Play(spec("a", "continue-on-error: true") + spec("b", "needs: a, if: needs.a.result == 'success'"))

    play.end("a", Conclusion.FAILURE)
    play.end("b")

    assert play.job("a").conclusion is Conclusion.FAILURE
    assert play.job("a").counts_as is Conclusion.SUCCESS
    assert play.run.conclusion is Conclusion.SUCCESS


@pytest.mark.parametrize(
    ("condition", "first", "expected"),
    [
        ("always()", Conclusion.FAILURE, Status.QUEUED),
        ("failure()", Conclusion.FAILURE, Status.QUEUED),
        ("failure()", Conclusion.SUCCESS, Status.COMPLETED),
        ("github.ref == 'refs/heads/main'", Conclusion.SUCCESS, Status.QUEUED),
        ("github.ref == 'refs/heads/main'", Conclusion.FAILURE, Status.COMPLETED),
        ("github.event_name == 'pull_request'", Conclusion.SUCCESS, Status.COMPLETED),
        ("!cancelled()", Conclusion.FAILURE, Status.QUEUED),
        ("needs.a.outputs.go == 'yes'", Conclusion.SUCCESS, Status.QUEUED),
    ],
)
def test_a_condition_decides_with_the_results_it_can_see(condition: str, first: Conclusion, expected: Status) -> None:
    play = Play(spec("a") + spec("b", f'needs: a, if: "{condition}"'))

    play.end("a", first, go="yes")

    assert play.job("b").status is expected


def test_success_looks_at_all_ancestors_as_githubs_does() -> None:
    play = Play(spec("a") + spec("b", "needs: a, if: always()") + spec("c", "needs: b"))

    play.end("a", Conclusion.FAILURE)
    play.end("b")

    assert play.job("c").conclusion is Conclusion.SKIPPED


def test_a_matrix_makes_named_jobs_with_labels_of_their_own() -> None:
    play = Play(spec("t", "strategy: {matrix: {os: [x, y], n: [1]}}", "box-${{ matrix.os }}/run=${{ github.run_id }}"))

    assert play.names() == ["t (x, 1)", "t (y, 1)"]
    assert play.job("t (y, 1)").labels == ("box-y/run=17900000001",)


def test_a_name_that_mentions_the_matrix_gets_no_suffix() -> None:
    play = Play(spec("t", "name: 'On ${{ matrix.os }}', strategy: {matrix: {os: [x]}}") + spec("u", "name: Plain"))

    assert play.names() == ["On x", "Plain"]


def test_outputs_flow_through_needs_and_in_a_matrix_the_last_to_end_decides() -> None:
    play = Play(
        spec("t", "strategy: {matrix: {n: [1, 2]}}") + spec("u", "needs: t, name: 'got ${{ needs.t.outputs.x }}'")
    )

    play.end("t (2)", at=1, x="two", y="")
    play.end("t (1)", at=2, x="one")

    assert play.names() == ["got one"]


def test_a_matrix_can_come_from_an_earlier_job() -> None:
    matrix = "strategy: {matrix: '${{ fromJSON(needs.plan.outputs.m) }}'}"
    play = Play(spec("plan") + spec("t", f"needs: plan, {matrix}"))

    play.end("plan", m='{"shard": [{"name": "a"}, {"name": "b"}]}')

    assert play.names() == ["t (a)", "t (b)"]


def test_a_matrix_that_cannot_be_made_fails_its_job_with_the_reason() -> None:
    play = Play(spec("plan") + spec("t", "needs: plan, strategy: {matrix: '${{ fromJSON(needs.plan.outputs.m) }}'}"))

    play.end("plan", m="no json")

    assert play.job("t").conclusion is Conclusion.FAILURE
    assert "fromJSON" in play.job("t").note


def test_fail_fast_cancels_the_rest_of_a_matrix() -> None:
    play = Play(spec("t", "strategy: {matrix: {n: [1, 2, 3]}}"))
    play.begin("t (2)")

    play.end("t (1)", Conclusion.FAILURE)

    assert play.told() == [("completed", "t (1)"), ("cancel", "t (2)"), ("completed", "t (3)")]
    assert play.job("t (3)").conclusion is Conclusion.CANCELLED


def test_without_fail_fast_the_others_go_on() -> None:
    play = Play(spec("t", "strategy: {fail-fast: false, matrix: {n: [1, 2]}}"))

    play.end("t (1)", Conclusion.FAILURE)
    play.end("t (2)")

    assert play.run.conclusion is Conclusion.FAILURE


def test_a_failure_that_may_happen_does_not_stop_its_matrix() -> None:
    play = Play(spec("t", "continue-on-error: '${{ matrix.n == 1 }}', strategy: {matrix: {n: [1, 2]}}"))

    play.end("t (1)", Conclusion.FAILURE)

    assert play.names() == ["t (2)"]


def test_max_parallel_holds_jobs_back() -> None:
    play = Play(spec("t", "strategy: {max-parallel: 2, matrix: {n: [1, 2, 3]}}"))
    at_first = play.names()

    play.end("t (1)", at=5)

    assert at_first == ["t (1)", "t (2)"]
    assert play.told() == [("completed", "t (1)"), ("queued", "t (3)")]
    assert play.job("t (3)").queued_at == NOW + timedelta(seconds=5)


def test_cancelling_ends_what_waits_asks_what_runs_and_lets_always_follow() -> None:
    play = Play(spec("a") + spec("b") + spec("c", "needs: a") + spec("d", "needs: [a, b], if: always()"))
    play.begin("a")

    told = [(change.action, change.job.name) for change in play.run.cancel(NOW)]
    play.end("a", Conclusion.CANCELLED)

    assert told == [("cancel", "a"), ("completed", "b")]
    assert play.job("c").conclusion is Conclusion.SKIPPED
    assert play.names() == ["d"]
    play.end("d")
    assert play.run.conclusion is Conclusion.CANCELLED


def test_an_unsupported_job_is_skipped_with_its_reason_and_the_rest_runs() -> None:
    play = Play("  odd: {runs-on: x, container: debian, steps: [{run: y}]}\n" + spec("a"))

    assert play.job("odd").conclusion is Conclusion.SKIPPED
    assert play.job("odd").unsupported
    assert "container" in play.job("odd").note
    assert play.names() == ["a"]


def test_the_second_word_on_a_job_changes_nothing() -> None:
    play = Play(spec("a") + spec("b", "needs: a"))
    play.end("a")

    play.end("a", Conclusion.FAILURE)

    assert play.told() == []
    assert play.job("a").conclusion is Conclusion.SUCCESS


@pytest.mark.parametrize(
    ("conclusions", "expected"),
    [
        ([], Conclusion.SUCCESS),
        ([Conclusion.SKIPPED], Conclusion.SKIPPED),
        ([Conclusion.SKIPPED, Conclusion.SUCCESS], Conclusion.SUCCESS),
        ([Conclusion.CANCELLED, Conclusion.SUCCESS], Conclusion.CANCELLED),
        ([Conclusion.CANCELLED, Conclusion.FAILURE], Conclusion.FAILURE),
    ],
)
def test_many_conclusions_come_to_one(conclusions: list[Conclusion], expected: Conclusion) -> None:
    assert worst(conclusions) is expected


@given(st.data())
def test_every_run_ends_and_every_job_is_told_queued_before_completed(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 6))
    conditions = st.sampled_from(["", "if: always()", "if: failure()", "continue-on-error: true"])
    jobs = ""
    for n in range(count):
        needs = data.draw(st.sets(st.integers(0, max(0, n - 1)), max_size=2)) if n else set()
        more = ", ".join(
            each for each in (f"needs: [{', '.join(f'j{m}' for m in needs)}]", data.draw(conditions)) if each
        )
        jobs += spec(f"j{n}", more)
    play = Play(jobs, start=False)
    told = play.run.start(NOW)

    while play.run.status is not Status.COMPLETED:
        name = data.draw(st.sampled_from(play.names()))
        play.end(name, data.draw(st.sampled_from([Conclusion.SUCCESS, Conclusion.FAILURE, Conclusion.CANCELLED])))
        told += play.changes

    assert len(play.run.jobs) == count
    assert play.run.conclusion is not None
    for job in play.run.jobs:
        actions = [change.action for change in told if change.job.id == job.id]
        assert actions in (["queued", "completed"], ["completed"])
        assert (actions == ["completed"]) == (job.conclusion is Conclusion.SKIPPED)


@pytest.mark.parametrize(
    ("runs_on", "labels"),
    [
        ("[self-hosted, gpu]", ("self-hosted", "gpu")),
        ("{group: big, labels: [a, b]}", ("a", "b")),
        ("{labels: a}", ("a",)),
        ("\"${{ fromJSON('[1, 2]') }}\"", ("1", "2")),
    ],
)
def test_labels_may_be_written_in_every_form_github_takes(runs_on: str, labels: tuple[str, ...]) -> None:
    play = Play(f"  a: {{runs-on: {runs_on}, steps: [{{run: x}}]}}\n")

    assert play.job("a").labels == labels


def test_an_empty_label_fails_the_job_with_the_reason() -> None:
    play = Play(spec("a", runs_on="${{ github.nothing }}"))

    assert play.job("a").conclusion is Conclusion.FAILURE
    assert "empty label" in play.job("a").note


def test_a_skipped_job_shows_the_labels_that_need_no_context() -> None:
    plain, dynamic = "if: false", "if: false, strategy: {matrix: {n: [1]}}"

    play = Play(spec("a", plain, "box") + spec("b", dynamic, "box-${{ matrix.n }}"))

    assert (play.job("a").labels, play.job("b").labels) == (("box",), ())


def test_what_cannot_run_here_is_named_with_its_reason_and_the_rest_goes_on() -> None:
    play = Play(
        spec("plain")
        + "  image: {runs-on: linux, container: 'node:22', steps: [{run: x}]}\n"
        + "  data: {runs-on: linux, services: {db: {image: postgres}}, steps: [{run: x}]}\n"
        + "  shared: {uses: acme/flows/.github/workflows/ci.yml@main}\n"
        + "  remote: {runs-on: linux, steps: [{uses: actions/setup-node@v4}]}\n"
        + "  own: {runs-on: linux, steps: [{uses: ./.github/actions/build}]}\n"
        + spec("after", "needs: image")
        + spec("always", "needs: image, if: always()")
    )

    play.end("plain")
    play.end("always")

    notes = {job.name: job.note.removeprefix("unsupported: ") for job in play.run.jobs if job.unsupported}
    assert notes == {
        "image": "asks for a container (`container`), which the local GitHub does not have",
        "data": "asks for service containers (`services`), which the local GitHub does not have",
        "shared": "asks for a reusable workflow (`uses`), which the local GitHub does not have",
        "remote": "step 'Run actions/setup-node@v4' uses actions/setup-node@v4; "
        "actions need a network, write it as `run`",
        "own": "step 'Run ./.github/actions/build' uses ./.github/actions/build; "
        "the local GitHub has no repository contents, write it as `run`",
        "after": "needs image, which cannot run here",
    }
    assert play.run.conclusion is Conclusion.SUCCESS
