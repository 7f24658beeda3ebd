"""What each role can not do, asked for real."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from controller import wiring
from controller.local.aws.calls import Call
from controller.local.aws.cloud import LocalCloud
from controller.local.aws.iam import read
from controller.local.aws.iam_patterns import Unclear
from controller.local.aws.judging import Iam
from controller.local.aws.network import Network
from controller.local.aws.principals import Principal, PrincipalKind
from controller.local.aws.refusals import ServiceError
from controller.local.aws.rights import Account
from controller.local.aws.rights_ec2 import Machines
from controller.local.aws.web import Request
from controller.settings import pairs
from runner_agent.contract.sigv4 import Credentials, Scope, sign

pytestmark = pytest.mark.local_cloud

STACK = "demo-local"
MACHINE = Principal(PrincipalKind.INSTANCE, "i-0123", f"{STACK}-machine", "i-0123")
ITEM = {"id": {"S": "1"}}

Ask = Callable[[Any, LocalCloud], object]


@pytest.fixture(scope="module")
def cloud(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    return start_cloud(schedules=wiring.SCHEDULES)


class Clients:
    """boto3 clients of whoever is named."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.made: dict[tuple[str, str], Any] = {}
        self._session: Any = boto3.Session(region_name="us-east-1")

    def of(self, name: str, service: str) -> Any:  # noqa: ANN401 - boto3 has a class for each service
        if (name, service) not in self.made:
            keys = self.keys(name)
            self.made[name, service] = self._session.client(
                service,
                endpoint_url=self.cloud.front_url,
                aws_access_key_id=keys.access_key,
                aws_secret_access_key=keys.secret_key,
                aws_session_token=keys.token,
            )
        return self.made[name, service]

    def keys(self, name: str) -> Credentials:
        """A function's own, from its environment; a machine's as its metadata would give them."""
        if name == wiring.MACHINE:
            return self.cloud._credentials.issue(MACHINE, time.time() + 3600).keys
        found = self.cloud.environment(name)
        return Credentials(found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], found["AWS_SESSION_TOKEN"])


@pytest.fixture(scope="module")
def clients(cloud: LocalCloud) -> Iterator[Clients]:
    made = Clients(cloud)
    yield made
    for client in made.made.values():
        client.close()


