"""What each call needs, as boto3 really sends it; by the service authorization reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from controller.local.aws.calls import Call
from controller.local.aws.gate import Verdict
from controller.local.aws.iam_patterns import Unclear
from controller.local.aws.network import Network
from controller.local.aws.principals import ACCOUNT, Principal, PrincipalKind
from controller.local.aws.rights import Account, Needs, needs
from controller.local.aws.rights_ec2 import Machines
from controller.local.aws.web import Request
from tests.controller.local.aws.rig import Front

DISPATCH = Principal(PrincipalKind.FUNCTION, "dispatch", "stack-dispatch", "stack-dispatch")
HERE = f"us-east-1:{ACCOUNT}"
SECRET = f"arn:aws:secretsmanager:{HERE}:secret:stack-webhook-AbCdEf"
QUEUE = f"http://127.0.0.1/{ACCOUNT}/stack-jobs"
KEY = {"id": {"S": "1"}}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/x"


def tags(instance_id: str) -> dict[str, str]:
    return {"spotrunner:stack": "stack"} if instance_id == "i-1" else {}


def account(network: Network | None = None) -> Account:
    return Account(Machines(network or Network("us-east-1"), tags), {"stack-webhook": SECRET})


class Asked:
    """Calls a service through boto3 and hears what that needs."""

    def __init__(self) -> None:
        self.network = Network("us-east-1")
        self.heard: list[Needs] = []
        self.front = Front({}, self.judge)
        self.clients: dict[str, Any] = {}

    def judge(self, call: Call) -> Verdict:
        self.heard.append(needs(call, account(self.network)))
        return Verdict("that was all")

    def __call__(self, service: str, call: Callable[[Any], object], *templates: dict[str, Any]) -> Needs:
        self.network = Network("us-east-1")
        for data in templates:
            self.network.create_template({"LaunchTemplateName": "lt-0", "LaunchTemplateData": data})
        if service not in self.clients:
            self.clients[service] = self.front.client(service, DISPATCH)
        with pytest.raises(ClientError, match="that was all"):
            call(self.clients[service])
        return self.heard[-1]


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.front.close()


def table(name: str) -> str:
    return f"arn:aws:dynamodb:{HERE}:table/{name}"


@pytest.mark.parametrize(
    ("service", "call", "expected"),
    [
        ("dynamodb", lambda c: c.get_item(TableName="jobs", Key=KEY), [("dynamodb:GetItem", table("jobs"))]),
        ("dynamodb", lambda c: c.put_item(TableName="jobs", Item=KEY), [("dynamodb:PutItem", table("jobs"))]),
        (
            "dynamodb",
            lambda c: c.get_item(TableName=table("jobs"), Key=KEY),
            [("dynamodb:GetItem", table("jobs"))],
        ),
        (
            "dynamodb",
            lambda c: c.batch_get_item(RequestItems={"jobs": {"Keys": [KEY]}, "runners": {"Keys": [KEY]}}),
            [("dynamodb:BatchGetItem", table("jobs")), ("dynamodb:BatchGetItem", table("runners"))],
        ),
        (
            "dynamodb",
            lambda c: c.batch_write_item(RequestItems={"jobs": [{"DeleteRequest": {"Key": KEY}}]}),
            [("dynamodb:BatchWriteItem", table("jobs"))],
        ),
        (
            "dynamodb",
            lambda c: c.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": "jobs", "Item": KEY}},
                    {"Put": {"TableName": "jobs", "Item": {"id": {"S": "2"}}}},
                    {"Update": {"TableName": "jobs", "Key": KEY, "UpdateExpression": "REMOVE a"}},
                    {"Delete": {"TableName": "runners", "Key": KEY}},
                    {"ConditionCheck": {"TableName": "launches", "Key": KEY, "ConditionExpression": "a = b"}},
                ]
            ),
            [
                ("dynamodb:PutItem", table("jobs")),
                ("dynamodb:UpdateItem", table("jobs")),
                ("dynamodb:DeleteItem", table("runners")),
                ("dynamodb:ConditionCheckItem", table("launches")),
            ],
        ),
        (
            "dynamodb",
            lambda c: c.transact_get_items(TransactItems=[{"Get": {"TableName": "jobs", "Key": KEY}}]),
            [("dynamodb:GetItem", table("jobs"))],
        ),
        (
            "dynamodb",
            lambda c: c.query(TableName="jobs", IndexName="by-stage", KeyConditionExpression="a = b"),
            [("dynamodb:Query", table("jobs/index/by-stage"))],
        ),
        (
            "dynamodb",
            lambda c: c.query(TableName="jobs", KeyConditionExpression="a = b"),
            [("dynamodb:Query", table("jobs"))],
        ),
        (
            "sqs",
            lambda c: c.send_message_batch(QueueUrl=QUEUE, Entries=[{"Id": "1", "MessageBody": "a"}]),
            [("sqs:SendMessage", f"arn:aws:sqs:{HERE}:stack-jobs")],
        ),
        (
            "sqs",
            lambda c: c.delete_message_batch(QueueUrl=QUEUE, Entries=[{"Id": "1", "ReceiptHandle": "a"}]),
            [("sqs:DeleteMessage", f"arn:aws:sqs:{HERE}:stack-jobs")],
        ),
        (
            "sqs",
            lambda c: c.change_message_visibility(QueueUrl=QUEUE, ReceiptHandle="a", VisibilityTimeout=1),
            [("sqs:ChangeMessageVisibility", f"arn:aws:sqs:{HERE}:stack-jobs")],
        ),
        (
            "sqs",
            lambda c: c.get_queue_url(QueueName="stack-jobs"),
            [("sqs:GetQueueUrl", f"arn:aws:sqs:{HERE}:stack-jobs")],
        ),
        *(
            ("secretsmanager", lambda c, name=name: c.get_secret_value(SecretId=name), [(GET_SECRET, arn)])
            for GET_SECRET in ["secretsmanager:GetSecretValue"]
            for name, arn in [
                ("stack-webhook", SECRET),
                (SECRET, SECRET),
                (SECRET.removesuffix("-AbCdEf"), SECRET),
                ("other", f"arn:aws:secretsmanager:{HERE}:secret:other"),
            ]
        ),
        (
            "ssm",
            lambda c: c.get_parameters_by_path(Path="/a/b/"),
            [("ssm:GetParametersByPath", f"arn:aws:ssm:{HERE}:parameter/a/b/")],
        ),
        (
            "ssm",
            lambda c: c.get_parameters(Names=["/a/b", "c"]),
            [
                ("ssm:GetParameters", f"arn:aws:ssm:{HERE}:parameter/a/b"),
                ("ssm:GetParameters", f"arn:aws:ssm:{HERE}:parameter/c"),
            ],
        ),
        ("s3", lambda c: c.get_object(Bucket="b", Key="a/ü x"), [("s3:GetObject", "arn:aws:s3:::b/a/ü x")]),
        ("s3", lambda c: c.put_object(Bucket="b", Key="a", Body=b""), [("s3:PutObject", "arn:aws:s3:::b/a")]),
        ("s3", lambda c: c.delete_object(Bucket="b", Key="a"), [("s3:DeleteObject", "arn:aws:s3:::b/a")]),
        ("s3", lambda c: c.list_objects_v2(Bucket="b", Prefix="a"), [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("s3", lambda c: c.list_buckets(), [("s3:ListAllMyBuckets", "*")]),
        ("ec2", lambda c: c.describe_instances(), [("ec2:DescribeInstances", "*")]),
        (
            "logs",
            lambda c: c.put_log_events(
                logGroupName="/g", logStreamName="s", logEvents=[{"timestamp": 1, "message": "a"}]
            ),
            [("logs:PutLogEvents", f"arn:aws:logs:{HERE}:log-group:/g:log-stream:s")],
        ),
        (
            "logs",
            lambda c: c.create_log_stream(logGroupName="/g", logStreamName="s"),
            [
                ("logs:CreateLogStream", f"arn:aws:logs:{HERE}:log-group:/g:log-stream:s"),
                ("logs:CreateLogStream", f"arn:aws:logs:{HERE}:log-group:/g:log-stream:"),
            ],
        ),
        (
            "sts",
            lambda c: c.assume_role(RoleArn=ROLE, RoleSessionName="xx"),
            [("sts:AssumeRole", ROLE)],
        ),
        (
            "sts",
            lambda c: c.assume_role(RoleArn=ROLE, RoleSessionName="xx", Tags=[{"Key": "a", "Value": "b"}]),
            [("sts:AssumeRole", ROLE), ("sts:TagSession", ROLE)],
        ),
    ],
)
def test_a_call_needs_these_actions_on_these_resources(
    asked: Asked, service: str, call: Callable[[Any], object], expected: list[tuple[str, str]]
) -> None:
    found = asked(service, call)

    assert [(access.action, access.resource) for access in found.accesses] == expected
    assert found.listed


@pytest.mark.parametrize(
    ("service", "call", "action"),
    [
        ("dynamodb", lambda c: c.list_tables(), "dynamodb:ListTables"),
        ("dynamodb", lambda c: c.execute_statement(Statement="SELECT * FROM jobs"), "dynamodb:ExecuteStatement"),
        ("sqs", lambda c: c.list_queues(), "sqs:ListQueues"),
        ("ssm", lambda c: c.describe_parameters(), "ssm:DescribeParameters"),
        ("secretsmanager", lambda c: c.list_secrets(), "secretsmanager:ListSecrets"),
        ("s3", lambda c: c.get_object_acl(Bucket="b", Key="a"), "s3:GetObject"),
        ("s3", lambda c: c.get_object(Bucket="b", Key="a", VersionId="1"), "s3:GetObject"),
        ("s3", lambda c: c.copy_object(Bucket="b", Key="a", CopySource="other/a"), "s3:PutObject"),
        ("ec2", lambda c: c.run_instances(MinCount=1, MaxCount=1), "ec2:RunInstances"),
        ("iam", lambda c: c.list_users(), "iam:ListUsers"),
        (
            "sts",
            lambda c: c.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/x", RoleSessionName="xx", Policy="{}"),
            "sts:AssumeRole",
        ),
        ("sts", lambda c: c.get_session_token(), "sts:GetSessionToken"),
    ],
)
def test_an_action_that_is_not_listed_is_told_apart(
    asked: Asked, service: str, call: Callable[[Any], object], action: str
) -> None:
    found = asked(service, call)

    assert not found.listed
    assert [(access.action, access.resource) for access in found.accesses] == [(action, "*")]


def test_a_write_is_judged_by_whether_it_may_replace_something(asked: Asked) -> None:
    plain = asked("s3", lambda c: c.put_object(Bucket="b", Key="a", Body=b""))
    careful = asked("s3", lambda c: c.put_object(Bucket="b", Key="a", Body=b"", IfNoneMatch="*"))

    assert "s3:if-none-match" not in plain.accesses[0].context
    assert careful.accesses[0].context["s3:if-none-match"] == ("*",)


def test_a_session_is_judged_by_the_tags_it_asks_for(asked: Asked) -> None:
    tags = [{"Key": "machine", "Value": "i-1"}, {"Key": "Team", "Value": "x"}]

    found = asked("sts", lambda c: c.assume_role(RoleArn=ROLE, RoleSessionName="xx", Tags=tags))

    for access in found.accesses:
        assert access.context["aws:tagkeys"] == ("machine", "Team")
        assert access.context["aws:requesttag/machine"] == ("i-1",)
        assert access.context["aws:requesttag/team"] == ("x",)


def test_every_call_tells_who_makes_it_and_where(asked: Asked) -> None:
    found = asked("sqs", lambda c: c.get_queue_attributes(QueueUrl=QUEUE))

    context = found.accesses[0].context
    assert context["aws:userid"] == (DISPATCH.user_id,)
    assert context["aws:principalarn"] == (f"arn:aws:iam::{ACCOUNT}:role/stack-dispatch",)
    assert context["aws:requestedregion"] == ("us-east-1",)


def test_machines_are_ended_by_their_own_tags(asked: Asked) -> None:
    found = asked("ec2", lambda c: c.terminate_instances(InstanceIds=["i-1", "i-2"]))

    keys = [access.context.get("ec2:resourcetag/spotrunner:stack") for access in found.accesses]
    assert [access.resource for access in found.accesses] == [f"arn:aws:ec2:{HERE}:instance/i-{n}" for n in (1, 2)]
    assert keys == [("stack",), None]


TEMPLATE = {
    "ImageId": "ami-1",
    "SecurityGroupId": ["sg-1"],
    "IamInstanceProfile": {"Name": "stack-machine"},
    "TagSpecification": [{"ResourceType": "volume", "Tag": [{"Key": "Name", "Value": "stack"}]}],
    "BlockDeviceMapping": [{"Ebs": {"SnapshotId": "snap-1"}}],
}


def launch(*subnets: str, spot: bool = True, **overrides: object) -> Callable[[Any], object]:
    asked = {"ResourceType": "instance", "Tags": [{"Key": "spotrunner:stack", "Value": "stack"}]}
    fleet = {"ResourceType": "fleet", "Tags": [{"Key": "spotrunner:stack", "Value": "stack"}]}
    return lambda client: client.create_fleet(
        Type="instant",
        LaunchTemplateConfigs=[
            {
                "LaunchTemplateSpecification": {"LaunchTemplateName": "lt-0", "Version": "$Default"},
                "Overrides": [{"SubnetId": subnet, **overrides} for subnet in subnets],
            }
        ],
        TargetCapacitySpecification={
            "TotalTargetCapacity": 1,
            "DefaultTargetCapacityType": "spot" if spot else "on-demand",
        },
        TagSpecifications=[asked, fleet],
    )


def test_a_fleet_needs_what_it_launches_uses_tags_and_hands_on(asked: Asked) -> None:
    found = asked("ec2", launch("subnet-1", "subnet-2"), TEMPLATE)

    ran = {access.resource.split(":", 5)[5] for access in found.accesses if access.action == "ec2:RunInstances"}
    template = next(name for name in ran if name.startswith("launch-template/lt-"))
    assert ran == {
        template,
        "image/ami-1",
        "snapshot/snap-1",
        "subnet/subnet-1",
        "subnet/subnet-2",
        "security-group/sg-1",
        "instance/*",
        "volume/*",
        "network-interface/*",
        "spot-instances-request/*",
    }
    fleet = {access.resource.split(":", 5)[5] for access in found.accesses if access.action == "ec2:CreateFleet"}
    assert fleet == ran - {"spot-instances-request/*"} | {"fleet/*"}
    tagged = {
        access.resource.split(":", 5)[5]: (access.context["ec2:createaction"], access.context["aws:tagkeys"])
        for access in found.accesses
        if access.action == "ec2:CreateTags"
    }
    assert tagged == {
        "fleet/*": (("CreateFleet",), ("spotrunner:stack",)),
        "instance/*": (("RunInstances",), ("spotrunner:stack",)),
        "volume/*": (("RunInstances",), ("Name",)),
    }
    (passed,) = (access for access in found.accesses if access.action == "iam:PassRole")
    assert passed.resource == f"arn:aws:iam::{ACCOUNT}:role/stack-machine"
    assert passed.context["iam:passedtoservice"] == ("ec2.amazonaws.com",)


def test_a_launch_carries_only_the_tags_of_each_kind(asked: Asked) -> None:
    found = asked("ec2", launch("subnet-1"), TEMPLATE)

    key = "aws:requesttag/spotrunner:stack"
    carried = {
        access.resource.rsplit(":", 1)[1]: access.context.get(key)
        for access in found.accesses
        if access.action == "ec2:RunInstances" and access.resource.endswith("/*")
    }
    assert carried == {
        "instance/*": ("stack",),
        "volume/*": None,
        "network-interface/*": None,
        "spot-instances-request/*": None,
    }


def test_an_on_demand_launch_asks_for_no_spot_request(asked: Asked) -> None:
    found = asked("ec2", launch("subnet-1", spot=False), TEMPLATE)

    assert not [access for access in found.accesses if "spot-instances-request" in access.resource]


def test_what_ec2_would_choose_itself_can_be_anything(asked: Asked) -> None:
    found = asked("ec2", launch(), {})

    resources = {access.resource.rsplit(":", 1)[1] for access in found.accesses}
    assert {"subnet/*", "security-group/*", "image/*"} <= resources


def test_a_template_that_is_not_there_is_judged_by_its_name(asked: Asked) -> None:
    found = asked("ec2", launch("subnet-1"))

    assert f"arn:aws:ec2:{HERE}:launch-template/lt-0" in {access.resource for access in found.accesses}


def form(action: str, **fields: str) -> Call:
    body = "&".join(f"{name.replace('_', '.')}={value}" for name, value in {"Action": action, **fields}.items())
    return Call(DISPATCH, "ec2", "us-east-1", Request("POST", "/", {}, body.encode()))


@pytest.mark.parametrize(
    "call",
    [
        form("CreateTags", ResourceId_1="vol-1", Tag_1_Key="a"),
        form("CreateFleet", LaunchTemplateConfigs_1_Overrides_1_Placement_GroupName="a"),
    ],
)
def test_what_a_call_needs_is_never_guessed(call: Call) -> None:
    with pytest.raises(Unclear):
        needs(call, account())


def test_a_template_with_something_unknown_in_it_is_not_guessed_at() -> None:
    network = Network("us-east-1")
    network.create_template({"LaunchTemplateName": "lt-0", "LaunchTemplateData": {"LicenseSpecification": []}})

    with pytest.raises(Unclear, match="LicenseSpecification"):
        needs(
            form("CreateFleet", LaunchTemplateConfigs_1_LaunchTemplateSpecification_LaunchTemplateName="lt-0"),
            account(network),
        )


def test_everybody_may_ask_who_he_is() -> None:
    call = Call(DISPATCH, "sts", "us-east-1", Request("POST", "/", {}, b"Action=GetCallerIdentity"))

    assert needs(call, account()) == Needs(())


def test_a_route_is_called_by_method_and_path() -> None:
    call = Call(DISPATCH, "execute-api", "us-east-1", Request("POST", "/claim?a=b", {}))

    (access,) = needs(call, account()).accesses

    assert (access.action, access.resource) == (
        "execute-api:Invoke",
        f"arn:aws:execute-api:{HERE}:local/$default/POST/claim",
    )


def test_a_list_is_judged_by_the_prefix_that_it_asks_for(asked: Asked) -> None:
    whole = asked("s3", lambda c: c.list_objects_v2(Bucket="b"))
    part = asked("s3", lambda c: c.list_objects_v2(Bucket="b", Prefix="deploy/a b"))

    assert [access.context["s3:prefix"] for one in (whole, part) for access in one.accesses] == [(), ("deploy/a b",)]
