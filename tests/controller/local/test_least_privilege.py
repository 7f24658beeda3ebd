"""No right too few, none too many: every right in `wiring` against the calls of a story that really ran."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller import policies, wiring
from controller.local.aws.calls import CallRecord
from controller.local.aws.iam import Access, Decision, decide, read
from controller.local.aws.machines import Process
from controller.local.aws.principals import PrincipalKind
from controller.local.aws.roles import names
from controller.local.stage import QUICK, Stage
from controller.local.truth import judge
from controller.settings import variable
from controller.wiring import Grant
from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 120.0

HURRY = {
    **QUICK,
    "claim_deadline_s": 6.0,
    "provisioning_deadline_s": 12.0,
    "lease_grace_s": 1.0,
    "runner_cache_bucket": "demo-local-runner-cache",
}
"""A machine that freezes is given up soon, and there is a cache to look for the runner in."""

STORY = """\
name: Story
on: push
jobs:
  many:
    runs-on: spotrunner/linux-2cpu
    strategy:
      matrix:
        number: [1, 2, 3]
    steps:
      - run: 'true'
"""

GRANTS: Mapping[str, tuple[Grant, ...]] = {function.name: function.grants for function in wiring.FUNCTIONS} | {
    wiring.MACHINE: wiring.MACHINE_GRANTS,
    wiring.MACHINE_LOG: wiring.LOG_GRANTS,
}

Right = tuple[str, str, str]
"""Who may do what to what, in the words of `wiring`."""

READS = ("dynamodb:GetItem", "dynamodb:BatchGetItem")
LAUNCHING = ("ec2:CreateFleet", "ec2:RunInstances", "ec2:CreateTags")
POLLED = [
    (function.name, function.trigger.queue.name)
    for function in wiring.FUNCTIONS
    if isinstance(function.trigger, wiring.Poll)
]

RIGHTS: tuple[Right, ...] = tuple(
    (role, action, grant.resource) for role, grants in GRANTS.items() for grant in grants for action in grant.actions
)

_LAMBDA = "Lambda itself wants it when the event source mapping is made"
_RACE = "read again what somebody else has changed meanwhile: tests/controller/usecases/test_launch_machines.py"
_REPLAY = "finish a launch whose dispatcher was lost: tests/controller/usecases/test_crashes.py"
_CUT_SHORT = "a machine whose launch was not written down: tests/controller/usecases/test_claim_runner.py"
_INTERRUPTED = "a machine is taken away from its job: test_interruption.py, under the same policies"
_POOL = "a job takes a spare machine: test_pools.py, under the same policies"
_REGIONS = "a second region of the environment: test_regions.py, under the same policies"
_UPKEEP = "old jobs and dead letters, of which a young stack has none: test_upkeep.py, under the same policies"
_RECORDS = (*READS, "dynamodb:PutItem")
_SEVERAL = "one record or several at once, as many as there are at that moment"

SOMETIMES: Mapping[Right, str] = {
    **{(function, "sqs:GetQueueAttributes", f"queue:{queue}"): _LAMBDA for function, queue in POLLED},
    **{("dispatch", action, f"table:{table}"): _RACE for action in READS for table in ("jobs", "runners")},
    ("dispatch", "dynamodb:GetItem", "table:launches"): _RACE,
    ("webhook", "ssm:GetParameter", "parameters"): "a stack with a routing document: test_signed_rules.py",
    ("dispatch", "secretsmanager:GetSecretValue", "secret:app-key"): "a policy for forks: test_origins.py",
    ("claim", "dynamodb:GetItem", "table:launches"): _CUT_SHORT,
    ("claim", "dynamodb:BatchGetItem", "table:jobs"): _CUT_SHORT,
    ("claim", "ec2:DescribeInstances", "every-instance"): _CUT_SHORT,
    ("claim", "dynamodb:Query", "index:jobs"): "the job that it was launched for is gone: test_claim_runner.py there",
    **{("reports", "dynamodb:BatchGetItem", f"table:{table}"): _SEVERAL for table in ("jobs", "runners")},
    ("reports", "sqs:SendMessage", "queue:jobs"): "a machine ended without a job: test_hear_reports.py there",
    **{("housekeeping", action, "table:runners"): _SEVERAL for action in READS},
    ("housekeeping", "dynamodb:BatchGetItem", "table:jobs"): _SEVERAL,
    **{("housekeeping", action, "table:launches"): _REPLAY for action in (*READS, "dynamodb:PutItem")},
    **{("housekeeping", action, "launch"): _REPLAY for action in LAUNCHING},
    ("housekeeping", "iam:PassRole", "runner-role"): _REPLAY,
    **{(function, "sqs:SendMessage", "queue:housekeeping"): _INTERRUPTED for function in ("reports", "housekeeping")},
    **{("events", "sqs:SendMessage", f"queue:{queue}"): _INTERRUPTED for queue in ("jobs", "housekeeping")},
    **{("events", action, f"table:{name}"): _INTERRUPTED for name in ("jobs", "runners") for action in _RECORDS},
    ("housekeeping", "sqs:SendMessage", "queue:reports"): "a webhook was lost: test_recover_jobs.py there",
    ("housekeeping", "dynamodb:PutItem", "table:memory"): _INTERRUPTED,
    ("housekeeping", "ssm:GetParameter", "parameters"): _INTERRUPTED,
    ("housekeeping", "secretsmanager:GetSecretValue", "secret:app-key"): _INTERRUPTED,
    ("dispatch", "dynamodb:GetItem", "table:memory"): _INTERRUPTED,
    **{(function, "sqs:SendMessage", "peer-queue:jobs"): _REGIONS for function in ("dispatch", "housekeeping")},
    ("reports", "sqs:SendMessage", "peer-queue:reports"): _REGIONS,
    **{(function, "dynamodb:GetItem", "lease"): _REGIONS for function in ("reports", "events")},
    ("housekeeping", "dynamodb:GetItem", "peer-lease"): _REGIONS,
    ("dispatch", "sqs:SendMessage", "queue:jobs"): "more jobs than EC2's launch rate serves: test_pick_jobs.py there",
    ("events", "dynamodb:PutItem", "table:memory"): _INTERRUPTED,
    **{("housekeeping", "sqs:DeleteMessage", f"dead-queue:{queue.name}"): _UPKEEP for queue in wiring.QUEUES},
    ("housekeeping", "sqs:SendMessage", "queue:events"): _UPKEEP,
    ("housekeeping", "dynamodb:DeleteItem", "table:jobs"): _UPKEEP,
    ("housekeeping", "s3:PutObject", "archive"): _UPKEEP,
    ("dispatch", "dynamodb:Query", "index:runners"): _POOL,
    ("dispatch", "sqs:SendMessage", "queue:housekeeping"): _POOL,
}
"""Rights that the story below may end without, each with its reason; all others must be used, and needed."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a story leaves: the call log, and what the stack's things were called."""

    calls: tuple[CallRecord, ...]
    known: policies.Names

    def accesses(self, role: str) -> list[Access]:
        """Everything that a role was judged by, once."""
        found = (access for call in self.calls if role_of(call) == role for access in call.needed)
        return list({(a.action, a.resource, tuple(sorted(a.context.items()))): a for a in found}.values())

    def refused(self, role: str, grants: Iterable[Grant]) -> list[Access]:
        """What a role could not have done with these grants."""
        policy = read(policies.document(grants, self.known))
        return [access for access in self.accesses(role) if decide([policy], access) is not Decision.ALLOWED]