def launch(client: Any, cloud: LocalCloud, *, tagged: bool = True, **override: str) -> object:  # noqa: ANN401 - as above
    subnet = next(iter(pairs(cloud.settings.subnets).values()))
    stack = [{"Key": wiring.TAG_STACK, "Value": STACK}]
    kinds = ("fleet", "instance", "volume", "network-interface") if tagged else ("fleet",)
    return client.create_fleet(
        Type="instant",
        LaunchTemplateConfigs=[
            {
                "LaunchTemplateSpecification": {
                    "LaunchTemplateId": pairs(cloud.settings.launch_templates)["linux/x64"],
                    "Version": "$Default",
                },
                "Overrides": [{"InstanceType": "m7i.large", "SubnetId": subnet, **override}],
            }
        ],
        TargetCapacitySpecification={"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "spot"},
        TagSpecifications=[{"ResourceType": kind, "Tags": stack} for kind in kinds],
    )


EC2 = ("UnauthorizedOperation", 403)
DYNAMODB = JSON = ("AccessDeniedException", 400)
PLAIN = ("AccessDenied", 403)

FORBIDDEN_TO_MACHINES: list[tuple[str, Ask, str, tuple[str, int]]] = [
    ("ec2", lambda c, _: c.describe_instances(), "ec2:DescribeInstances", EC2),
    ("ec2", lambda c, _: c.terminate_instances(InstanceIds=[MACHINE.name]), "ec2:TerminateInstances", EC2),
    ("ec2", lambda c, _: c.create_tags(Resources=["i-0123"], Tags=[{"Key": "a"}]), "ec2:CreateTags", EC2),
    ("ec2", launch, "ec2:CreateFleet", EC2),
    ("ec2", lambda c, _: c.describe_vpcs(), "ec2:DescribeVpcs", EC2),
    ("ec2", lambda c, _: c.run_instances(MinCount=1, MaxCount=1), "ec2:RunInstances", EC2),
    (
        "sqs",
        lambda c, cloud: c.send_message(QueueUrl=cloud.settings.jobs_queue_url, MessageBody="x"),
        "sqs:SendMessage",
        PLAIN,
    ),
    ("sqs", lambda c, cloud: c.receive_message(QueueUrl=cloud.settings.reports_queue_url), "sqs:ReceiveMessage", PLAIN),
    ("sqs", lambda c, cloud: c.purge_queue(QueueUrl=cloud.settings.reports_queue_url), "sqs:PurgeQueue", PLAIN),
    ("sqs", lambda c, _: c.list_queues(), "sqs:ListQueues", PLAIN),
    (
        "dynamodb",
        lambda c, cloud: c.get_item(TableName=cloud.settings.jobs_table, Key=ITEM),
        "dynamodb:GetItem",
        DYNAMODB,
    ),
    (
        "dynamodb",
        lambda c, cloud: c.transact_write_items(
            TransactItems=[{"Put": {"TableName": cloud.settings.runners_table, "Item": ITEM}}]
        ),
        "dynamodb:PutItem",
        DYNAMODB,
    ),
    (
        "secretsmanager",
        lambda c, cloud: c.get_secret_value(SecretId=cloud.settings.app_key_secret_id),
        "secretsmanager:GetSecretValue",
        JSON,
    ),
    (
        "ssm",
        lambda c, cloud: c.get_parameter(Name=f"{cloud.settings.config_prefix}linux"),
        "ssm:GetParameter",
        JSON,
    ),
    ("s3", lambda c, _: c.put_object(Bucket=f"{STACK}-runner-cache", Key="a", Body=b"x"), "s3:PutObject", PLAIN),
    ("s3", lambda c, _: c.get_object(Bucket="somebody-elses", Key="a"), "s3:GetObject", PLAIN),
    ("s3", lambda c, _: c.list_objects_v2(Bucket=f"{STACK}-runner-cache"), "s3:ListBucket", PLAIN),
    ("s3", lambda c, _: c.list_buckets(), "s3:ListAllMyBuckets", PLAIN),
    ("iam", lambda c, _: c.list_users(), "iam:ListUsers", PLAIN),
    ("sts", lambda c, _: c.get_session_token(), "sts:GetSessionToken", PLAIN),
    ("logs", lambda c, _: c.create_log_stream(logGroupName="/g", logStreamName="s"), "logs:CreateLogStream", JSON),
]


def refused(call: Callable[[], object]) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


@pytest.mark.parametrize(
    ("service", "ask", "action", "shape"), FORBIDDEN_TO_MACHINES, ids=[row[2] for row in FORBIDDEN_TO_MACHINES]
)
def test_a_machine_can_do_nothing_but_its_grants(
    clients: Clients, service: str, ask: Ask, action: str, shape: tuple[str, int]
) -> None:
    client = clients.of(wiring.MACHINE, service)

    code, status, message = refused(lambda: ask(client, clients.cloud))

    assert (code, status) == shape
    assert f"User: {MACHINE.arn} is not authorized to perform: {action} on resource: " in message
    record = clients.cloud.calls[-1]
    assert (record.kind, record.principal, record.status) == (PrincipalKind.INSTANCE, MACHINE.name, status)
    assert action in {access.action for access in record.needed}


def test_a_machine_can_do_what_it_is_granted(clients: Clients) -> None:
    cloud = clients.cloud
    bucket = f"{STACK}-runner-cache"
    cloud.client("s3").put_object(Bucket=bucket, Key="runners/a b.tar.gz", Body=b"tar")

    sent = clients.of(wiring.MACHINE, "sqs").send_message(QueueUrl=cloud.settings.reports_queue_url, MessageBody="{}")
    body = clients.of(wiring.MACHINE, "s3").get_object(Bucket=bucket, Key="runners/a b.tar.gz")["Body"].read()

    assert sent["MessageId"]
    assert body == b"tar"


FOREIGN: list[tuple[str, str, Ask]] = [
    ("webhook", "dynamodb", lambda c, cloud: c.get_item(TableName=cloud.settings.jobs_table, Key=ITEM)),
    ("webhook", "secretsmanager", lambda c, cloud: c.get_secret_value(SecretId=cloud.settings.app_key_secret_id)),
    ("webhook", "secretsmanager", lambda c, _: c.get_secret_value(SecretId=f"{STACK}-app-key")),
    ("webhook", "sqs", lambda c, cloud: c.receive_message(QueueUrl=cloud.settings.jobs_queue_url)),
    ("dispatch", "secretsmanager", lambda c, cloud: c.get_secret_value(SecretId=cloud.settings.webhook_secret_id)),
    ("dispatch", "ec2", lambda c, _: c.stop_instances(InstanceIds=["i-0123"])),
    ("dispatch", "ec2", lambda c, _: c.start_instances(InstanceIds=["i-0123"])),
    ("dispatch", "ec2", lambda c, _: c.describe_spot_price_history()),
    ("dispatch", "ec2", lambda c, _: c.terminate_instances(InstanceIds=["i-0123"])),
    ("dispatch", "ec2", lambda c, _: c.describe_instances()),
    ("dispatch", "ssm", lambda c, _: c.get_parameter(Name="/spotrunner/other/runner-configs/linux")),
    ("dispatch", "sqs", lambda c, cloud: c.receive_message(QueueUrl=cloud.settings.reports_queue_url)),
    ("claim", "ec2", launch),
    ("claim", "dynamodb", lambda c, cloud: c.put_item(TableName=cloud.settings.launches_table, Item=ITEM)),
    ("claim", "dynamodb", lambda c, cloud: c.scan(TableName=cloud.settings.jobs_table)),
    ("claim", "sqs", lambda c, cloud: c.send_message(QueueUrl=cloud.settings.jobs_queue_url, MessageBody="x")),
    ("reports", "dynamodb", lambda c, cloud: c.get_item(TableName=cloud.settings.launches_table, Key=ITEM)),
    ("reports", "ec2", lambda c, _: c.terminate_instances(InstanceIds=["i-0123"])),
    (
        "reports",
        "dynamodb",
        lambda c, cloud: c.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": cloud.settings.jobs_table, "Item": ITEM}},
                {"Delete": {"TableName": cloud.settings.jobs_table, "Key": {"id": {"S": "2"}}}},
            ]
        ),
    ),
    ("housekeeping", "secretsmanager", lambda c, cloud: c.get_secret_value(SecretId=cloud.settings.webhook_secret_id)),
    (
        "housekeeping",
        "sqs",
        lambda c, cloud: c.purge_queue(QueueUrl=cloud.settings.events_queue_url),
    ),
]


