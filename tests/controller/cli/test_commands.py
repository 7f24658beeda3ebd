"""Every command as the process that an operator starts, on a stack in the local cloud, with no right but its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller import policies, wiring
from controller.cli import rights
from controller.local.aws import iam
from controller.local.aws.boots import Boot
from controller.local.aws.iam import Access, Decision, decide
from controller.local.aws.principals import Principal, PrincipalKind
from controller.local.aws.roles import account, names, roles, trusts
from controller.local.stage import QUICK, Stage
from controller.messages import Chores
from tests.controller.local.aws.rig import eventually

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 120.0
WRITES = {"PutItem", "TransactWriteItems", "SendMessage", "TerminateInstances", "CreateFleet"}
HURRY = {**QUICK, "claim_deadline_s": 5.0, "provisioning_deadline_s": 12.0, "lease_grace_s": 1.0}

STORY = """\
name: Story
on: push
jobs:
  good:
    name: A good one
    runs-on: spotrunner/linux-2cpu
    steps:
      - run: 'true'
  bad:
    name: A bad one
    runs-on: spotrunner/linux-99cpu
    steps:
      - run: 'true'
"""

LOOKER, ACTOR, KEEPER = "on-call-looks", "on-call-acts", "on-call-keeps-house"


@dataclass
class Desk:
    """Where an operator sits: a shell with a role's credentials."""

    stage: Stage
    said: dict[str, Any] = field(default_factory=dict)

    def run(self, *words: str, role: str = LOOKER, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command, as a process of its own."""
        who = Principal(PrincipalKind.FUNCTION, role, role, "operator")
        keys = self.stage.cloud._credentials.issue(who, time.time() + 3_600).keys
        own = {
            **self.stage.cloud.operator_environment(),
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.token,
            "PATH": os.environ["PATH"],
            "COLUMNS": "120",
        }
        done = subprocess.run(
            [sys.executable, "-m", "controller.cli", *words],
            env={**own, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    def says(self, *words: str, role: str = LOOKER) -> str:
        """What it prints where it succeeds."""
        done = self.run(*words, role=role)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answers(self, *words: str, role: str = LOOKER) -> Any:  # noqa: ANN401 - a JSON document
        """The same for a program."""
        return json.loads(self.says(*words, "--json", role=role))

    def accesses(self, role: str) -> list[Access]:
        """All that the role was judged by."""
        return [access for call in self.stage.cloud.calls if call.principal == role for access in call.needed]


def employ(stage: Stage) -> None:
    """Give the operators of docs/operate.md their roles, beside those of the stack."""
    cloud = stage.cloud
    known = names(cloud.options, cloud.settings, cloud._network)
    look, act = (iam.read(policies.document(grants, known)) for grants in (rights.LOOK, rights.ACT))
    stacks = dict(roles(cloud.options, known))
    housekeeping = stacks[wiring.role_name(cloud.options.stack, wiring.HOUSEKEEPER.name)]
    operators = {LOOKER: (look,), ACTOR: (act,), KEEPER: (act, *housekeeping)}
    cloud._iam.enact({**stacks, **operators}, account(known, cloud._network, cloud._instances), trusts(known))


def named(jobs: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    return next((job for job in jobs if job["name"] == name), {})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Drained before a job comes, so that it waits; resumed, its first machine dies in boot, the second runs it.

    Without schedules: housekeeping is the operator's.
    """
    folder: Path = tmp_path_factory.mktemp("operator")
    (folder / "story.yml").write_text(STORY)
    with Stage(folder / "run", settings=HURRY, schedules=()) as stage:
        employ(stage)
        desk = Desk(stage)
        desk.said["drain"] = desk.says("drain", role=ACTOR)
        stage.github.submit(folder / "story.yml")
        eventually(lambda: records(stage) == 2, PATIENCE_S)
        job = named(desk.answers("jobs", "list"), "A good one")["job"]
        desk.said["job"] = job
        desk.said["while drained"] = desk.answers("jobs", "show", job)
        desk.said["list while drained"] = desk.says("jobs", "list")
        desk.said["status while drained"] = desk.run("status", "--check")
        stage.cloud.next_boot(Boot.SILENT)
        desk.said["resume"] = desk.says("resume", role=ACTOR)
        eventually(lambda: woken(stage) and stage.machines(), PATIENCE_S)
        eventually(lambda: desk.answers("runners", "list"), PATIENCE_S)
        desk.said["runners"] = desk.answers("runners", "list")
        desk.said["runners in words"] = desk.says("runners", "list")
        desk.said["while it boots"] = desk.answers("jobs", "show", job)
        eventually(lambda: desk.answers("housekeeping", "stuck-provisioning", role=KEEPER)["deeds"], PATIENCE_S)
        eventually(lambda: ended(stage), PATIENCE_S)
        eventually(lambda: named(desk.answers("jobs", "list", "--state", "ended"), "A good one"), PATIENCE_S)
        yield desk


def records(stage: Stage) -> int:
    """How many jobs are written down."""
    found = stage.cloud.client("dynamodb").scan(TableName=stage.cloud.settings.jobs_table)
    return len(found["Items"])


def woken(stage: Stage) -> bool:
    """A dispatcher that knows of the drain believes in it for half a minute."""
    wake = json.dumps({"kind": "wake", "reason": "test"})
    stage.cloud.client("sqs").send_message(QueueUrl=stage.cloud.settings.jobs_queue_url, MessageBody=wake)
    return True


def ended(stage: Stage) -> bool:
    done = {job.name: job.status for job in stage.jobs()}
    return done["A good one"] == "completed" and not stage.processes()


def test_a_job_of_a_drained_stack_says_so_and_how_to_let_it_go(desk: Desk) -> None:
    told = desk.said["while drained"]

    assert "us-east-1 launches nothing more" in desk.said["drain"]
    assert re.match(r"Waiting for .* us-east-1 is drained and launches nothing\.", told["answer"])
    assert "spotrunner resume" in told["cure"]
    assert "us-east-1 is drained" in desk.said["list while drained"]
    assert "us-east-1 launches again" in desk.said["resume"]


def test_a_status_that_wants_a_person_can_be_told_by_a_script(desk: Desk) -> None:
    status = desk.said["status while drained"]

    assert status.returncode == 5
    assert "us-east-1 is drained and launches nothing: `spotrunner resume --region us-east-1`" in status.stdout
    assert "1 jobs wait, the first for" in status.stdout


def test_a_machine_that_boots_is_listed_with_its_lease_and_its_job(desk: Desk) -> None:
    (machine,) = desk.said["runners"]

    assert (machine["state"], machine["job"], machine["lifecycle"]) == ("launched", desk.said["job"], "spot")
    assert machine["machine"] in desk.said["runners in words"]
    assert re.search(r"[0-9]s left|over for [0-9]", desk.said["runners in words"])
    assert desk.said["while it boots"]["answer"].startswith("Its machine boots for")


def test_the_whole_story_of_a_job_is_told_from_its_id_its_page_and_its_machine(desk: Desk) -> None:
    story = desk.answers("jobs", "show", desk.said["job"])
    first, second = story["machines"]

    lasted = f"{story['ran_s']:.1f} s" if story["ran_s"] else "less than a second"
    assert story["answer"].startswith(f"Ended as success after {lasted}: {second['instance_id']} (")
    assert (story["failures"], story["found_by"], story["conclusion"]) == (1, "webhook", "success")
    assert [each["what"].partition(":")[0] for each in story["happened"]][:5] == [
        "queued at GitHub",
        "heard of it by webhook",
        "asked EC2 for spot",
        "launched",
        "gone",
    ]
    assert (first["state"], second["result"]) == ("gone", "success")
    assert story["usd"] > 0
    assert re.fullmatch("[0-9a-f]{32}", story["trace_id"])
    for name in (desk.said["job"].partition("#")[0], story["page"], second["instance_id"]):
        assert desk.answers("jobs", "show", name)["happened"] == story["happened"]


def test_a_story_reads_as_a_page_with_the_answer_first(desk: Desk) -> None:
    lines = desk.says("jobs", "show", desk.said["job"]).splitlines()

    assert lines[0].startswith("Ended as success after ")
    assert "/actions/runs/" in lines[1]
    assert max(map(len, lines)) <= 120


def test_a_refused_job_says_why_and_what_to_do(desk: Desk) -> None:
    refused = named(desk.answers("jobs", "list", "--state", "ended") + desk.answers("jobs", "list"), "A bad one")

    story = desk.answers("jobs", "show", refused["job"])

    assert story["answer"].startswith("Refused: ")
    assert "linux-99cpu" in story["answer"]
    assert "spotrunner plan" in story["cure"]


def test_lists_are_filtered_by_state_repository_and_configuration(desk: Desk) -> None:
    def good(*filters: str) -> bool:
        return bool(named(desk.answers("jobs", "list", "--state", "ended", *filters), "A good one"))

    assert good("--repo", "*/*", "--config", "linux-2cpu")
    assert not good("--repo", "nobody/*")
    assert not good("--config", "windows-*")
    assert desk.says("jobs", "list", "--state", "waiting") == "No jobs.\n"


def test_a_machine_is_shown_with_its_result(desk: Desk) -> None:
    machine = desk.answers("jobs", "show", desk.said["job"])["machines"][1]["instance_id"]

    assert desk.answers("runners", "show", machine)["result"] == "success"
    assert "Result       success" in desk.says("runners", "show", machine)


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("jobs", "show", "12"), 1, "has no record of job 12"),
        (("jobs", "show", "twelve"), 1, "'twelve' is no job"),
        (("runners", "show", "i-0dead"), 1, "no record of machine i-0dead"),
        (("status", "--stack", "prod-eu-west-1"), 4, "docs/operate.md has the policy"),
        (("breaker", "open", "c7i.large", "eu-west-1a"), 1, "it has us-east-1a, us-east-1b, us-east-1c"),
        (("breaker", "open", "x99.large", "us-east-1a"), 1, "no machine type in the catalogue is x99.large"),
        (("breaker", "auto", "c7i.large", "us-east-1a"), 1, "there is no order for c7i.large/us-east-1a"),
        (("drain", "--region", "eu-west-1"), 1, "eu-west-1 is no region of this environment: it has us-east-1"),
        (("housekeeping", "sweep"), 2, "'sweep' is none of: orphaned-machines"),
        (("drain",), 4, "docs/operate.md has the policy"),
    ],
)
def test_what_can_not_be_done_is_one_line_with_the_cure(
    desk: Desk, words: Sequence[str], status: int, told: str
) -> None:
    done = desk.run(*words)

    assert done.returncode == status
    assert told in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
    assert status == 2 or len(done.stderr.splitlines()) == 1


