"""The doors: each function's trigger, time, size and rights; the queues, the routes and the schedules.

Infrastructure deploys exactly this and local mode runs exactly this, so neither can have a function,
a queue or a permission that the other does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller import schema
from controller.messages import Chores


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS standard queue with a dead-letter queue `<name>-dead` behind it."""

    name: str
    visibility_s: int
    """Longer than the reading function's timeout, and short: what failed is tried again after it."""
    max_receives: int = 5
    retention_s: int = 4 * 86_400


JOBS = Queue("jobs", visibility_s=180)
REPORTS = Queue("reports", visibility_s=90)
HOUSEKEEPING = Queue("housekeeping", visibility_s=720, max_receives=3)
EVENTS = Queue("events", visibility_s=30)
"""What EC2 says of machines; short, because a machine's last report gets one more visibility to arrive."""
QUEUES = (JOBS, REPORTS, HOUSEKEEPING, EVENTS)
DEAD = "-dead"
"""What the name of a dead-letter queue ends with."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the HTTP API; `iam` ones demand a SigV4 signature of this account."""

    method: str
    path: str
    iam: bool


@dataclass(frozen=True, slots=True)
class Poll:
    """An event source mapping that reports partial batch failures.

    AWS wants a window of at least one second for batches over ten.
    """

    queue: Queue
    batch: int
    window_s: int
    max_concurrency: int


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions on one resource of this stack, named as `kind:name`; see `RESOURCES`."""

    actions: tuple[str, ...]
    resource: str
    why: str


RESOURCES = {
    "table": "a DynamoDB table, by its name in `schema`",
    "index": "the indexes of a DynamoDB table",
    "queue": "an SQS queue, by its name here",
    "dead-queue": "the dead-letter queue behind the queue of that name",
    "peer-queue": "the queue of that name in the environment's other regions; nothing in a stack alone",
    "lease": "the table in which regions see each other; nothing in a stack alone",
    "peer-lease": "the same table as the other regions themselves have it",
    "secret": "a Secrets Manager secret: `webhook` or `app-key`, those of further servers and Apps included",
    "parameters": "the SSM parameters under the stack's configuration prefix",
    "settings": "the SSM parameter with the stack's own settings",
    "every-queue": "all queues of the stack, those of dead letters among them",
    "launch": "what a launch touches: fleets, instances, volumes, interfaces, this stack's templates and subnets",
    "instances": "EC2 instances that carry this stack's tag",
    "every-instance": "all instances: DescribeInstances has no resource to narrow it to",
    "whole-catalogue": "what EC2 sells and the account may have: nothing of it belongs to anybody",
    "runner-role": "the roles in the machines' instance profiles",
    "cache": "the objects of the runner cache bucket",
    "new-in-cache": "runner archives in the cache bucket, of which there is none of that name yet",
    "archive": "the objects of the archive bucket",
    "artifacts": "what the jobs of the configuration of that name keep in the artifacts bucket",
    "artifact-names": "the list of it",
    "claim-route": "the claim route of the HTTP API",
    "log-role": "the role in which a machine writes its log, for the machine that the session's tag names",
    "runner-log": "the machines' log group, where a stream is made in it",
    "own-stream": "the stream in the machines' log group that the session's tag names",
}


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function; the handler is `controller.lambdas.<name>`."""

    name: str
    trigger: Route | Poll
    timeout_s: int
    memory_mb: int
    grants: tuple[Grant, ...] = field(default_factory=tuple)

    @property
    def handler(self) -> str:
        """The dotted name that Lambda calls."""
        return f"controller.lambdas.{self.name}"


def _records(*tables: schema.Table) -> tuple[Grant, ...]:
    actions = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem")
    return tuple(Grant(actions, f"table:{table.name}", "the records it decides on") for table in tables)


def _single_records(*tables: schema.Table) -> tuple[Grant, ...]:
    actions = ("dynamodb:GetItem", "dynamodb:PutItem")
    return tuple(Grant(actions, f"table:{table.name}", "records it reads one at a time") for table in tables)


def _read(*tables: schema.Table) -> tuple[Grant, ...]:
    return tuple(Grant(("dynamodb:GetItem",), f"table:{table.name}", "records that others write") for table in tables)


