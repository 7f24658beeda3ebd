from __future__ import annotations

import pytest

from controller.domain.audit import Difference, SeenMachine, differences
from controller.domain.housekeeping import Seen
from controller.domain.runner import Runner, RunnerState
from tests.fakes import samples

NOW = samples.NOW + 1_000.0
PATIENCE_S = 600.0


def machine(name: str = "i-1", age_s: float = 700.0, **changes: object) -> SeenMachine:
    known = {"instance_type": "c7a.xlarge", "zone": "us-east-1a", "spot": True}
    return SeenMachine(Seen(name, NOW - age_s, running=True), **(known | changes))  # type: ignore[arg-type]


def record(**changes: object) -> Runner:
    return samples.runner("i-1", **({"lease_until": NOW + 60} | changes))


def found(machines: list[SeenMachine], records: list[Runner]) -> list[Difference]:
    alive = [runner for runner in records if runner.state is RunnerState.LAUNCHED]
    return differences(machines, {r.instance_id: r for r in records}, alive, NOW, PATIENCE_S)


def test_a_machine_that_is_as_recorded_is_no_difference() -> None:
    assert found([machine()], [record()]) == []


@pytest.mark.parametrize(
    ("machines", "records", "kind"),
    [
        ([machine()], [], "unknown"),
        ([machine()], [record(state=RunnerState.FINISHED, since=NOW - 700)], "ended"),
        ([], [record()], "missing"),
        ([machine()], [record(lease_until=NOW - 601)], "overdue"),
        ([machine(instance_type="m7i.large")], [record()], "mistaken"),
        ([machine(spot=False)], [record()], "mistaken"),
    ],
)
def test_a_difference_is_told_by_its_kind(machines: list[SeenMachine], records: list[Runner], kind: str) -> None:
    (difference,) = found(machines, records)

    assert (difference.kind, difference.instance_id) == (kind, "i-1")
    assert difference.reason


@pytest.mark.parametrize(
    ("machines", "records"),
    [
        ([machine(age_s=500.0)], []),
        ([machine()], [record(state=RunnerState.FINISHED, since=NOW - 500)]),
        ([], [record(launched_at=NOW - 500)]),
        ([machine()], [record(lease_until=NOW - 500)]),
    ],
)
def test_what_is_about_to_be_put_right_is_no_difference_yet(machines: list[SeenMachine], records: list[Runner]) -> None:
    assert found(machines, records) == []
