"""The environment of a function, read once at its door and typed; nothing else reads the environment.

A field `jobs_table` is the variable `SPOTRUNNER_JOBS_TABLE`. Infrastructure and local mode write the
variables from the same fields, so a name can not differ between them.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass

from controller.errors import Rejected
from runner_agent.contract.sigv4 import Credentials

PREFIX = "SPOTRUNNER_"

FRONT_HEADER = "x-spotrunner-front"
"""In which a stack's front door shows the webhook that a delivery came by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a stack tells its functions. Durations are seconds; addresses have no trailing slash."""

    stack: str
    """`<environment>-<region>`; every resource name begins with it."""
    region: str
    jobs_table: str
    runners_table: str
    launches_table: str
    memory_table: str
    jobs_queue_url: str
    reports_queue_url: str
    housekeeping_queue_url: str
    events_queue_url: str
    regions: str = ""
    """`us-east-1,eu-west-1`: the environment's regions, the first in charge of jobs that name none; empty: one."""
    peer_queues: str = ""
    """`eu-west-1/jobs=https://…,eu-west-1/reports=https://…`: the other regions' queues."""
    webhook_secret_id: str
    """Secrets Manager: the webhook secret; several, one to a line, while one is being replaced."""
    app_key_secret_id: str
    """Secrets Manager: the GitHub App's private key in PEM form."""
    app_id: str
    github_api_url: str = "https://api.github.com"
    github_servers: str = ""
    """`corp=https://ghe.example.com/api/v3,eu=https://api.octo.ghe.com`: further servers, by the names jobs get."""
    further_webhook_secret_id: str = ""
    """`corp=<secret>,eu=<secret>`: the further servers' webhook secrets."""
    further_apps: str = ""
    """`/<app id>=<secret>,corp/<app id>=<secret>`: Apps and their keys; of a named server the first has the webhook."""
    config_prefix: str
    """SSM parameters `<prefix><name>` hold the runner configurations."""
    routing_parameter: str = ""
    """The SSM parameter with the routing document; empty: no rules, and no language but our own."""
    launch_templates: str
    """`linux/x64=lt-…,linux/arm64=lt-…,windows/x64=lt-…`"""
    machine_roles: str = ""
    """`deploy=octo/deployer octo/infra-*,gpu=*`: configurations with a role of their own, for whose jobs they are."""
    role_templates: str = ""
    """`linux/x64/deploy=lt-…`: the launch templates with those roles."""
    artifacts: str = ""
    """`deploy=s3://…/deploy/`: where the jobs of such a configuration keep what they like; the others: nowhere."""
    subnets: str
    """`us-east-1a=subnet-…,us-east-1b=subnet-…`"""
    front_digests: str = ""
    """SHA-256 of what the front door shows, several with commas between; empty: there is no such door."""
    runner_cache_bucket: str = ""
    otlp_endpoint: str = ""
    log_group: str = ""
    """Where machines ship their logs; empty: nowhere."""
    log_role: str = ""
    """The role that they do it in; empty: their own."""
    config_ttl_s: float = 60.0
    secret_ttl_s: float = 300.0
    claim_deadline_s: float = 180.0
    provisioning_deadline_s: float = 600.0
    job_limit_s: float = 21_600.0
    idle_limit_s: float = 90.0
    launch_replay_s: float = 90.0
    """A launch record still pending this long after it was written has lost its dispatcher."""
    lease_grace_s: float = 120.0
    """Given to a machine beyond its lease to power itself off."""
    release_ttl_s: float = 21_600.0
    """How long the answer to "which runner release is current" is good for."""
    notice_poll_s: float = 2.0
    last_word_s: float = 20.0
    """How long the last report of a machine that has ended may still be on its way."""
    scan_grace_s: float = 120.0
    """How long a webhook may take before its job is looked for at GitHub."""
    scan_calls: int = 30
    """To GitHub in one look for lost jobs, which is made every minute; an App has 5,000 an hour at the least."""
    region_lease_s: float = 300.0
    """So long after a region's last sign of life others take over its jobs."""
    boot_failures: int = 5
    """So many machines of one configuration that die in boot of one cause hold its jobs back."""
    boot_window_s: float = 600.0
    """Within which they were launched."""
    boot_rest_s: float = 300.0
    """How long until one is tried again; doubled each time that this fails too."""
    refusal_ttl_s: float = 180.0
    """How long a machine type in a zone is left alone after it had no machine left."""
    quota_look_s: float = 60.0
    """How often one machine is asked for while the account's own limit stands in the way."""
    archive_bucket: str = ""
    """Where old jobs, reports and parked messages are kept; empty: nowhere, and old jobs are deleted by TTL."""
    archive_after_s: float = 604_800.0
    """So long after its end a job leaves the table."""
    ghost_calls: int = 30
    """To GitHub in one look for runners whose machines have ended."""
    redrive_limit: int = 50
    """How many dead letters of one queue are looked at in one round."""
    runner_age_warn_s: float = 1_728_000.0
    """So long an image may lag behind GitHub's runner before it is told; GitHub's own limit is thirty days."""
    spare_poll_s: float = 5.0
    """How often a spare machine asks whether there is work."""
    spare_life_s: float = 14_400.0
    """A spare that no job has taken by then is replaced; machines wait no longer than that, whatever stands here."""
    drain_limit: int = 200
    """How many wake-ups one dispatch takes off the queue by itself after a full batch."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in `environ`; raises `Rejected` naming every missing and every malformed variable."""
        hints = typing.get_type_hints(cls)
        values: dict[str, object] = {}
        wrong: list[str] = []
        for field in dataclasses.fields(cls):
            name = variable(field.name)
            if name in environ:
                try:
                    values[field.name] = hints[field.name](environ[name])
                except ValueError:
                    wrong.append(f"{name} is not {_ARTICLES[hints[field.name]]}: {environ[name]!r}")
            elif field.default is dataclasses.MISSING:
                wrong.append(f"{name} is not set")
        if wrong:
            raise Rejected("settings: " + "; ".join(wrong))
        return cls(**values)  # type: ignore[arg-type]  # each value was built by its own field's type

    def environ(self) -> dict[str, str]:
        """The variables that `read` reads back into the same settings."""
        return {variable(f.name): str(getattr(self, f.name)) for f in dataclasses.fields(self)}


_ARTICLES = {int: "a whole number", float: "a number", str: "text"}


def variable(field: str) -> str:
    """The name of the environment variable behind a field."""
    return PREFIX + field.upper()


def parameter(stack: str) -> str:
    """The SSM parameter in which a stack keeps its settings for its operators; none of them is a secret."""
    return f"/spotrunner/{stack}/settings"


def pairs(text: str) -> dict[str, str]:
    """`a=1,b=2` as a mapping, in order."""
    return dict(part.split("=", 1) for part in text.split(",") if part)


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """How a function without an AWS SDK reaches AWS: Lambda's own variables, never SpotRunner's."""

    region: str
    credentials: Credentials
    endpoint: str = ""
    """Set in local mode: one address for every service."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> AwsAccess:
        """From the variables that Lambda sets; raises `Rejected` naming those that are missing."""
        needed = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        missing = [name for name in needed if not environ.get(name)]
        if missing:
            raise Rejected(f"settings: {', '.join(missing)} not set")
        key = Credentials(
            environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], environ.get("AWS_SESSION_TOKEN", "")
        )
        return cls(environ["AWS_REGION"], key, environ.get("AWS_ENDPOINT_URL", ""))