def test_the_only_stack_of_a_region_needs_no_name(desk: Desk) -> None:
    admin = desk.stage.cloud.operator_environment()
    keys = {name: value for name, value in admin.items() if name.startswith("AWS_")}

    assert desk.run("jobs", "list", **keys, SPOTRUNNER_STACK="").returncode == 0


def test_an_order_about_a_place_is_listed_until_it_is_taken_back(desk: Desk) -> None:
    place = ("c7i.*", "us-east-1a")

    desk.says("breaker", "open", *place, role=ACTOR)
    ordered = desk.answers("breaker", "list")
    desk.says("breaker", "close", *place, role=ACTOR)
    closed = desk.answers("breaker", "list")
    desk.says("breaker", "auto", *place, role=ACTOR)

    assert {"place": "c7i.*/us-east-1a", "state": "forced open", "why": "an operator's order"} in ordered
    assert [each["state"] for each in closed if each["place"] == "c7i.*/us-east-1a"] == ["forced closed"]
    assert not [each for each in desk.answers("breaker", "list") if each["place"] == "c7i.*/us-east-1a"]


@pytest.mark.parametrize("task", Chores)
def test_every_chore_can_be_looked_at_and_done_by_hand(desk: Desk, task: Chores) -> None:
    before = len(desk.stage.cloud.calls)
    looked = desk.answers("housekeeping", task, "--dry-run", role=KEEPER)
    mine = [call for call in desk.stage.cloud.calls[before:] if call.principal == KEEPER]
    done = desk.answers("housekeeping", task, role=KEEPER)

    assert not WRITES & {call.action for call in mine}
    assert (looked["task"], looked["dry_run"], looked["put_off"]) == (task, True, [])
    assert (done["task"], done["dry_run"], done["put_off"]) == (task, False, [])