def role_of(call: CallRecord) -> str:
    """The role that a call was made with: a poller has its function's, a schedule has one of its own."""
    if call.kind is PrincipalKind.INSTANCE:
        return wiring.MACHINE
    if call.kind is PrincipalKind.SESSION:
        return wiring.MACHINE_LOG
    return call.principal.removeprefix("event-source:")


def without(grants: Iterable[Grant], right: Right) -> tuple[Grant, ...]:
    _, action, resource = right
    left = [
        Grant(tuple(each for each in grant.actions if (each, grant.resource) != (action, resource)), grant.resource, "")
        for grant in grants
    ]
    return tuple(grant for grant in left if grant.actions)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Three equal jobs, one of whose machines freezes while it boots.

    A sweep ends it, another takes its job, and its console is kept.
    """
    folder: Path = tmp_path_factory.mktemp("story")
    (folder / "story.yml").write_text(STORY)
    with Stage(folder / "run", settings=HURRY) as stage:
        stage.github.submit(folder / "story.yml")
        eventually(lambda: agents(stage), PATIENCE_S)
        with suppress(ProcessLookupError):
            os.kill(agents(stage)[0].pid, signal.SIGSTOP)
        for schedule in wiring.SCHEDULES:
            url = stage.cloud.settings.environ()[variable(f"{schedule.queue.name}_queue_url")]
            stage.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(schedule.body))
        eventually(lambda: stage.settled, PATIENCE_S)
        eventually(lambda: any(call.action == "GetConsoleOutput" for call in stage.calls()), PATIENCE_S)
        summary = judge(stage.jobs(), list(stage.machines().values()), stage.calls(), stage.processes())
        assert summary.outcomes == {"success": 3}
        return Told(stage.cloud.calls, names(stage.cloud.options, stage.cloud.settings, stage.cloud._network))


def agents(stage: Stage) -> list[Process]:
    """The agents' processes, without the machines' own power supply."""
    return [process for process in stage.cloud.processes() if "machine.py" not in process.command]


def test_nothing_was_refused_in_the_whole_story(told: Told) -> None:
    refused = {role: told.refused(role, grants) for role, grants in GRANTS.items()}

    assert refused == {role: [] for role in GRANTS}
    assert not [call for call in told.calls if call.status == 403]


def test_every_call_but_the_operators_was_judged(told: Told) -> None:
    unjudged = {call.action for call in told.calls if call.kind is not PrincipalKind.ADMIN and not call.needed}

    assert unjudged == set()
    assert {role_of(call) for call in told.calls if call.kind is PrincipalKind.FUNCTION} == {
        function.name for function in wiring.FUNCTIONS
    }


@pytest.mark.parametrize("right", RIGHTS, ids=" ".join)
def test_a_right_is_used_and_without_it_the_story_fails(told: Told, right: Right) -> None:
    role, action, resource = right
    everything = len(told.accesses(role))

    used = everything - len(told.refused(role, [Grant((action,), resource, "")]))
    missed = told.refused(role, without(GRANTS[role], right))

    assert used or right in SOMETIMES
    assert bool(missed) == bool(used)


def test_every_row_of_the_table_is_still_a_right() -> None:
    assert SOMETIMES.keys() <= set(RIGHTS)
