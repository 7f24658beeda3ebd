"""The claim a machine makes and the bundle it is answered with.

`POST <claim url>`, signed with the instance role (`sigv4`, service `execute-api`), JSON body `Claim`.
Answers: 200 `Bundle` | 202 `Wait`: no work yet, ask again | 409 somebody has claimed for this machine |
410 nothing to do: power off | 400 unreadable | 403 not a machine of ours |
429 and 5xx: try again with backoff until the deadline.
Every answer other than 200 and 202 has the body `{"error": "<one line>"}`.
"""

from __future__ import annotations

from collections.abc import Mapping

from runner_agent.contract.record import Record, field

VERSION = 1
"""Raised when an old agent could misread a new bundle; both sides read one version back."""


LOG_TAG = "machine"
"""Of the session that writes a machine's log: its instance id, which AWS compares with the instance that asks."""


class UserData(Record):
    """The JSON in the launch template's user data; nothing in it is secret."""

    claim_url: str
    stack: str
    claim_deadline_s: float = 180.0


class Claim(Record):
    """A machine's request for work; who it is comes from its credentials, never from here."""

    agent_version: str
    launch_id: str = ""
    """From the machine's own tags: lets a controller that crashed at launch find its launch record."""
    baked_runners: tuple[str, ...] = ()
    """Runner versions already on disk."""
    ended_runner: str = ""
    """A re-arm: the runner of this machine that ended without a job."""
    nonce: str = field(default="", repr=False)
    """Made up by the agent for its life and known to it alone: repeating a claim whose answer was lost is
    allowed to whoever repeats its nonce."""
    version: int = VERSION


class Offer(Record):
    """A signed request that puts the runner's archive into the cache, and can put nothing else anywhere."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


class RunnerPackage(Record):
    """The exact runner to run: a version, its SHA-256 (hex), and where to get it, best source first."""

    version: str
    sha256: str
    sources: tuple[str, ...]
    """`https://` or `s3://bucket/key` addresses; S3 is read with the instance role."""
    disable_update: bool = False
    """Set while the release is young: the runner must not spend its first minute updating itself."""
    offer: Offer | None = None
    """How the archive gets into the cache, where it had to come from elsewhere."""


class Limits(Record):
    """Deadlines of one machine's life, in seconds."""

    idle_s: float = 90.0
    """Listening without a job."""
    assigned_s: float = 90.0
    """Assigned but not running."""
    job_s: float = 21_600.0
    stop_s: float = 60.0
    """From SIGINT to SIGKILL of the whole tree."""
    notice_margin_s: float = 45.0
    """A job still running this long before a spot termination is stopped cleanly."""
    heartbeat_after_s: float = 600.0
    heartbeat_every_s: float = 300.0
    poll_s: float = 2.0
    """Between two looks at the instance metadata for a spot notice."""
    flush_s: float = 10.0
    """Spent at the end on getting the reports out."""


class Targets(Record):
    """Where the machine tells what happened; an empty address switches that one off."""

    region: str
    reports_queue_url: str
    log_group: str = ""
    """CloudWatch Logs group in which the machine writes the stream of its own name."""
    log_role: str = ""
    """ARN of the role that may write that stream and no other; empty: the machine's own role is used."""
    otlp_endpoint: str = ""
    """Base address of an OTLP/HTTP collector; spans go to `<base>/v1/traces` as JSON."""


LONGEST_WAIT_S = 4 * 3_600.0
"""No machine waits longer for its first job, whatever it is told; its dead man's timer counts on that."""


class Wait(Record):
    """The machine is a spare that no job has taken yet: what it needs to know until one does."""

    instance_id: str
    again_s: float
    """It asks again about so many seconds later."""
    most_s: float
    """The controller wants it for so long; then it is told to go, or goes by itself."""
    targets: Targets
    notice_poll_s: float = 2.0
    """Between two looks at the instance metadata for a spot notice."""
    version: int = VERSION


class SetupGroup(Record):
    """One group of lines in the job's "Set up job" step, as the runner's `.setup_info` has it."""

    group: str
    detail: str


class IntendedJob(Record):
    """The job the machine was launched for; GitHub may hand its runner another one."""

    job_id: int
    attempt: int
    repository: str
    name: str


class Bundle(Record):
    """All that a machine needs for one job."""

    instance_id: str
    runner_name: str
    jit_config: str = field(repr=False)
    package: RunnerPackage
    job: IntendedJob
    labels: tuple[str, ...]
    traceparent: str
    targets: Targets
    limits: Limits = field(default_factory=Limits)
    setup: tuple[SetupGroup, ...] = ()
    artifacts: str = ""
    """`s3://bucket/prefix/` where the job may keep what it likes, with the machine's role; empty: nowhere."""
    version: int = VERSION