def _stages(*tables: schema.Table) -> tuple[Grant, ...]:
    return tuple(Grant(("dynamodb:Query",), f"index:{table.name}", "the records of one stage") for table in tables)


def _consume(queue: Queue) -> Grant:
    return Grant(
        ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"), f"queue:{queue.name}", "its event source"
    )


def _redrive(queue: Queue) -> Grant:
    return Grant(("sqs:ReceiveMessage", "sqs:DeleteMessage"), f"dead-queue:{queue.name}", "what no door could handle")


def _send(queue: Queue) -> Grant:
    return Grant(("sqs:SendMessage",), f"queue:{queue.name}", "hand work on")


def _send_to_peers(queue: Queue) -> Grant:
    return Grant(("sqs:SendMessage",), f"peer-queue:{queue.name}", "work that lives in another region")


_TAKEN_AWAY = Grant(("dynamodb:PutItem",), "table:memory", "where machines are taken away")
_LEASE = Grant(("dynamodb:GetItem",), "lease", "whether this region may still write")
_LAUNCH = (
    Grant(("ec2:CreateFleet", "ec2:RunInstances", "ec2:CreateTags"), "launch", "CreateFleet runs and tags for us"),
    Grant(("iam:PassRole",), "runner-role", "the instance profile in the launch template"),
)
_CATALOGUE = Grant(
    (
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeSpotPriceHistory",
        "pricing:GetProducts",
    ),
    "whole-catalogue",
    "which machine types there are, where, and for how much",
)
_CONFIGS = Grant(("ssm:GetParameter",), "parameters", "runner configurations")
_EVERY_CONFIG = Grant(("ssm:GetParametersByPath",), "parameters", "which configurations keep machines warm")
_ROUTING = Grant(("ssm:GetParameter",), "parameters", "which labels are ours, where a stack has a routing document")
_WEBHOOK_SECRET = Grant(("secretsmanager:GetSecretValue",), "secret:webhook", "the signature of deliveries")
_APP_KEY = Grant(("secretsmanager:GetSecretValue",), "secret:app-key", "to speak as the GitHub App")
_FORKS = Grant(("secretsmanager:GetSecretValue",), "secret:app-key", "to ask for a run's origin, under a fork policy")

