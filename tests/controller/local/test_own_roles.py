"""A configuration whose machines have a role of their own: claimed and reported with it, and nobody else has it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from controller import policies, wiring
from controller.app import operator
from controller.cli.plan import Question, plan
from controller.local.aws.iam import Access, Decision, decide, read
from controller.local.aws.principals import Principal, PrincipalKind
from controller.local.aws.provision import OwnRole, artifacts_bucket
from controller.local.aws.roles import names
from controller.local.stage import Stage, wait_until_settled
from controller.wiring import Grant

pytestmark = pytest.mark.local_cloud

PATIENCE_S = 120.0

OWN, OTHER, COMMON = "linux-4cpu", "linux-arm", "linux-2cpu"
PLACE = f"s3://demo-local-artifacts/{OWN}/"
TABLE = "arn:aws:dynamodb:us-east-1:111122223333:table/of-the-account"
READ_TABLE = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE}

STORY = f"""\
name: Story
on: push
jobs:
  job:
    runs-on: spotrunner/${{{{ matrix.config }}}}
    strategy:
      fail-fast: false
      matrix:
        config: [{OWN}, {COMMON}]
    steps:
      - run: test "$SPOTRUNNER_ARTIFACTS" = "${{{{ matrix.config == '{OWN}' && '{PLACE}' || '' }}}}"
