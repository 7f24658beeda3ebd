"""From labels to machines: the configuration with the wishes laid over it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.domain import routing
from controller.domain.fleet_config import Arch, Os, Retry, RunnerConfig, Span
from controller.domain.labels import Wanted, parse
from controller.domain.launch import Disk
from controller.domain.offerings import Need
from controller.domain.policy import Rule
from controller.errors import Rejected
from tests.fakes import samples

EXTRAS: dict[str, Any] = {
    "retry": Retry.RUN,
    "images": {"ubuntu": "ami-1", "deb": "ami-2"},
    "image": "ubuntu",
    "disk": 80,
    "root_device": "/dev/xvda",
}
CONFIGS = {
    config.name: config
    for config in (
        samples.config("plain", cpu=Span(4.0, 4.0)),
        samples.config("roomy", cpu=Span(4, 8), ram=Span(16, 32), families=("m7i", "m7a"), spot=False, **EXTRAS),
        samples.config("imageless", cpu=Span(4, 8), ram=Span(16, 32), families=("m7i", "m7a")),
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
        ("spotrunner/imageless/arch=arm64", Need(Arch.ARM64, Span(4, 8), Span(16, 32), ())),
        ("spotrunner/imageless/arch=arm64/family=m8g", Need(Arch.ARM64, Span(4, 8), Span(16, 32), ("m8g",))),
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


@pytest.mark.parametrize(
    ("label", "retry"),
    [("plain", Retry.JOB), ("plain/retry=run", Retry.RUN), ("roomy", Retry.RUN), ("roomy/retry=false", Retry.FALSE)],
)
def test_the_label_decides_what_is_run_again_before_the_configuration_does(label: str, retry: Retry) -> None:
    assert resolve(f"spotrunner/{label}").retry is retry


def test_an_image_and_a_disk_are_the_configurations_unless_the_label_says_others() -> None:
    plain, own, asked = (resolve(f"spotrunner/{label}") for label in ("plain", "roomy", "roomy/image=deb/disk=9"))

    assert (plain.image, plain.disk) == ("", None)
    assert (own.image, own.disk) == ("ami-1", Disk("/dev/xvda", 80))
    assert (asked.image, asked.disk) == ("ami-2", Disk("/dev/xvda", 9))


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("roomy/image=debian", "configuration 'roomy' has no image 'debian'; did you mean 'deb'?"),
        ("plain/image=deb", "configuration 'plain' has no image 'deb'; known are none"),
        ("roomy/arch=arm64", "image 'ubuntu' of configuration 'roomy' is for x64, not for arm64"),
    ],
)
def test_an_image_that_the_configuration_does_not_have_is_refused(label: str, words: str) -> None:
    with pytest.raises(Rejected) as refusal:
        resolve(f"spotrunner/{label}")

    assert str(refusal.value) == words


def test_a_rule_that_takes_the_last_type_is_named() -> None:
    rule = Rule("small", most={"cpu": 2})

    with pytest.raises(Rejected, match=r"no machine type has 4 to 4 vCPU.*; rule 'small' refuses what else would fit"):
        routing.resolve(Wanted("plain"), CONFIGS.get, [rule])


def test_a_rule_keeps_a_configurations_own_disk_in_its_limits_too() -> None:
    with pytest.raises(Rejected, match="rule 'thin' of this stack does not allow a disk of 80 GiB"):
        routing.resolve(Wanted("roomy"), CONFIGS.get, [Rule("thin", most={"disk": 50})])


def test_a_job_read_from_another_language_keeps_its_wish() -> None:
    ours, theirs = samples.job(), samples.job(labels=("ubuntu-latest",), wanted="spotrunner/plain/cpu=8")

    assert routing.wish(ours) == Wanted("linux-4cpu")
    assert routing.wish(theirs) == Wanted("plain", cpu=Span(8, 8))


def test_labels_that_mean_the_same_machine_have_one_shape() -> None:
    same = {
        routing.shape(repository, resolve(label))
        for repository in ("octo/hello", "Octo/Hello")
        for label in ("spotrunner/plain", "SPOTRUNNER,plain,cpu=4", "spotrunner/plain/run=17/spot=true")
    }

    assert len(same) == 1


def test_every_difference_in_the_machine_or_the_repository_is_another_shape() -> None:
    labels = [
        "plain",
        "plain/cpu=8",
        "plain/ram=16",
        "plain/family=c7a",
        "plain/arch=arm64",
        "plain/spot=false",
        "arm",
        "plain/disk=9",
    ]
    shapes = {routing.shape("octo/hello", resolve(f"spotrunner/{label}")) for label in labels}
    shapes.add(routing.shape("octo/other", resolve("spotrunner/plain")))
    shapes.add(routing.shape("octo/hello", resolve("spotrunner/plain"), "corp"))

    assert len(shapes) == len(labels) + 2


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