def test_the_list_of_chores_says_how_often_each_is_run(desk: Desk) -> None:
    listed = desk.answers("housekeeping", "list")

    assert [each["task"] for each in listed] == list(Chores)
    assert "orphaned-machines" in desk.says("housekeeping", "list")


def test_whoever_only_looks_has_every_right_that_he_uses_and_no_other(desk: Desk) -> None:
    known = names(desk.stage.cloud.options, desk.stage.cloud.settings, desk.stage.cloud._network)
    story = desk.answers("jobs", "show", desk.said["job"])
    for words in (
        ["status"],
        ["jobs", "list"],
        ["jobs", "list", "--state", "ended"],
        ["jobs", "show", story["page"]],
        ["runners", "list"],
        ["runners", "show", story["machines"][1]["instance_id"]],
        ["breaker", "list"],
    ):
        desk.says(*words)
    used = desk.accesses(LOOKER)

    def allowed(grant: wiring.Grant, action: str) -> list[Access]:
        policy = iam.read(policies.document([wiring.Grant((action,), grant.resource, "")], known))
        return [access for access in used if decide([policy], access) is Decision.ALLOWED]

    unused = [
        (action, grant.resource) for grant in rights.LOOK for action in grant.actions if not allowed(grant, action)
    ]
    assert unused == []
    assert not any("Put" in action or "Delete" in action for grant in rights.LOOK for action in grant.actions)
