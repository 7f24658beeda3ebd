from __future__ import annotations

from pathlib import Path

from runner_agent.contract.reports import Peaks
from runner_agent.oom import KernelLog
from runner_agent.telemetry.peaks import Meter
from runner_agent.vitals import MIB, Vitals

NO_LOG = Path("/nowhere")


def meter(*looks: Vitals) -> Meter:
    left = list(looks)
    return Meter(lambda: left.pop(0), lambda: KernelLog(NO_LOG))


def look(busy: float, memory: float, free: int, network: int, kills: int = 0) -> Vitals:
    return Vitals(
        busy_s=busy,
        passed_s=busy * 2,
        memory_mib=memory,
        disk_free=free * MIB,
        network_bytes=network * MIB,
        oom_kills=kills,
    )


def test_the_most_of_everything_between_begin_and_end_is_kept() -> None:
    measure = meter(look(0, 500, 900, 10), look(50, 600, 850, 40))

    measure.begin()
    measure.add(Vitals(busy_s=9, passed_s=10, memory_mib=4_000, disk_free=100 * MIB))

    assert measure.end() == Peaks(cpu_percent=90.0, memory_mib=4_000.0, disk_used_mib=800.0, network_mib=30.0)


def test_without_a_job_there_are_no_peaks() -> None:
    measure = meter(look(0, 500, 900, 10))

    measure.add(look(1, 1, 1, 1))

    assert measure.end() is None
    assert measure.starved() is None


def test_what_could_not_be_measured_is_unknown() -> None:
    measure = meter(Vitals(), Vitals())

    measure.begin()

    assert measure.end() == Peaks()
    assert measure.starved() is None


def test_two_looks_right_after_each_other_do_not_make_a_load() -> None:
    measure = meter(Vitals(busy_s=0, passed_s=0), Vitals(busy_s=0.01, passed_s=0.01))

    measure.begin()

    assert measure.end() == Peaks()


def test_a_kill_for_lack_of_memory_is_noticed_whether_or_not_the_log_names_anybody() -> None:
    measure = meter(look(0, 1, 1, 1, kills=3), look(1, 1, 1, 1, kills=4))

    measure.begin()
    measure.end()

    assert measure.starved() == ()
