"""What the operator of a stack decides, typed, and checked as a whole before anything is deployed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from controller import wiring
from controller.region import Place
from controller.settings import Settings
from controller.wiring import FUNCTIONS, Poll
from infra.front_settings import Front, read_front
from infra.github_settings import ADDRESS, AN_ADDRESS, AN_APP_ID, APP_IDS, FurtherServer, app_ids, read_servers
from infra.machine_roles import A_POLICY, POLICY, MachineRole, read_machine_roles
from infra.network_settings import GivenNetwork, OwnNetwork, Shell, read_network, read_shell
from infra.values import PROJECT, Values

PLATFORMS = ("linux/x64", "linux/arm64", "windows/x64")
"""Those with a launch template."""

LOG_DAYS = frozenset({1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 3653})
"""CloudWatch Logs keeps for such numbers of days and no others."""

DURATIONS = frozenset(field.name for field in dataclasses.fields(Settings) if isinstance(field.default, float))
"""The fields of `Settings` that a stack may set for itself: each is a number of seconds."""

DEAD = wiring.DEAD
"""What the name of a dead-letter queue ends with."""

_REGION = r"[a-z]{2}(-[a-z]+)+-\d"
_TOPIC = r"arn:[\w-]+:sns:[\w-]+:\d{12}:[\w.-]+"
_SLOWEST_FILL = 100
_MAILBOX = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Encryption(StrEnum):
    """Whose KMS keys encrypt what lies still; nothing ever lies unencrypted."""

    AWS = "aws"
    """AWS's, which cost nothing and need no right."""
    OWN = "own"
    """Keys of the stack and of its environment, under policies of the account's own."""


@dataclass(frozen=True, slots=True)
class Slack:
    """A channel of a workspace that is authorised in the console of Amazon Q Developer in chat applications."""

    team: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig:
    """One stack, as `stacks/Pulumi.<environment>-<region>.yaml` describes it."""

    environment: str
    place: Place
    app_id: str
    github_api_url: str
    more_apps: tuple[str, ...] = ()
    """Further Apps on the first server: they share its registrations, and have no webhook."""
    servers: tuple[FurtherServer, ...] = ()
    regions: tuple[str, ...]
    """The environment's regions, this one among them; the first is in charge of jobs that name none."""
    tables: str
    """The region whose stack makes the environment's tables; the others find them by their names."""
    network: OwnNetwork | GivenNetwork
    shell: Shell
    front: Front
    reserved: Mapping[str, int]
    """Function to the concurrency kept for it alone; a new account has ten in all, so by default for none."""
    images: Mapping[str, str]
    """Platform to AMI."""
    machine_roles: tuple[MachineRole, ...] = ()
    """Of the configurations whose machines have a role of their own."""
    disk_gib: int
    disk_throughput: int
    disk_initialization: int
    """MiB/s at which a new disk is filled from its snapshot before anybody reads it; 0: as it is read."""
    log_days: int
    archive_days: int
    """How long the record of ended jobs is kept once it has left the tables."""
    artifact_days: int
    """How long what jobs keep in the artifacts bucket is kept."""
    encryption: Encryption
    replicate_cache: bool
    """Whether what is new in the runner cache is copied to the environment's other regions."""
    protect: bool
    """Whether tables, secrets and the bucket withstand a `pulumi destroy`."""
    alarm_topic: str
    """ARN of an SNS topic that is there already; empty: only `alert_emails` hear of alarms."""
    alert_emails: tuple[str, ...]
    """Who is written to when an alarm rises or money runs out."""
    slack: Slack | None
    """The channel that hears of alarms; None: none."""
    monthly_budget: int
    """Dollars that everything of this stack may cost a month before somebody is told; 0: no budget."""
    boundary: str
    """ARN of the policy that bounds every role of the stack; empty: none."""
    service_roles: bool
    otlp_endpoint: str
    routing: bool = False
    """Whether the parameter `_routing` beside the runner configurations is read; the operator writes it."""
    settings: Mapping[str, float]
    """Durations of `Settings` that differ from their defaults."""
    build: Path

    @property
    def stack(self) -> str:
        """Every resource's name begins with it."""
        return f"{self.environment}-{self.place.region}"

    @property
    def owns_shared(self) -> bool:
        """Whether this stack makes what its environment's regions share: tables, secrets and their key."""
        return self.tables == self.place.region

    @property
    def keeps_artifacts(self) -> tuple[str, ...]:
        """The configurations whose jobs have a place in the artifacts bucket, which is there for them alone."""
        return tuple(role.config for role in self.machine_roles if role.artifacts)

    @property
    def peers(self) -> tuple[str, ...]:
        """The environment's other regions."""
        return tuple(region for region in self.regions if region != self.place.region)

    @property
    def claim_deadline_s(self) -> float:
        """How long a machine tries to get work, from its boot."""
        return self.settings.get("claim_deadline_s", _default("claim_deadline_s"))

    @property
    def config_prefix(self) -> str:
        """Where the runner configurations lie in the parameter store."""
        return f"/{PROJECT}/{self.stack}/runner-configs/"


