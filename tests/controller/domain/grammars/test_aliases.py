"""Aliases: ordered, literal or by expression, and never slow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.grammars.aliases import Alias, Hit, find
from controller.domain.recognition import MAX_LABEL
from controller.errors import Rejected

ALIASES = (
    Alias("ubuntu-latest", "spotrunner/linux"),
    Alias(r"^build-(\d+)cpu(?:-(?P<arch>arm64|x64))?$", "spotrunner/linux/cpu=$1", regex=True),
    Alias(r"^arch-(?P<arch>[a-z0-9]+)$", "spotrunner/linux/arch=${arch}", regex=True),
    Alias(r"gpu", "spotrunner/gpu", regex=True),
    Alias(r"build-.*", "spotrunner/never", regex=True),
)


@pytest.mark.parametrize(
    ("labels", "hit"),
    [
        (("ubuntu-latest",), Hit("ubuntu-latest", "spotrunner/linux")),
        (("Ubuntu-Latest",), Hit("Ubuntu-Latest", "spotrunner/linux")),
        (("self-hosted", "build-16cpu"), Hit("build-16cpu", "spotrunner/linux/cpu=16")),
        (("build-16cpu-arm64",), Hit("build-16cpu-arm64", "spotrunner/linux/cpu=16")),
        (("arch-arm64",), Hit("arch-arm64", "spotrunner/linux/arch=arm64")),
        # An expression without anchors is looked for anywhere, and the first alias wins.
        (("a-gpu-b",), Hit("a-gpu-b", "spotrunner/gpu")),
        (("build-x", "gpu"), Hit("gpu", "spotrunner/gpu")),
        (("ubuntu-latest-2",), None),
        ((), None),
        (("gpu" * 50,), None),
    ],
)
def test_the_first_alias_in_order_that_fits_wins(labels: tuple[str, ...], hit: Hit | None) -> None:
    assert find(labels, ALIASES) == hit


def test_what_is_caught_can_not_bring_options_of_its_own() -> None:
    greedy = Alias(r"^x-(.*)$", "spotrunner/linux/run=$1", regex=True)

    with pytest.raises(Rejected, match="catches 'a/spot=false', which can not stand in a label"):
        find(("x-a/spot=false",), [greedy])


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(a+)+$", "a repeated group"),
        ("(a|aa)*$", "a repeated group"),
        ("(?:a?){9}", "a repeated group"),
        (".*.*.*.*x", "too many repetitions"),
        ("^.*.*.*.*.*x", "too many repetitions"),
        ("a?" * 40 + "a" * 40, "too many repetitions"),
        ("(a|a)" * 25, "too many repetitions"),
        (r"(a)\1", "references back"),
        ("(?=a)a", "only plain, named"),
        ("(?i)a", "only plain, named"),
        ("(", "not a regular expression"),
        ("a" * 201, "at most 200"),
    ],
)
def test_an_expression_that_some_label_could_make_slow_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Alias(pattern, "spotrunner/linux", regex=True)


@pytest.mark.parametrize("to", ["spotrunner/linux/cpu=$2", "spotrunner/linux/cpu=${cpu}"])
def test_a_part_that_nothing_catches_is_refused(to: str) -> None:
    with pytest.raises(ValueError, match="does not catch"):
        Alias("^a-(b)$", to, regex=True)


@pytest.mark.parametrize(
    "pattern", [".*.*.*", "^.*.*.*(a|b)x", "[a-z]*[a-z]*x", "^a?a?a?a?.*x", r"^(\w+)-(\w+)-(\w+)$"]
)
def test_the_slowest_that_is_taken_is_done_in_a_moment(pattern: str) -> None:
    alias = Alias(pattern, "spotrunner/linux", regex=True)
    labels = tuple(text[:MAX_LABEL] for text in ("a" * MAX_LABEL, "a-" * MAX_LABEL, "ab" * MAX_LABEL))

    assert find((*labels,), [alias]) in {None, *(Hit(label, "spotrunner/linux") for label in labels)}


@given(st.text("ab(|)*+?{}[]^$.\\d1,:P<n>", max_size=20), st.text(max_size=120))
def test_any_expression_is_refused_or_answers(pattern: str, label: str) -> None:
    try:
        alias = Alias(pattern or "a", "spotrunner/linux", regex=True)
    except ValueError:
        return

    find((label,), [alias])
