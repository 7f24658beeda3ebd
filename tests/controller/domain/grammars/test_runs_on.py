"""RunsOn's labels, by the vectors of its published schema, documentation and parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.fleet_config import Arch, Retry, Span
from controller.domain.grammars.runs_on import Request, Volume, parse, wanted
from controller.domain.labels import Wanted
from controller.errors import Rejected

VECTORS = [
    (("runs-on",), Request()),
    (
        ("runs-on=77/cpu=4/ram=16/family=m7a+m7i-flex",),
        Request("77", cpu=Span(4, 4), ram=Span(16, 16), families=("m7a", "m7i-flex")),
    ),
    (("runs-on,runner=2cpu-linux-x64,spot=false",), Request(runner="2cpu-linux-x64", spot=False)),
    (
        ("runs-on=77", "runner=16cpu-linux-x64", "ram=32+64"),
        Request("77", runner="16cpu-linux-x64", ram=Span(32, 64)),
    ),
    (("runs-on=77/runner=16cpu-linux-x64/ram=32+64",), Request("77", runner="16cpu-linux-x64", ram=Span(32, 64))),
    # A pool has its machine from elsewhere.
    (("runs-on/pool=m7a/cpu=64/env=stage",), Request(pool="m7a", env="stage")),
    (
        ("runs-on=1/family=c8i.large/nested-virt",),
        Request("1", families=("c8i.large",), features={"nested-virt": "true"}),
    ),
    (("runs-on=1/volume=gp3:40gb:500mibps:8000iops",), Request("1", volume=Volume(40, "gp3", 500, 8000))),
    (("runs-on=1/volume=40gb:8000iops:gp3:500mbs",), Request("1", volume=Volume(40, "gp3", 500, 8000))),
    (
        ("runs-on=1/disk=large",),
        Request("1", warnings=("disk=large is ignored by RunsOn; volume=80gb is the word",)),
    ),
    (("runs-on=1/env=dev",), Request("1", env="dev")),
    (("runs-on/fleet=linux-small/env=production",), Request(fleet="linux-small", env="production")),
    (("runs-on=1/cpu=4+8+2",), Request("1", cpu=Span(2, 8))),
    (("runs-on=1/cpu=4=9",), Request("1", cpu=Span(4, 4))),
    (("runs-on=1/retry=when-interrupted",), Request("1")),
    (("runs-on=1/retry=false",), Request("1", retry=Retry.FALSE)),
    (("self-hosted", "runs-on=1/spot=never"), Request("1", spot=False)),
    (("runs-on=1/tag=a/comment=b/run-id=7",), Request("1")),
]


@pytest.mark.parametrize(("labels", "request_"), VECTORS)
def test_a_vector_is_read_as_runs_on_reads_it(labels: tuple[str, ...], request_: Request) -> None:
    assert parse(labels) == request_


@pytest.mark.parametrize("labels", [(), ("ubuntu-latest",), ("runs-onward",), ("my/runs-on",), ("cpu=4",)])
def test_labels_without_the_marker_are_not_runs_ons(labels: tuple[str, ...]) -> None:
    assert parse(labels) is None


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("runs-on=1/cpus=4", "unknown key 'cpus'; did you mean 'cpu'?"),
        ("runs-on=1/cpu=many", "'many' is not a number"),
        ("runs-on=1/cpu=0", "cpu=0 is no machine"),
        ("runs-on=1/spot=sometimes", "spot=sometimes"),
        ("runs-on=1/retry=always", "only when-interrupted and false"),
        ("runs-on=1/volume=huge", "'huge' is not a size"),
        ("runs-on=1/volume=0gb", "disk '0'"),
        ("runs-on=1/pool=a b", "pool=a b is not a name"),
        ("runs-on/fleet=small/cpu=4", "takes no other key"),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_word(label: str, words: str) -> None:
    with pytest.raises(Rejected, match=r"cpu|fleet|label") as refusal:
        parse((label,))

    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("labels", "wish"),
    [
        (("runs-on",), Wanted("small")),
        (("runs-on=9/runner=16cpu-linux-arm64",), Wanted("small", cpu=Span(16, 16), arch=Arch.ARM64, run="9")),
        # Inline words count more than the preset's.
        (("runs-on/runner=16cpu-linux-x64/cpu=4",), Wanted("small", cpu=Span(4, 4), arch=Arch.X64)),
        (("runs-on/runner=mine/ram=0",), Wanted("mine")),
        (("runs-on/family=c7+m7a.large/volume=80gb",), Wanted("small", families=("c7*", "m7a.large"), disk=80)),
        # A pool has its name and its machines from one of our configurations.
        (("runs-on=3/pool=m7a/cpu=64",), Wanted("m7a", run="3")),
        (("runs-on/image=ubuntu24/spot=pco",), Wanted("small", image="ubuntu24", spot=True)),
    ],
)
def test_a_request_becomes_a_wish_of_ours(labels: tuple[str, ...], wish: Wanted) -> None:
    request = parse(labels)

    assert request is not None
    assert wanted(request, "small") == wish


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("runs-on/fleet=small", "'fleet'"),
        ("runs-on/nested-virt", "'nested-virt'"),
        ("runs-on/extras=s3-cache+tmpfs", "'extras'"),
        ("runs-on/volume=80gb:1000mibps", "throughput"),
        ("runs-on/volume=io2", "kind"),
    ],
)
def test_what_we_have_nothing_for_is_refused_and_never_ignored(label: str, words: str) -> None:
    request = parse((label,))
    assert request is not None

    with pytest.raises(Rejected, match=words):
        wanted(request, "small")


@pytest.mark.parametrize("label", ["runs-on/ssh=false", "runs-on/nested-virt=false"])
def test_a_feature_that_is_declined_needs_nothing(label: str) -> None:
    assert parse((label,)) == Request()


@given(st.lists(st.text(max_size=40) | st.text("runs-onrcpuam=/+,:0123gb", max_size=30).map("runs-on/".__add__)))
def test_no_text_does_anything_worse_than_being_refused(labels: list[str]) -> None:
    try:
        request = parse(labels)
        if request:
            wanted(request, "small")
    except Rejected as refusal:
        assert str(refusal)  # noqa: PT017 - being refused is fine, and says why
