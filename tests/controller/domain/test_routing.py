"""From labels to machines: the configuration with the wishes laid over it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain import routing
from controller.domain.fleet_config import Arch, Os, RunnerConfig, Span
from controller.domain.labels import Wanted, parse
from controller.domain.offerings import Need
from controller.errors import Rejected
from tests.fakes import samples

CONFIGS = {
    config.name: config
    for config in (
        samples.config("plain", cpu=Span(4.0, 4.0)),
        samples.config("roomy", cpu=Span(4, 8), ram=Span(16, 32), families=("m7i", "m7a"), spot=False),
        samples.config("windows", cpu=Span(8, 8), os=Os.WINDOWS),
        samples.config("arm", cpu=Span(2, 2), arch=Arch.ARM64),
    )
}


def resolve(label: str) -> routing.Route:
    return routing.resolve(parse((label,)), CONFIGS.get)


def test_a_bare_name_gets_what_its_configuration_says() -> None:
    route = resolve("spotrunner/roomy")

    assert route.config is CONFIGS["roomy"]
    assert route.need == Need(Arch.X64, Span(4, 8), Span(16, 32), ("m7i", "m7a"))
    assert not route.spot
    assert {kind.family for kind in route.types} == {"m7i", "m7a"}


@pytest.mark.parametrize(
    ("label", "need"),
    [
        ("spotrunner/roomy/ram=32", Need(Arch.X64, Span(4, 8), Span(32, 32), ("m7i", "m7a"))),
        ("spotrunner/roomy/family=r7i", Need(Arch.X64, Span(4, 8), Span(16, 32), ("r7i",))),
        # A new processor count makes the configuration's memory meaningless unless it is given too.
        ("spotrunner/roomy/cpu=16", Need(Arch.X64, Span(16, 16), None, ("m7i", "m7a"))),
        ("spotrunner/roomy/cpu=16/ram=64", Need(Arch.X64, Span(16, 16), Span(64, 64), ("m7i", "m7a"))),
        # So does another architecture with the families.
        ("spotrunner/roomy/arch=arm64", Need(Arch.ARM64, Span(4, 8), Span(16, 32), ())),
        ("spotrunner/roomy/arch=arm64/family=m8g", Need(Arch.ARM64, Span(4, 8), Span(16, 32), ("m8g",))),
    ],
)
def test_a_wish_is_laid_over_the_configuration(label: str, need: Need) -> None:
    assert resolve(label).need == need


@pytest.mark.parametrize(
    ("label", "spot"),
    [
        ("spotrunner/plain", True),
        ("spotrunner/plain/spot=false", False),
        ("spotrunner/roomy", False),
        ("spotrunner/roomy/spot=true", True),
    ],
)
def test_the_label_decides_about_spot_before_the_configuration_does(label: str, spot: bool) -> None:  # noqa: FBT001 - a table of cases
    assert resolve(label).spot is spot


def test_an_unknown_configuration_is_refused_by_its_name() -> None:
    with pytest.raises(Rejected, match="no runner configuration 'linx'"):
        resolve("spotrunner/linx")


def test_a_machine_that_does_not_exist_is_refused_in_words() -> None:
    with pytest.raises(
        Rejected, match="no machine type has 3 to 3 vCPU, architecture x64, 7 to 8 GiB, family m7i or m7a; widen"
    ):
        resolve("spotrunner/roomy/cpu=3/ram=7+8")


@pytest.mark.parametrize(
    ("label", "platform"),
    [
        ("spotrunner/plain", "linux/x64"),
        ("spotrunner/plain/arch=arm64", "linux/arm64"),
        ("spotrunner/arm", "linux/arm64"),
        ("spotrunner/windows", "windows/x64"),
    ],
)
def test_the_launch_template_follows_the_architecture_that_was_asked_for(label: str, platform: str) -> None:
    assert resolve(label).platform == platform


def test_labels_that_mean_the_same_machine_have_one_shape() -> None:
    same = {
        routing.shape(repository, resolve(label))
        for repository in ("octo/hello", "Octo/Hello")
        for label in ("spotrunner/plain", "SPOTRUNNER,plain,cpu=4", "spotrunner/plain/run=17/spot=true")
    }

    assert len(same) == 1


def test_every_difference_in_the_machine_or_the_repository_is_another_shape() -> None:
    labels = ["plain", "plain/cpu=8", "plain/ram=16", "plain/family=c7a", "plain/arch=arm64", "plain/spot=false", "arm"]
    shapes = {routing.shape("octo/hello", resolve(f"spotrunner/{label}")) for label in labels}
    shapes.add(routing.shape("octo/other", resolve("spotrunner/plain")))

    assert len(shapes) == len(labels) + 1


def test_two_configurations_of_equal_machines_do_not_share_a_shape() -> None:
    # They may register with other groups and labels.
    twin = replace(CONFIGS["plain"], name="twin")
    finds: dict[str, RunnerConfig] = {**CONFIGS, "twin": twin}

    other = routing.resolve(Wanted("twin"), finds.get)

    assert routing.shape("octo/hello", other) != routing.shape("octo/hello", resolve("spotrunner/plain"))


@pytest.mark.parametrize(
    ("env", "region", "here"),
    [
        ("", "", True),
        ("prod", "", True),
        ("", "eu-west-1", True),
        ("prod", "eu-west-1", True),
        ("dev", "", False),
        ("", "us-east-1", False),
        ("prod", "us-east-1", False),
        ("dev", "eu-west-1", False),
    ],
)
def test_a_job_is_here_unless_it_names_another_environment_or_region(env: str, region: str, here: bool) -> None:  # noqa: FBT001 - a table of cases
    assert routing.is_here(Wanted("plain", env=env, region=region), "Prod", "EU-west-1") is here