"""


@dataclass(frozen=True, slots=True)
class Played:
    """A stack after its story; each machine by the configuration it was launched for."""

    stage: Stage
    machines: dict[str, str]
    made: dict[tuple[str, str], Any] = field(default_factory=dict)

    def client(self, service: str, config: str) -> Any:  # noqa: ANN401 - boto3 has a class for each service
        """As a job on a machine of that configuration would speak to AWS."""
        if (service, config) not in self.made:
            self.made[service, config] = self._new(service, config)
        return self.made[service, config]

    def _new(self, service: str, config: str) -> Any:  # noqa: ANN401 - boto3 has a class for each service
        has_own = config in self.stage.own_roles
        role = wiring.role_name(
            self.stage.cloud.options.stack, wiring.own_machine(config) if has_own else wiring.MACHINE
        )
        machine = self.machines.get(config, "i-0123")
        who = Principal(PrincipalKind.INSTANCE, machine, role, machine)
        keys = self.stage.cloud._credentials.issue(who, time.time() + 3600).keys
        session: Any = boto3.Session(keys.access_key, keys.secret_key, keys.token, region_name="us-east-1")
        return session.client(service, endpoint_url=self.stage.cloud.front_url)

    @property
    def bucket(self) -> str:
        return artifacts_bucket(self.stage.cloud.options.stack)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder: Path = tmp_path_factory.mktemp("story")
    (folder / "story.yml").write_text(STORY)
    own = {
        OWN: OwnRole(["*"], [policies.only(READ_TABLE)], artifacts=True),
        OTHER: OwnRole(["nobody/*"], artifacts=True),
    }
    with Stage(folder / "run", own_roles=own) as stage:
        stage.github.submit(folder / "story.yml")
        assert wait_until_settled(stage, PATIENCE_S)
        story = Played(stage, {seen.config: name for name, seen in stage.machines().items()})
        yield story
        for client in story.made.values():
            client.close()


def test_jobs_of_both_kinds_run_on_machines_that_claimed_and_reported_in_their_own_roles(played: Played) -> None:
    roles = {
        (call.action, call.principal): {"".join(a.context["aws:principalarn"]) for a in call.needed}
        for call in played.stage.cloud.calls
        if call.kind is PrincipalKind.INSTANCE and call.service in {"execute-api", "sqs"} and call.status == 200
    }

    assert [job.conclusion for job in played.stage.jobs()] == ["success", "success"]
    for config, kind in {OWN: f"runner-{OWN}", COMMON: "machine"}.items():
        found = {one for (_, who), arns in roles.items() if who == played.machines[config] for one in arns}
        assert found == {f"arn:aws:iam::111122223333:role/demo-local-{kind}"}


def test_its_machine_writes_its_own_log_like_any_other(played: Played) -> None:
    machine = played.machines[OWN]

    assert "runner_ended" in played.stage.cloud.machine_log(machine)


def test_a_job_keeps_what_it_likes_in_the_place_of_its_configuration(played: Played) -> None:
    s3 = played.client("s3", OWN)

    s3.put_object(Bucket=played.bucket, Key=f"{OWN}/reports/1.txt", Body=b"kept")
    listed = s3.list_objects_v2(Bucket=played.bucket, Prefix=f"{OWN}/reports/")

    assert s3.get_object(Bucket=played.bucket, Key=f"{OWN}/reports/1.txt")["Body"].read() == b"kept"
    assert [one["Key"] for one in listed["Contents"]] == [f"{OWN}/reports/1.txt"]


Ask = Callable[[Any, str], object]


@pytest.mark.parametrize("config", [OTHER, COMMON])
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda s3, bucket: s3.get_object(Bucket=bucket, Key=f"{OWN}/a"), id="read"),
        pytest.param(lambda s3, bucket: s3.put_object(Bucket=bucket, Key=f"{OWN}/a", Body=b""), id="write"),
        pytest.param(lambda s3, bucket: s3.list_objects_v2(Bucket=bucket, Prefix=f"{OWN}/"), id="list"),
        pytest.param(lambda s3, bucket: s3.list_objects_v2(Bucket=bucket), id="list all"),
        pytest.param(lambda s3, bucket: s3.delete_object(Bucket=bucket, Key=f"{OWN}/a"), id="delete"),
    ],
)
def test_no_machine_of_another_configuration_reaches_into_it(played: Played, config: str, ask: Ask) -> None:
    with pytest.raises(ClientError, match="is not authorized to perform: s3:"):
        ask(played.client("s3", config), played.bucket)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda s3, bucket: s3.list_objects_v2(Bucket=bucket), id="list all"),
        pytest.param(lambda s3, bucket: s3.list_objects_v2(Bucket=bucket, Prefix="linux-4"), id="list by a part"),
        pytest.param(lambda s3, bucket: s3.get_object(Bucket=bucket, Key=f"{OWN}-2/a"), id="a name that begins alike"),
        pytest.param(lambda s3, bucket: s3.delete_object(Bucket=bucket, Key=f"{OWN}/a"), id="delete its own"),
        pytest.param(lambda s3, _: s3.put_object(Bucket="demo-local-archive", Key="a", Body=b""), id="another bucket"),
    ],
)
def test_its_own_machines_reach_no_further(played: Played, ask: Ask) -> None:
    with pytest.raises(ClientError, match="is not authorized to perform: s3:"):
        ask(played.client("s3", OWN), played.bucket)


def test_policies_of_the_account_hold_for_its_machines_alone(played: Played) -> None:
    def refusal(config: str) -> str:
        with pytest.raises(ClientError) as caught:
            played.client("dynamodb", config).get_item(TableName="of-the-account", Key={"id": {"S": "1"}})
        return str(caught.value)

    assert "ResourceNotFoundException" in refusal(OWN)
    assert all("is not authorized to perform: dynamodb:GetItem" in refusal(config) for config in (OTHER, COMMON))


def test_each_right_to_artifacts_is_needed(played: Played) -> None:
    known = names(played.stage.cloud.options, played.stage.cloud.settings, played.stage.cloud._network)
    grants = wiring.artifact_grants(OWN)
    used = [
        Access("s3:GetObject", f"arn:aws:s3:::{played.bucket}/{OWN}/a", {}),
        Access("s3:PutObject", f"arn:aws:s3:::{played.bucket}/{OWN}/a", {}),
        Access("s3:ListBucket", f"arn:aws:s3:::{played.bucket}", {"s3:prefix": (f"{OWN}/",)}),
    ]

    def allowed(left: tuple[Grant, ...]) -> list[str]:
        policy = read(policies.document(left, known))
        return [access.action for access in used if decide([policy], access) is Decision.ALLOWED]

    rights = [action for grant in grants for action in grant.actions]
    assert allowed(grants) == rights
    for right in rights:
        left = tuple(Grant(tuple(set(one.actions) - {right}), one.resource, one.why) for one in grants)
        assert right not in allowed(tuple(grant for grant in left if grant.actions))


def test_the_dispatcher_may_pass_these_roles_and_no_other_to_ec2_alone(played: Played) -> None:
    known = names(played.stage.cloud.options, played.stage.cloud.settings, played.stage.cloud._network)
    policy = read(policies.document(wiring.DISPATCH.grants, known))

    def may(role: str, service: str = "ec2.amazonaws.com") -> bool:
        arn = f"arn:aws:iam::111122223333:role/demo-local-{role}"
        return decide([policy], Access("iam:PassRole", arn, {"iam:passedtoservice": (service,)})) is Decision.ALLOWED

    assert all(may(role) for role in ("machine", f"runner-{OWN}", f"runner-{OTHER}"))
    assert not any(may(role) for role in ("runner-else", "claim", "machine-log"))
    assert not may(f"runner-{OWN}", "lambda.amazonaws.com")


def test_an_operator_who_asks_what_becomes_of_a_job_hears_whom_the_role_is_for(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = played.stage.cloud
    for name, value in cloud.operator_environment().items():
        monkeypatch.setenv(name, value)

    def question(repository: str) -> Question:
        zones = ("us-east-1a",)
        return Question((f"spotrunner/{OTHER}",), repository, cloud.options.stack, cloud.options.region, zones)

    configs = operator.configs(cloud.options.stack, cloud.options.region)
    answers = [plan(question(name), configs) for name in ("nobody/a", "octo/a")]

    assert [answer.refusal for answer in answers] == [
        "",
        f"rule 'role of {OTHER}' of this stack does not allow configuration {OTHER} for this repository",
    ]