@pytest.mark.parametrize(("function", "service", "ask"), FOREIGN)
def test_a_function_can_not_use_what_is_anothers(clients: Clients, function: str, service: str, ask: Ask) -> None:
    client = clients.of(function, service)

    _, status, message = refused(lambda: ask(client, clients.cloud))

    assert status in {400, 403}
    assert f"assumed-role/{STACK}-{function}/{STACK}-{function} is not authorized to perform: {service}:" in message


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, cloud: launch(client, cloud, tagged=False),
        lambda client, cloud: launch(client, cloud, SubnetId="subnet-of-somebody-else"),
        lambda client, cloud: launch(client, cloud, ImageId="ami-0of0somebody0else"),
    ],
    ids=["without the stack's tag", "in another subnet", "from another image"],
)
def test_a_launch_outside_the_stack_is_refused(clients: Clients, ask: Ask) -> None:
    client = clients.of("dispatch", "ec2")

    code, status, _ = refused(lambda: ask(client, clients.cloud))

    assert (code, status) == EC2


def test_housekeeping_ends_only_machines_that_carry_the_stacks_tag(clients: Clients) -> None:
    admin = clients.cloud.client("ec2")
    (ours,) = (group["InstanceIds"][0] for group in launch(admin, clients.cloud)["Instances"])  # type: ignore[index]  # an answer
    (others,) = (group["InstanceIds"][0] for group in launch(admin, clients.cloud, tagged=False)["Instances"])  # type: ignore[index]  # the same
    housekeeping = clients.of("housekeeping", "ec2")

    both = refused(lambda: housekeeping.terminate_instances(InstanceIds=[ours, others]))
    ended = housekeeping.terminate_instances(InstanceIds=[ours])["TerminatingInstances"]
    admin.terminate_instances(InstanceIds=[others])

    assert both[:2] == EC2
    assert f"instance/{others}" in both[2]
    assert [one["InstanceId"] for one in ended] == [ours]


