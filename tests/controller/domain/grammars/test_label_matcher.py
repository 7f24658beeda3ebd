"""terraform-aws-github-runner's matcher, by the vectors of its own sources."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.grammars.label_matcher import (
    DynamicPolicy,
    Matcher,
    Mode,
    Restriction,
    divided,
    fit,
    matches,
)

LINUX = (("self-hosted", "linux", "x64"),)

VECTORS = [
    (Mode.EXACT, ("self-hosted", "linux"), True, False),
    (Mode.EXACT, ("self-hosted", "linux", "gpu"), False, False),
    (Mode.LOOSE, ("gpu", "linux"), True, True),
    (Mode.LOOSE, ("linux",), True, False),
    (Mode.BIDIRECTIONAL, ("Self-Hosted", "LINUX", "x64"), True, False),
    (Mode.BIDIRECTIONAL, ("self-hosted", "linux"), False, False),
    (Mode.LOOSE, ("ghr-team:x",), True, True),
    (Mode.EXACT, ("ghr-team:x",), False, False),
    (Mode.BIDIRECTIONAL, ("ghr-team:x",), False, False),
]
"""Mode, the job's labels, whether they match, and whether only an oddity makes them."""


@pytest.mark.parametrize(("mode", "labels", "fits", "odd"), VECTORS)
def test_a_vector_matches_as_it_does_there(mode: Mode, labels: tuple[str, ...], fits: bool, odd: bool) -> None:  # noqa: FBT001 - a table of cases
    static, _ = divided(labels)

    match = fit(static, Matcher("linux", LINUX, mode))

    assert (match is not None) is fits
    assert bool(match and match.quirk) is odd


def test_badly_formed_dynamic_labels_are_dropped() -> None:
    static, dynamic = divided(("Linux", "ghr-ec2-instance-type:c7g.large", "ghr-a b", "ghr-" + "x" * 125, "ghr-x=1"))

    assert static == ("linux",)
    assert dynamic == ("ghr-ec2-instance-type:c7g.large",)


def test_strict_configurations_are_asked_first_and_then_by_priority_and_name() -> None:
    loose = Matcher("a", LINUX, Mode.LOOSE, priority=1)
    late, early, named = Matcher("b", LINUX), Matcher("c", LINUX, priority=5), Matcher("a2", LINUX)

    found = matches(("linux",), [loose, late, named, early])

    assert [match.matcher.key for match in found] == ["c", "a2", "b"]


def test_only_matches_of_the_first_ones_mode_count() -> None:
    found = matches(
        ("gpu",), [Matcher("x", LINUX), Matcher("l", (("gpu",),), Mode.LOOSE), Matcher("m", (("gpu",),), Mode.LOOSE)]
    )

    assert [match.matcher.key for match in found] == ["l", "m"]
    assert matches(("windows",), [Matcher("x", LINUX)]) == []


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("ghr-ec2-image-id:ami-1", "image-id is blocked"),
        ("ghr-ec2-instance-type:c7g.large", ""),
        ("ghr-ec2-instance-type:C7g.large", "instance-type=C7g.large is not one of c7g.*"),
        ("ghr-ec2-instance-type:c7g.metal", "instance-type=c7g.metal is denied"),
        ("ghr-ec2-instance-type", ""),
        ("ghr-ec2-vcpu-count-max:16", ""),
        ("ghr-ec2-vcpu-count-max:17", "vcpu-count-max=17 is more than 16"),
        ("ghr-ec2-vcpu-count-max:many", "vcpu-count-max=many is more than 16"),
        ("ghr-ec2-anything:x", ""),
        ("ghr-team:x", ""),
    ],
)
def test_a_policy_says_which_dynamic_label_it_does_not_take(label: str, words: str) -> None:
    policy = DynamicPolicy(
        frozenset({"image-id"}),
        {
            "instance-type": Restriction(allowed=("c7g.*",), denied=("*.metal",)),
            "vcpu-count-max": Restriction(most=16),
        },
    )

    assert policy.violation(label) == words


def test_a_job_with_dynamic_labels_goes_to_the_first_that_takes_them() -> None:
    deaf = Matcher("a", LINUX)
    strict = Matcher("b", LINUX, dynamic=True, policy=DynamicPolicy(frozenset({"max-price"})))
    open_ = Matcher("c", LINUX, dynamic=True)

    assert [m.matcher.key for m in matches(("linux", "ghr-ec2-max-price:1"), [deaf, strict, open_])] == ["c"]
    assert matches(("linux", "ghr-ec2-max-price:1"), [deaf, strict]) == []


@given(st.lists(st.text(max_size=20), max_size=5), st.sampled_from(Mode))
def test_a_match_without_an_oddity_has_every_label_of_the_job(labels: list[str], mode: Mode) -> None:
    for match in matches(labels, [Matcher("a", (*LINUX, tuple(labels[:2])), mode)]):
        if not match.quirk:
            offered = [{label.lower() for label in row} for row in match.matcher.sets]
            assert any(set(divided(labels)[0]) <= row for row in offered)