WEBHOOK = Function(
    "webhook",
    Route("POST", "/webhook/github", iam=False),
    timeout_s=9,
    memory_mb=256,
    grants=(_send(JOBS), _send(REPORTS), _WEBHOOK_SECRET, _ROUTING),
)
DISPATCH = Function(
    "dispatch",
    Poll(JOBS, batch=10, window_s=0, max_concurrency=2),
    timeout_s=60,
    memory_mb=512,
    grants=(
        _consume(JOBS),
        *_records(schema.JOBS, schema.RUNNERS),
        *_single_records(schema.LAUNCHES, schema.MEMORY),
        *_stages(schema.JOBS, schema.RUNNERS),
        _CONFIGS,
        _FORKS,
        *_LAUNCH,
        _send(JOBS),
        _send(HOUSEKEEPING),
        _send_to_peers(JOBS),
    ),
)
CLAIM = Function(
    "claim",
    Route("POST", "/claim", iam=True),
    timeout_s=20,
    memory_mb=512,
    grants=(
        *_records(schema.JOBS),
        *_single_records(schema.RUNNERS, schema.MEMORY),
        *_read(schema.LAUNCHES),
        *_stages(schema.JOBS),
        _CONFIGS,
        _APP_KEY,
        Grant(("ec2:DescribeInstances",), "every-instance", "a machine whose launch was cut short, once"),
        Grant(("s3:PutObject",), "new-in-cache", "sign the one request that stores a proven archive"),
    ),
)
REPORTS_DOOR = Function(
    "reports",
    Poll(REPORTS, batch=25, window_s=2, max_concurrency=2),
    timeout_s=30,
    memory_mb=512,
    grants=(
        _consume(REPORTS),
        *_records(schema.JOBS, schema.RUNNERS),
        _send(JOBS),
        _send(HOUSEKEEPING),
        _send_to_peers(REPORTS),
        _LEASE,
    ),
)
HOUSEKEEPER = Function(
    "housekeeping",
    Poll(HOUSEKEEPING, batch=1, window_s=0, max_concurrency=2),
    timeout_s=120,
    memory_mb=512,
    grants=(
        _consume(HOUSEKEEPING),
        *_records(schema.JOBS, schema.RUNNERS, schema.LAUNCHES),
        *_stages(schema.JOBS, schema.RUNNERS, schema.LAUNCHES),
        *_single_records(schema.MEMORY),
        _CONFIGS,
        _EVERY_CONFIG,
        _APP_KEY,
        _send(JOBS),
        _send(REPORTS),
        _send(HOUSEKEEPING),
        _send_to_peers(JOBS),
        _send(EVENTS),
        *(_redrive(queue) for queue in QUEUES),
        Grant(("dynamodb:DeleteItem",), "table:jobs", "old jobs that are in the archive"),
        Grant(("s3:PutObject",), "archive", "old jobs, reports and parked messages"),
        Grant(("dynamodb:GetItem",), "peer-lease", "whether a region that seems lost says so itself"),
        *_LAUNCH,
        Grant(("ec2:DescribeInstances",), "every-instance", "what the cloud really runs"),
        _CATALOGUE,
        Grant(("servicequotas:ListServiceQuotas",), "whole-catalogue", "which limit of the account is in the way"),
        Grant(("ec2:TerminateInstances",), "instances", "machines whose lease has run out"),
        Grant(("ec2:GetConsoleOutput",), "instances", "why a machine died in boot"),
    ),
)
EVENTS_DOOR = Function(
    "events",
    Poll(EVENTS, batch=25, window_s=1, max_concurrency=2),
    timeout_s=10,
    memory_mb=512,
    grants=(
        _consume(EVENTS),
        *_records(schema.JOBS, schema.RUNNERS),
        _send(JOBS),
        _send(HOUSEKEEPING),
        _TAKEN_AWAY,
        _LEASE,
    ),
)
FUNCTIONS = (WEBHOOK, DISPATCH, CLAIM, REPORTS_DOOR, HOUSEKEEPER, EVENTS_DOOR)

MACHINE_GRANTS = (
    Grant(("execute-api:Invoke",), "claim-route", "ask for work"),
    Grant(("sqs:SendMessage",), "queue:reports", "tell what happened"),
    Grant(("s3:GetObject",), "cache", "the runner archive"),
    Grant(("sts:AssumeRole", "sts:TagSession"), "log-role", "a session in its own name, to write its log"),
)
"""The whole of the machines' instance role: no EC2 right at all, because power-off ends a machine."""


def artifact_grants(config: str) -> tuple[Grant, ...]:
    """What the machines of one configuration may do beside, where it has a role of its own and keeps artifacts."""
    return (
        Grant(("s3:GetObject", "s3:PutObject"), f"artifacts:{config}", "what its jobs keep; it leaves by its age"),
        Grant(("s3:ListBucket",), f"artifact-names:{config}", "which of it is there"),
    )


@dataclass(frozen=True, slots=True)
class Schedule:
    """A message that EventBridge Scheduler puts on a queue again and again."""

    name: str
    every_s: int
    queue: Queue
    body: dict[str, str]


