"""The label language: what it reads, what it refuses, and how clearly."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.fleet_config import Arch, Retry, Span
from controller.domain.labels import FREE_KEYS, MACHINE_KEYS, PLACE_KEYS, Wanted, is_ours, parse, spell
from controller.errors import Rejected

KEYS = (*MACHINE_KEYS, *PLACE_KEYS, *FREE_KEYS)
WORD = st.from_regex(r"[a-z0-9][a-z0-9_.=-]{0,20}", fullmatch=True)
CONFIG = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,62}", fullmatch=True)
SIZE = st.one_of(st.integers(1, 1_000_000).map(float), st.floats(1e-9, 1e6))
SPAN = st.tuples(SIZE, SIZE).map(lambda pair: Span(min(pair), max(pair)))
FAMILY = st.from_regex(r"[a-z0-9-]{1,8}(\.[a-z0-9-]{1,8})?", fullmatch=True)
WANTED = st.builds(
    Wanted,
    config=CONFIG,
    cpu=st.none() | SPAN,
    ram=st.none() | SPAN,
    families=st.lists(FAMILY, max_size=3).map(tuple),
    arch=st.none() | st.sampled_from(Arch),
    image=st.just("") | CONFIG,
    disk=st.none() | st.integers(1, 16_384),
    spot=st.none() | st.booleans(),
    retry=st.sampled_from(Retry),
    env=st.just("") | WORD,
    region=st.just("") | WORD,
    run=st.just("") | WORD,
)


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("spotrunner/linux-4cpu", Wanted("linux-4cpu")),
        ("spotrunner/linux-4cpu/", Wanted("linux-4cpu")),
        (
            "spotrunner/linux-4cpu/ram=16/spot=false",
            Wanted("linux-4cpu", ram=Span(16, 16), spot=False),
        ),
        ("spotrunner,linux-4cpu,ram=16", Wanted("linux-4cpu", ram=Span(16, 16))),
        ("spotrunner/linux/cpu=4+16,ram=0.5+8", Wanted("linux", cpu=Span(4, 16), ram=Span(0.5, 8))),
        ("SpotRunner/Linux/CPU=4/Arch=ARM64", Wanted("linux", cpu=Span(4, 4), arch=Arch.ARM64)),
        ("spotrunner/linux/arch=aarch64", Wanted("linux", arch=Arch.ARM64)),
        ("spotrunner/linux/arch=amd64", Wanted("linux", arch=Arch.X64)),
        ("spotrunner/linux/arch=x86_64", Wanted("linux", arch=Arch.X64)),
        ("spotrunner/linux/family=c7g+m7g.large", Wanted("linux", families=("c7g", "m7g.large"))),
        ("spotrunner/linux/family=c7*", Wanted("linux", families=("c7*",))),
        ("spotrunner/linux/image=ubuntu24.04/disk=100", Wanted("linux", image="ubuntu24.04", disk=100)),
        ("spotrunner/linux/retry=false", Wanted("linux", retry=Retry.FALSE)),
        ("spotrunner/linux/retry=run", Wanted("linux", retry=Retry.RUN)),
        ("spotrunner/linux/retry=job", Wanted("linux")),
        ("spotrunner/linux/run=123-1/env=prod", Wanted("linux", run="123-1", env="prod")),
        ("spotrunner/linux/run=a=b", Wanted("linux", run="a=b")),
        ("  spotrunner/linux/region=eu-west-1  ", Wanted("linux", region="eu-west-1")),
    ],
)
def test_a_label_is_read_as_the_machine_it_asks_for(label: str, wanted: Wanted) -> None:
    assert parse((label,)) == wanted


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("spotrunner", ["name of a runner configuration"]),
        ("spotrunner/", ["name of a runner configuration"]),
        ("spotrunner//ram=4", ["name of a runner configuration"]),
        ("spotrunner/ram=4", ["name of a runner configuration"]),
        ("spotrunner/-linux", ["name of a runner configuration"]),
        ("spotrunner/" + "a" * 64, ["name of a runner configuration"]),
        ("spotrunner/linux/rma=4", ["unknown key 'rma'", "did you mean 'ram'?"]),
        ("spotrunner/linux/zzzzzz=4", ["unknown key 'zzzzzz'", "known are cpu, ram"]),
        ("spotrunner/linux/=4", ["unknown key ''"]),
        ("spotrunner/linux/ram=4/ram=4", ["'ram' stands twice"]),
        ("spotrunner/linux/ram=4/RAM=8", ["'ram' stands twice"]),
        ("spotrunner/linux/ram", ["'ram' needs a value", "ram=..."]),
        ("spotrunner/linux/ram=", ["'ram=' needs a value"]),
        ("spotrunner/linux/ram=lots", ["'lots' is not a number or a range like 4+16"]),
        ("spotrunner/linux/ram=4+", ["'4+' is not a number or a range"]),
        ("spotrunner/linux/ram=-4", ["'-4' is not a number or a range"]),
        ("spotrunner/linux/ram=1e3", ["'1e3' is not a number or a range"]),
        ("spotrunner/linux/cpu=8+4", ["8+4 is an empty range"]),
        ("spotrunner/linux/cpu=0", ["must lie between 0 and 1e+06"]),
        ("spotrunner/linux/cpu=1+1000001", ["must lie between 0 and 1e+06"]),
        ("spotrunner/linux/cpu=" + "9" * 400, ["must lie between 0 and 1e+06"]),
        ("spotrunner/linux/arch=riscv", ["arch 'riscv' is not one of x64, arm64"]),
        ("spotrunner/linux/spot=maybe", ["spot=maybe is not true or false"]),
        ("spotrunner/linux/family=c7g!", ["family 'c7g!' is not one like c7g, c7* or c7g.large"]),
        ("spotrunner/linux/family=+", ["family"]),
        ("spotrunner/linux/pool=warm", ["pool=warm is not true or false", "the configuration says"]),
        ("spotrunner/linux/disk=0", ["disk '0' is not a whole number of GiB from 1 to 16384"]),
        ("spotrunner/linux/disk=16385", ["disk '16385'"]),
        ("spotrunner/linux/disk=10.5", ["disk '10.5'"]),
        ("spotrunner/linux/image=a b", ["image 'a b' is not the name of an image"]),
        ("spotrunner/linux/retry=twice", ["retry=twice is not one of false, job, run"]),
        # The place is counted as a reader counts it.
        ("spotrunner/linux/cpu=4,rma=4", ["character 24", "did you mean 'ram'?"]),
        ("spotrunner/linux/Cpu=four", ["character 18", "'four'"]),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_label_the_word_and_the_cure(label: str, words: list[str]) -> None:
    with pytest.raises(Rejected) as refusal:
        parse((label,))

    assert repr(label) in str(refusal.value)
    for word in words:
        assert word in str(refusal.value)


@pytest.mark.parametrize(("text", "pool"), [("", None), ("/pool=false", False), ("/Pool=True", True)])
def test_a_job_may_say_whether_a_spare_machine_will_do(text: str, pool: bool | None) -> None:  # noqa: FBT001 - one of a table
    assert parse((f"spotrunner/linux{text}",)) == Wanted("linux", pool=pool)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_must_have_a_value(key: str) -> None:
    with pytest.raises(Rejected, match=f"'{key}=' needs a value"):
        parse((f"spotrunner/linux/{key}=",))


def test_labels_that_are_not_ours_may_stand_beside_the_one_that_is() -> None:
    wanted = parse(("self-hosted", "spotrunner/linux/cpu=4", "gpu"))

    assert wanted == Wanted("linux", cpu=Span(4, 4))


def test_two_labels_of_ours_are_refused_naming_both() -> None:
    with pytest.raises(Rejected, match="spotrunner/linux and spotrunner/ram=4: put all options into one"):
        parse(("spotrunner/linux", "spotrunner/ram=4"))


@pytest.mark.parametrize("labels", [(), ("ubuntu-latest",), ("spotrunners/linux",), ("my-spotrunner/linux",)])
def test_labels_of_others_are_not_ours(labels: tuple[str, ...]) -> None:
    assert not is_ours(labels)

    with pytest.raises(Rejected, match="begins with spotrunner/"):
        parse(labels)


@pytest.mark.parametrize("label", ["spotrunner", "SPOTRUNNER/linux", "spotrunner,linux", " spotrunner/??? "])
def test_a_badly_formed_label_of_ours_is_still_ours(label: str) -> None:
    assert is_ours(("self-hosted", label))


@given(WANTED)
def test_the_canonical_label_reads_back_to_the_same_wish(wanted: Wanted) -> None:
    assert parse((spell(wanted),)) == wanted


@given(WANTED, st.randoms(use_true_random=False))
def test_case_order_and_separator_do_not_matter(wanted: Wanted, dice: random.Random) -> None:
    marker, config, *options = spell(wanted).split("/")
    dice.shuffle(options)
    parts = [marker, config, *options]
    label = "".join(dice.choice("/,") + part for part in parts)[1:]
    label = "".join(dice.choice((letter.lower(), letter.upper())) for letter in label)

    assert parse((label,)) == wanted


@given(st.lists(st.text(), max_size=3).map(tuple))
def test_no_text_does_anything_worse_than_being_refused(labels: tuple[str, ...]) -> None:
    try:
        parse(labels)
    except Rejected:
        return

    assert is_ours(labels)


OPTION = st.one_of(
    st.text(alphabet="abcdefgimnoprstuw=+.0123456789/, \u0130\u00b2\u0664", max_size=12),
    st.builds("{}={}".format, st.sampled_from(KEYS), st.text(max_size=8)),
    st.builds("{}={}+{}".format, st.sampled_from(("cpu", "ram")), SIZE, SIZE),
)


@given(st.lists(OPTION, max_size=4))
def test_whatever_is_read_is_spelled_so_that_it_reads_the_same_again(options: list[str]) -> None:
    try:
        wanted = parse(("/".join(["spotrunner", "linux", *options]),))
    except Rejected:
        return

    assert parse((spell(wanted),)) == wanted