def polls(clients: Clients, function: str, queue: str) -> dict[str, Any]:
    poller = Principal(PrincipalKind.SERVICE, f"event-source:{function}", f"{STACK}-{function}", "lambda-event-source")
    url = getattr(clients.cloud.settings, f"{queue}_queue_url")
    return clients.cloud._gate.ask(poller, "us-east-1", "ReceiveMessage", {"QueueUrl": url})


def test_a_poller_has_its_functions_rights_and_no_others(clients: Clients) -> None:
    own = polls(clients, "dispatch", "jobs")

    with pytest.raises(ServiceError, match="not authorized to perform: sqs:ReceiveMessage") as caught:
        polls(clients, "dispatch", "reports")

    assert own == {}
    assert (caught.value.code, caught.value.status) == PLAIN


def test_schedules_may_put_messages_on_their_own_queues_and_nothing_else(clients: Clients) -> None:
    schedule = Principal(PrincipalKind.SERVICE, "schedule:wake", f"{STACK}-scheduler", "wake")
    settings = clients.cloud.settings

    def ask(action: str, url: str) -> dict[str, Any]:
        fields = {"QueueUrl": url, "MessageBody": "x"}
        return clients.cloud._gate.ask(schedule, "us-east-1", action, fields)

    assert ask("SendMessage", settings.jobs_queue_url)["MessageId"]
    for action, url in [
        ("SendMessage", settings.reports_queue_url),
        ("ReceiveMessage", settings.jobs_queue_url),
        ("PurgeQueue", settings.jobs_queue_url),
    ]:
        with pytest.raises(ServiceError, match=f"not authorized to perform: sqs:{action}"):
            ask(action, url)


@pytest.mark.parametrize("name", ["dispatch", "webhook"])
def test_only_machines_may_claim(clients: Clients, name: str) -> None:
    keys, url = clients.keys(name), clients.cloud.claim_url
    headers = sign("POST", url, {}, b"{}", keys, Scope("us-east-1", "execute-api"), time.time())

    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    connection.request("POST", "/claim", b"{}", dict(headers))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()

    assert (answer.status, body) == (403, b'{"message":"Forbidden"}')
    claims = [call for call in clients.cloud.calls if call.service == "execute-api" and call.principal == name]
    assert [call.status for call in claims] == [403]


def judge(*documents: dict[str, Any]) -> Iam:
    iam = Iam()
    account = Account(Machines(Network("us-east-1"), lambda _: {}), {})
    iam.enact({MACHINE.role: [read(document) for document in documents]}, account)
    return iam


def policy(effect: str, action: str, **more: object) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": action, "Resource": "*", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


DESCRIBE = Call(MACHINE, "ec2", "us-east-1", Request("POST", "/", {}, b"Action=DescribeInstances"))
LIST_TABLES = Call(MACHINE, "dynamodb", "us-east-1", Request("POST", "/", {"x-amz-target": "D_1.ListTables"}, b"{}"))


def test_before_there_are_roles_nobody_may_do_anything_but_the_operator() -> None:
    operator = Principal(PrincipalKind.ADMIN, "admin", "admin", "admin")

    machine = Iam().judge(DESCRIBE)
    admin = Iam().judge(Call(operator, "ec2", "us-east-1", DESCRIBE.request))

    assert machine.refusal
    assert not admin.refusal


def test_an_explicit_denial_is_named_as_one() -> None:
    iam = judge(policy("Allow", "*"), policy("Deny", "ec2:Describe*"))

    assert "with an explicit deny in an identity-based policy" in iam.judge(DESCRIBE).refusal


def test_a_role_that_is_not_there_allows_nothing() -> None:
    stranger = Principal(PrincipalKind.FUNCTION, "x", "another-role", "x")

    verdict = judge(policy("Allow", "*")).judge(Call(stranger, "ec2", "us-east-1", DESCRIBE.request))

    assert "because no identity-based policy allows the ec2:DescribeInstances action" in verdict.refusal


def test_an_allowed_action_whose_resource_is_not_known_is_an_error_and_no_allow() -> None:
    with pytest.raises(Unclear, match="dynamodb:ListTables, but on what is not known here"):
        judge(policy("Allow", "dynamodb:*")).judge(LIST_TABLES)


def test_a_policy_on_a_key_that_no_call_tells_is_an_error_at_once() -> None:
    with pytest.raises(Unclear, match="aws:securetransport"):
        judge(policy("Deny", "*", Condition={"Bool": {"aws:SecureTransport": "false"}}))