def read(stack: str, given: Mapping[str, object], secrets: Collection[str] = ()) -> StackConfig:
    """The configuration in Pulumi's `namespace:key` values; raises `BadConfig` naming every fault.

    `secrets` are the keys of those that Pulumi keeps encrypted.
    """
    values = Values(dict(given), secrets)
    place = Place(
        values.text("aws:region", _REGION, "a region"),
        values.text("account", r"\d{12}", "the account's twelve digits, in quotes"),
    )
    regions, tables = _regions(values, place)
    environment = _environment(values, stack, place)
    apps = app_ids(values.text("appId", APP_IDS, AN_APP_ID)) or ("",)
    api_url = values.text("githubApiUrl", ADDRESS, AN_ADDRESS, "https://api.github.com")
    servers = read_servers(values, api_url)
    config = StackConfig(
        regions=regions,
        tables=tables,
        environment=environment,
        place=place,
        app_id=apps[0],
        more_apps=tuple(apps[1:]),
        github_api_url=api_url,
        servers=servers,
        network=read_network(values, place),
        shell=read_shell(values),
        front=read_front(values, place),
        reserved=_reserved(values),
        images=_images(values),
        machine_roles=read_machine_roles(values, [server.name for server in servers]),
        disk_gib=values.number("diskGib", 40, 10, 16_384),
        disk_throughput=values.number("diskThroughput", 250, 125, 750),
        disk_initialization=_disk_initialization(values),
        log_days=_log_days(values),
        archive_days=values.number("archiveDays", 365, 1, 3_653),
        artifact_days=values.number("artifactDays", 30, 1, 3_653),
        encryption=Encryption(values.choice("encryption", [each.value for each in Encryption])),
        replicate_cache=values.flag("replicateCache", default=False),
        protect=values.flag("protect", default=True),
        alarm_topic=values.text("alarmTopic", _TOPIC, "the ARN of an SNS topic", ""),
        alert_emails=_alert_emails(values),
        slack=_slack(values),
        monthly_budget=values.number("monthlyBudget", 0, 0, 10_000_000),
        boundary=values.text("permissionsBoundary", POLICY, A_POLICY, ""),
        service_roles=values.flag("serviceRoles", default=False),
        routing=values.flag("routing", default=False),
        otlp_endpoint=values.text("otlpEndpoint", ADDRESS, AN_ADDRESS, ""),
        settings=_settings(values),
        build=Path(values.text("build", r"\S.*", "a folder", "build/lambda")),
    )
    if config.monthly_budget and not (config.alert_emails or config.alarm_topic or config.slack):
        values.fault("alertEmails", "missing; somebody must hear of the budget")
    if config.replicate_cache and not config.peers:
        values.fault("replicateCache", "this stack is alone in its environment; name the others in `regions`")
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


def _regions(values: Values, place: Place) -> tuple[tuple[str, ...], str]:
    regions = values.names("regions") or (place.region,)
    for region in regions:
        if not re.fullmatch(_REGION, region):
            values.fault("regions", f"{region!r} is not a region")
    if place.region not in regions:
        values.fault("regions", f"{place.region}, the region of this stack, is not among {', '.join(regions)}")
    tables = values.text("tables", _REGION, "a region", regions[0])
    if tables not in regions:
        values.fault("tables", f"{tables!r} is not one of the environment's regions: {', '.join(regions)}")
    return regions, tables


def _reserved(values: Values) -> dict[str, int]:
    found: dict[str, int] = {}
    least = {each.name: each.trigger.max_concurrency if isinstance(each.trigger, Poll) else 1 for each in FUNCTIONS}
    for name, value in values.mapping("reservedConcurrency").items():
        if name not in least:
            values.fault(f"reservedConcurrency.{name}", f"not one of {', '.join(least)}")
        elif not (value.isdecimal() and int(value) >= least[name]):
            values.fault(f"reservedConcurrency.{name}", f"{value!r} is not a whole number from {least[name]}")
        else:
            found[name] = int(value)
    return found


def _log_days(values: Values) -> int:
    days = values.number("logDays", 30, min(LOG_DAYS), max(LOG_DAYS))
    if days not in LOG_DAYS:
        values.fault("logDays", f"{days} is not one of {', '.join(map(str, sorted(LOG_DAYS)))}")
    return days


def _disk_initialization(values: Values) -> int:
    rate = values.number("diskInitialization", 0, 0, 300)
    if 0 < rate < _SLOWEST_FILL:
        values.fault("diskInitialization", f"{rate} is neither 0 nor from {_SLOWEST_FILL} to 300")
    return rate


def _alert_emails(values: Values) -> tuple[str, ...]:
    found = values.names("alertEmails")
    for address in found:
        if not _MAILBOX.fullmatch(address):
            values.fault("alertEmails", f"{address!r} is not an e-mail address")
    return found


def _slack(values: Values) -> Slack | None:
    team = values.text("slackTeam", r"[0-9A-Z]{1,255}", "the id of a Slack workspace, as in T0123ABCD", "")
    channel = values.text("slackChannel", r"[0-9A-Za-z]{1,255}", "the id of a Slack channel, as in C0123ABCD", "")
    if bool(team) != bool(channel):
        values.fault("slackChannel" if team else "slackTeam", "missing; a workspace and its channel go together")
    return Slack(team, channel) if team and channel else None


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
