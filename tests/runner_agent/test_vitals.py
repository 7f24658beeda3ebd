from __future__ import annotations

from pathlib import Path

import pytest

from runner_agent.vitals import MIB, Vitals, on_linux

FILES = {
    "stat": "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3\n",
    "meminfo": "MemTotal:       8192000 kB\nMemFree:  1 kB\nMemAvailable:   6144000 kB\n",
    "pressure/memory": "some avg10=40.00 avg60=1.00 total=1\nfull avg10=21.50 avg60=0.00 total=1\n",
    "net/dev": (
        "Inter-|   Receive\n face |bytes\n    lo: 900 0 0 0 0 0 0 0 900 0 0 0 0 0 0 0\n"
        "  eth0: 100 0 0 0 0 0 0 0 23 0 0 0 0 0 0 0\ndocker0: 900 0 0 0 0 0 0 0 900 0 0 0 0 0 0 0\n"
    ),
    "vmstat": "nr_free_pages 1\noom_kill 4\n",
}


def process_table(folder: Path, **changes: str) -> Path:
    for name, text in {**FILES, **changes}.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, "ascii")
    return folder


def test_the_kernels_tables_are_read(tmp_path: Path) -> None:
    seen = on_linux(tmp_path, process_table(tmp_path / "proc"))

    assert (seen.memory_mib, seen.memory_stalled, seen.network_bytes, seen.oom_kills) == (2_000.0, 21.5, 123, 4)
    assert seen.busy_s is not None
    assert seen.passed_s is not None
    assert seen.busy_s / seen.passed_s == pytest.approx(0.15)
    assert (seen.disk_total or 0) > (seen.disk_free or 0) > MIB


def test_what_a_machine_does_not_tell_is_unknown_and_not_zero(tmp_path: Path) -> None:
    assert on_linux(tmp_path / "none", tmp_path / "none") == Vitals()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_table_in_another_shape_is_unknown(tmp_path: Path, name: str) -> None:
    proc = process_table(tmp_path / "proc", **{name: "surprise\n"})

    seen = on_linux(tmp_path, proc)

    assert None in (seen.busy_s, seen.memory_mib, seen.memory_stalled, seen.network_bytes or None, seen.oom_kills)
