"""One wish out of whichever language a job's labels are in, and its labels verbatim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.fleet_config import Arch, Span
from controller.domain.grammars.aliases import Alias
from controller.domain.grammars.label_matcher import Matcher, Mode
from controller.domain.labels import Wanted, parse, spell
from controller.domain.reading import Reading, read, recognition
from controller.domain.rules import Assignment, Forks, Rules, Trust
from controller.errors import Rejected

RULES = Rules(
    grammars={"runs-on": "small", "runs-fleet": "fleet"},
    aliases=(Alias("ubuntu-latest", "spotrunner/ubuntu"), Alias(r"^(\d+)cpu$", "spotrunner/linux/cpu=$1", regex=True)),
    matchers=(
        Assignment(Matcher("spotrunner/gpu", (("self-hosted", "gpu"),))),
        Assignment(Matcher("spotrunner/odd", (("self-hosted", "odd"),), Mode.LOOSE), quirks=True),
        Assignment(Matcher("spotrunner/even", (("self-hosted", "even"),), Mode.LOOSE)),
    ),
)


@pytest.mark.parametrize(
    ("labels", "wanted", "grammar"),
    [
        (("self-hosted", "spotrunner/linux/cpu=4"), Wanted("linux", cpu=Span(4, 4)), "spotrunner"),
        (("runs-on=7/cpu=4/env=dev",), Wanted("small", cpu=Span(4, 4), env="dev", run="7"), "runs-on"),
        (("runs-on=7", "runner=big"), Wanted("big", run="7"), "runs-on"),
        (
            ("runs-fleet=7/arch=arm64/family=c7g",),
            Wanted("fleet", cpu=Span(2, 4), arch=Arch.ARM64, families=("c7g",), run="7"),
            "runs-fleet",
        ),
        (("Ubuntu-Latest",), Wanted("ubuntu"), "alias Ubuntu-Latest"),
        (("16cpu",), Wanted("linux", cpu=Span(16, 16)), "alias 16cpu"),
        (("self-hosted", "GPU"), Wanted("gpu"), "matcher"),
    ],
)
def test_every_language_that_is_switched_on_is_read(labels: tuple[str, ...], wanted: Wanted, grammar: str) -> None:
    assert recognition(RULES)(labels)
    assert read(labels, RULES) == Reading(wanted, labels, grammar)


def test_an_oddity_counts_only_where_it_is_wanted_and_is_told() -> None:
    odd = read(("odd", "big"), RULES)

    assert odd.wanted == Wanted("odd")
    assert odd.warnings == ("the runner lacks big, which the job asks for",)
    assert not recognition(RULES)(("even", "big"))


@pytest.mark.parametrize("labels", [("runs-on=7/cpu=4",), ("runs-fleet",), ("ubuntu-latest",), ("self-hosted", "gpu")])
def test_a_language_that_is_not_switched_on_is_not_ours(labels: tuple[str, ...]) -> None:
    assert not recognition(Rules())(labels)
    with pytest.raises(Rejected, match="begins with spotrunner/"):
        read(labels, Rules())


def test_a_label_of_our_own_counts_before_all_others() -> None:
    assert read(("ubuntu-latest", "spotrunner/linux", "runs-on"), RULES).wanted == Wanted("linux")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (("runs-on/cpus=4",), "unknown key 'cpus'"),
        (("runs-fleet/foo=bar",), "would ignore 'foo=bar'"),
        (("spotrunner/linux/foo=bar",), "unknown key 'foo'"),
    ],
)
def test_what_is_unknown_is_refused_in_every_language(labels: tuple[str, ...], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        read(labels, RULES)


LABEL = st.text(max_size=30) | st.builds(
    "{}/{}".format,
    st.sampled_from(["runs-on", "runs-on=1", "runs-fleet", "runs-fleet=a b", "spotrunner"]),
    st.text("abcdefgimnoprstuw=+.0123/, ", max_size=20),
)


@given(st.lists(LABEL, max_size=3).map(tuple))
def test_whatever_is_read_was_ours_and_reads_the_same_again_as_a_label_of_ours(labels: tuple[str, ...]) -> None:
    try:
        found = read(labels, RULES)
    except Rejected:
        return

    assert recognition(RULES)(labels)
    assert parse((spell(found.wanted),)) == found.wanted
    assert found.register == tuple(dict.fromkeys(labels))


def test_a_fork_is_served_like_any_other_routed_or_refused() -> None:
    wanted = Wanted("big", cpu=Span(64, 64), run="7")

    assert Forks().applied(wanted) == wanted
    assert Forks(Trust.ROUTE, "fork-small").applied(wanted) == Wanted("fork-small", run="7")
    with pytest.raises(Rejected, match="comes from a fork"):
        Forks(Trust.REFUSE).applied(wanted)


@pytest.mark.parametrize("fields", [{"trust": Trust.ROUTE}, {"trust": Trust.REFUSE, "config": "a"}, {"config": "a"}])
def test_a_fork_policy_that_contradicts_itself_can_not_be_made(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="goes with `route`"):
        Forks(**fields)  # type: ignore[arg-type]  # a table of cases


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"grammars": {"runs-off": "a"}}, "grammars: 'runs-off'"),
        ({"aliases": (Alias("a", "ubuntu"),)}, "begins with spotrunner/"),
        ({"matchers": (Assignment(Matcher("spotrunner/a/b=c", (("a",),))),)}, "unknown key 'b'"),
    ],
)
def test_rules_that_can_never_work_can_not_be_made(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Rules(**fields)  # type: ignore[arg-type]  # a table of cases
