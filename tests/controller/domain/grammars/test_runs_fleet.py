"""runs-fleet's labels, by the vectors of its own sources."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.fleet_config import Arch, Span
from controller.domain.grammars.runs_fleet import Spec, parse, wanted
from controller.domain.labels import Wanted
from controller.errors import Rejected

ARM = ("c8g", "m8g", "r8g", "c7g", "m7g")
X64 = ("c6i", "c7i", "m6i", "m7i")

VECTORS = [
    (("runs-fleet",), Spec("runs-fleet", Span(2, 4))),
    (
        ("self-hosted", "runs-fleet/cpu=4/arch=arm64"),
        Spec("runs-fleet/cpu=4/arch=arm64", Span(4, 8), arch=Arch.ARM64),
    ),
    (
        ("runs-fleet=123/cpu=4+16/family=c7g+m7g",),
        Spec("runs-fleet=123/cpu=4+16/family=c7g+m7g", Span(4, 16), run="123", families=("c7g", "m7g")),
    ),
    (("runs-fleet//cpu=4",), Spec("runs-fleet//cpu=4", Span(4, 8))),
    (("runs-fleet/spot=False",), Spec("runs-fleet/spot=False", Span(2, 4), ignored=("spot=False",))),
    (("runs-fleet/spot=false",), Spec("runs-fleet/spot=false", Span(2, 4), spot=False)),
    (
        ("runs-fleet/arch=mips/foo=bar",),
        Spec("runs-fleet/arch=mips/foo=bar", Span(2, 4), ignored=("arch=mips", "foo=bar")),
    ),
    (("runs-fleet/cpu=4+4",), Spec("runs-fleet/cpu=4+4", Span(4, 4))),
    (("runs-fleet/cpu=0",), Spec("runs-fleet/cpu=0", Span(2, 4))),
    (("runs-fleet/cpu=",), Spec("runs-fleet/cpu=", Span(2, 4))),
    (("runs-fleet/disk=100/gen=8",), Spec("runs-fleet/disk=100/gen=8", Span(2, 4), disk=100, generation=8)),
    (("runs-fleet/pool=main",), Spec("runs-fleet/pool=main", Span(2, 4), pool="main")),
    (("runs-fleet/cpu=2", "runs-fleet/cpu=8"), Spec("runs-fleet/cpu=2", Span(2, 4))),
    (("runs-fleetish",), None),
    (("runs-fleet-foo",), None),
    (("RUNS-FLEET/cpu=4",), None),
]


@pytest.mark.parametrize(("labels", "spec"), VECTORS)
def test_a_vector_is_read_as_runs_fleet_reads_it(labels: tuple[str, ...], spec: Spec | None) -> None:
    assert parse(labels) == spec


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("cpu=8+4", "8+4 is an empty range"),
        ("cpu=4+", "cpu '' is not a whole number"),
        ("cpu=abc", "cpu 'abc'"),
        ("disk=0", "disk '0' is not a whole number from 1 to 16384"),
        ("gen=11", "gen '11' is not a whole number from 1 to 10"),
        ("ram=lots", "ram 'lots' is not a number"),
    ],
)
def test_an_error_of_runs_fleets_is_one_of_ours(option: str, words: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse((f"runs-fleet/{option}",))

    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("label", "wish"),
    [
        ("runs-fleet=7/cpu=4/arch=arm64", Wanted("small", cpu=Span(4, 8), families=ARM, arch=Arch.ARM64, run="7")),
        ("runs-fleet/arch=amd64", Wanted("small", cpu=Span(2, 4), families=X64, arch=Arch.X64)),
        ("runs-fleet/gen=8/arch=arm64", Wanted("small", Span(2, 4), families=("c8g", "m8g", "r8g"), arch=Arch.ARM64)),
        ("runs-fleet/family=C7G/spot=false", Wanted("small", cpu=Span(2, 4), families=("c7g",), spot=False)),
        ("runs-fleet/ram=4.5+8", Wanted("small", cpu=Span(2, 4), ram=Span(4.5, 8), families=(*ARM, *X64))),
    ],
)
def test_a_spec_becomes_a_wish_of_ours(label: str, wish: Wanted) -> None:
    spec = parse((label,))

    assert spec is not None
    assert wanted(spec, "small") == wish


@pytest.mark.parametrize("option", ["foo=bar", "arch=mips", "spot=False", "spot=no", "cpu", "pool=main"])
def test_what_runs_fleet_skips_without_a_word_we_refuse(option: str) -> None:
    spec = parse((f"runs-fleet/{option}",))
    assert spec is not None

    with pytest.raises(Rejected, match=r"would ignore|configuration's to say"):
        wanted(spec, "small")


@given(st.lists(st.text(max_size=30) | st.text("cpuramgenfilysot=+/0123.", max_size=30).map("runs-fleet/".__add__)))
def test_no_text_does_anything_worse_than_being_refused(labels: list[str]) -> None:
    try:
        spec = parse(labels)
        if spec:
            wanted(spec, "small")
    except Rejected as refusal:
        assert str(refusal)  # noqa: PT017 - being refused is fine, and says why
