"""What the operator of a stack decides, typed, and checked as a whole before anything is deployed."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.region import Place
from controller.settings import Settings
from infra.values import PROJECT, Values

PLATFORMS = ("linux/x64", "linux/arm64")
"""Those with a launch template; Windows comes later."""

LOG_DAYS = frozenset({1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 3653})
"""CloudWatch Logs keeps for such numbers of days and no others."""

DURATIONS = frozenset(field.name for field in dataclasses.fields(Settings) if isinstance(field.default, float))
"""The fields of `Settings` that a stack may set for itself: each is a number of seconds."""

DEAD = "-dead"
"""What the name of a dead-letter queue ends with."""

_ADDRESS = r"https?://\S*[^/\s]"
_AN_ADDRESS = "an address without a slash at its end"
_TOPIC = r"arn:[\w-]+:sns:[\w-]+:\d{12}:[\w.-]+"
_WIDEST, _NARROWEST = 16, 22
"""A VPC holds at most a /16; a /22 leaves each of three zones about 250 machines."""


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """A VPC made for this stack."""

    cidr: str
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GivenNetwork:
    """A VPC that is there already; its subnets must reach the internet."""

    vpc: str
    subnets: Mapping[str, str]
    """Zone to subnet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig:
    """One stack, as `stacks/Pulumi.<environment>-<region>.yaml` describes it."""

    environment: str
    place: Place
    app_id: str
    github_api_url: str
    network: OwnNetwork | GivenNetwork
    images: Mapping[str, str]
    """Platform to AMI."""
    disk_gib: int
    disk_throughput: int
    log_days: int
    protect: bool
    """Whether tables, secrets and the bucket withstand a `pulumi destroy`."""
    alarm_topic: str
    """ARN of an SNS topic; empty: alarms only change colour."""
    service_roles: bool
    otlp_endpoint: str
    settings: Mapping[str, float]
    """Durations of `Settings` that differ from their defaults."""
    build: Path

    @property
    def stack(self) -> str:
        """Every resource's name begins with it."""
        return f"{self.environment}-{self.place.region}"

    @property
    def claim_deadline_s(self) -> float:
        """How long a machine tries to get work, from its boot."""
        return self.settings.get("claim_deadline_s", _default("claim_deadline_s"))

    @property
    def config_prefix(self) -> str:
        """Where the runner configurations lie in the parameter store."""
        return f"/{PROJECT}/{self.stack}/runner-configs/"


def read(stack: str, given: Mapping[str, object]) -> StackConfig:
    """The configuration in Pulumi's `namespace:key` values; raises `BadConfig` naming every fault."""
    values = Values(dict(given))
    place = Place(
        values.text("aws:region", r"[a-z]{2}(-[a-z]+)+-\d", "a region"),
        values.text("account", r"\d{12}", "the account's twelve digits, in quotes"),
    )
    config = StackConfig(
        environment=_environment(values, stack, place),
        place=place,
        app_id=values.text("appId", r"\d+", "the number on the GitHub App's page, in quotes"),
        github_api_url=values.text("githubApiUrl", _ADDRESS, _AN_ADDRESS, "https://api.github.com"),
        network=_network(values, place),
        images=_images(values),
        disk_gib=values.number("diskGib", 40, 10, 16_384),
        disk_throughput=values.number("diskThroughput", 250, 125, 750),
        log_days=_log_days(values),
        protect=values.flag("protect", default=True),
        alarm_topic=values.text("alarmTopic", _TOPIC, "the ARN of an SNS topic", ""),
        service_roles=values.flag("serviceRoles", default=False),
        otlp_endpoint=values.text("otlpEndpoint", _ADDRESS, _AN_ADDRESS, ""),
        settings=_settings(values),
        build=Path(values.text("build", r"\S.*", "a folder", "build/lambda")),
    )
    values.finish(stack)
    return config


def _default(setting: str) -> float:
    defaults = {field.name: field.default for field in dataclasses.fields(Settings)}
    return float(str(defaults[setting]))


def _environment(values: Values, stack: str, place: Place) -> str:
    name = stack.removesuffix(f"-{place.region}")
    if name == stack or not re.fullmatch(r"[a-z][a-z0-9-]{0,14}[a-z0-9]", name):
        wanted = f"<environment>-{place.region or '<region>'}, the environment in 2 to 16 of a-z, 0-9 and -"
        values.faults.append(f"stack {stack!r} is not {wanted}")
    return name


def _log_days(values: Values) -> int:
    days = values.number("logDays", 30, min(LOG_DAYS), max(LOG_DAYS))
    if days not in LOG_DAYS:
        values.fault("logDays", f"{days} is not one of {', '.join(map(str, sorted(LOG_DAYS)))}")
    return days


def _network(values: Values, place: Place) -> OwnNetwork | GivenNetwork:
    vpc = values.text("vpc", r"vpc-[0-9a-f]+", "the id of a VPC", "")
    subnets = values.mapping("subnets")
    cidr = values.text("vpcCidr", r"\S+", "a range", "10.80.0.0/16")
    zones = values.text("zones", r".+", "zones with commas between", ",".join(place.zones()))
    if vpc or subnets:
        return _given(values, place, GivenNetwork(vpc, subnets))
    return _own(values, place, OwnNetwork(cidr, tuple(zone.strip() for zone in zones.split(","))))


def _given(values: Values, place: Place, network: GivenNetwork) -> GivenNetwork:
    if not network.vpc or not network.subnets:
        values.fault("subnets" if network.vpc else "vpc", "missing; a given VPC and its subnets go together")
    for zone, subnet in network.subnets.items():
        if not _is_zone(zone, place) or not re.fullmatch(r"subnet-[0-9a-f]+", subnet):
            values.fault(f"subnets.{zone}", f"{subnet!r} is not a subnet in a zone of {place.region}")
    return network


def _own(values: Values, place: Place, network: OwnNetwork) -> OwnNetwork:
    if not all(_is_zone(zone, place) for zone in network.zones):
        values.fault("zones", f"{', '.join(network.zones) or 'none'}: name zones of {place.region}")
    try:
        fits = _WIDEST <= ipaddress.IPv4Network(network.cidr).prefixlen <= _NARROWEST
    except ValueError:
        fits = False
    if not fits:
        values.fault("vpcCidr", f"{network.cidr!r} is not a range between a /{_WIDEST} and a /{_NARROWEST}")
    return network


def _is_zone(zone: str, place: Place) -> bool:
    return re.fullmatch(rf"{re.escape(place.region)}[a-z]", zone) is not None


def _images(values: Values) -> dict[str, str]:
    images = values.mapping("images")
    if not images:
        values.fault("images", f"missing; an AMI for at least one of {', '.join(PLATFORMS)}")
    for platform, image in images.items():
        if platform not in PLATFORMS:
            values.fault(f"images.{platform}", f"not one of {', '.join(PLATFORMS)}")
        if not re.fullmatch(r"ami-[0-9a-f]+", image):
            values.fault(f"images.{platform}", f"{image!r} is not an AMI's id")
    return images


def _settings(values: Values) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in values.mapping("settings").items():
        if name not in DURATIONS:
            values.fault(f"settings.{name}", f"not one of {', '.join(sorted(DURATIONS))}")
        if not re.fullmatch(r"\d+(\.\d+)?", value):
            values.fault(f"settings.{name}", f"{value!r} is not a number of seconds")
        else:
            found[name] = float(value)
    return found