SCHEDULES = (
    Schedule("wake", 60, JOBS, {"kind": "wake", "reason": "schedule"}),
    Schedule("orphaned-machines", 60, HOUSEKEEPING, {"kind": "chore", "task": Chores.ORPHANED_MACHINES}),
    Schedule("stuck-provisioning", 60, HOUSEKEEPING, {"kind": "chore", "task": Chores.STUCK_PROVISIONING}),
    Schedule("pending-launches", 60, HOUSEKEEPING, {"kind": "chore", "task": Chores.PENDING_LAUNCHES}),
    Schedule("interrupted-jobs", 60, HOUSEKEEPING, {"kind": "chore", "task": Chores.INTERRUPTED_JOBS}),
    Schedule("check-runs", 60, HOUSEKEEPING, {"kind": "chore", "task": Chores.CHECK_RUNS}),
    Schedule("recover-deliveries", 60, HOUSEKEEPING, {"kind": "chore", "task": Chores.RECOVER_DELIVERIES}),
    Schedule("recover-jobs", 60, HOUSEKEEPING, {"kind": "chore", "task": Chores.RECOVER_JOBS}),
    Schedule("boots", 60, HOUSEKEEPING, {"kind": "chore", "task": Chores.BOOTS}),
    Schedule("market", 3_600, HOUSEKEEPING, {"kind": "chore", "task": Chores.MARKET}),
    Schedule("quotas", 300, HOUSEKEEPING, {"kind": "chore", "task": Chores.QUOTAS}),
    Schedule("fill-pools", 60, HOUSEKEEPING, {"kind": "chore", "task": Chores.FILL_POOLS}),
    Schedule("regions", 60, HOUSEKEEPING, {"kind": "chore", "task": Chores.REGIONS}),
    Schedule("dead-letters", 300, HOUSEKEEPING, {"kind": "chore", "task": Chores.DEAD_LETTERS}),
    Schedule("ghost-runners", 900, HOUSEKEEPING, {"kind": "chore", "task": Chores.GHOST_RUNNERS}),
    Schedule("pool-audit", 900, HOUSEKEEPING, {"kind": "chore", "task": Chores.POOL_AUDIT}),
    Schedule("old-jobs", 3_600, HOUSEKEEPING, {"kind": "chore", "task": Chores.OLD_JOBS}),
    Schedule("runner-age", 3_600, HOUSEKEEPING, {"kind": "chore", "task": Chores.RUNNER_AGE}),
    Schedule("cost-report", 3_600, HOUSEKEEPING, {"kind": "chore", "task": Chores.COST_REPORT}),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Events of the account's default bus that EventBridge puts on a queue as they are."""

    name: str
    pattern: Mapping[str, object]
    queue: Queue


def _from_ec2(kind: str, **more: object) -> dict[str, object]:
    return {"source": ["aws.ec2"], "detail-type": [kind], **more}


RULES = (
    Rule("spot-warning", _from_ec2("EC2 Spot Instance Interruption Warning"), EVENTS),
    Rule("rebalance", _from_ec2("EC2 Instance Rebalance Recommendation"), EVENTS),
    Rule(
        "machine-ended",
        _from_ec2(
            "EC2 Instance State-change Notification",
            detail={"state": ["shutting-down", "terminated", "stopping", "stopped"]},
        ),
        EVENTS,
    ),
    Rule(
        "maintenance",
        {
            "source": ["aws.health"],
            "detail-type": ["AWS Health Event"],
            "detail": {"service": ["EC2"], "eventTypeCategory": ["scheduledChange"]},
        },
        EVENTS,
    ),
)
"""No pattern can name our machines alone, because these events carry no tags: the door looks up whose they are."""


LOG_GRANTS = (
    Grant(("logs:CreateLogStream",), "runner-log", "begin its stream"),
    Grant(("logs:CreateLogStream", "logs:PutLogEvents"), "own-stream", "write its log, and no other machine's"),
)
"""What a machine may do in the role that it takes under its own name."""


def role_name(stack: str, function: str) -> str:
    """The IAM role of a function, or of the machines."""
    return f"{stack}-{function}"


ARCHIVES = "runners/"
"""Where in the cache bucket the runners' archives lie."""


def runner_log(stack: str) -> str:
    """The log group in which each machine has a stream of its own."""
    return f"/spotrunner/{stack}/runners"


MACHINE = "machine"
"""The machines' own name where functions have theirs."""


def own_machine(config: str) -> str:
    """The same for the machines of a configuration that has a role of its own."""
    return f"runner-{config}"


MACHINE_LOG = "machine-log"
"""The same for the role in which they write their logs."""

TAG_STACK = "spotrunner:stack"
TAG_LAUNCH = "spotrunner:launch"
TAG_CONFIG = "spotrunner:config"
TAG_ENVIRONMENT = "spotrunner:environment"
"""Put on every machine at launch; `TAG_STACK` is what lets the stack terminate it."""
TAG_OF_JOBS = "spotrunner:{about}"
"""Beside them what all jobs of its launch have in common: `spotrunner:repository`, labels, workflow, run and job."""
