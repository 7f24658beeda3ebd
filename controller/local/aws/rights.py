"""Which rights a call needs: the actions, resources and condition keys that AWS judges it by.

Actions and resources are those of https://docs.aws.amazon.com/service-authorization/latest/reference/, and of the
pages on transactions, batches and indexes in each service's own guide where several actions share one API call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from controller.local.aws import rights_ec2
from controller.local.aws.calls import Call
from controller.local.aws.http_api import execution_arn
from controller.local.aws.iam import Access
from controller.local.aws.iam_patterns import Context
from controller.local.aws.principals import ACCOUNT, Principal, PrincipalKind
from controller.local.aws.sts import tags_of

MODELLED = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principaltype",
        "aws:requestedregion",
        "aws:userid",
        "s3:if-none-match",
        "s3:prefix",
        *rights_ec2.MODELLED,
    }
)
"""The condition keys that calls come with here; a policy that asks for another can not be judged."""
MODELLED_TAGS = ("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/", "ec2:resourcetag/")

Pairs = Iterable[tuple[str, str]]
"""Actions, each with the ARN that it is done to."""


@dataclass(frozen=True, slots=True)
class Account:
    """What has to be looked up to know what a call is about."""

    machines: rights_ec2.Machines
    secrets: Mapping[str, str]
    """The ARN of each secret, by its name."""


@dataclass(frozen=True, slots=True)
class Needs:
    """All accesses that one call is; without `listed` nobody here knows the resource, and `*` stands for it."""

    accesses: tuple[Access, ...]
    listed: bool = True


def needs(call: Call, account: Account) -> Needs:
    """What a call needs; raises `Unclear`, and `KeyError` where a field is missing."""
    known = _about(call.principal, call.region)
    if call.service == "ec2":
        found = rights_ec2.needed(call, account.machines, known)
        return Needs(found) if found else _unlisted(call, known)
    service = _SERVICES.get(call.service)
    pairs = service(call, account) if service else None
    if pairs is None:
        return _unlisted(call, known)
    if call.service == "sts":
        known = {**known, **_requested(call)}
    if call.service == "s3" and "if-none-match" in call.request.headers:
        known = {**known, "s3:if-none-match": (call.request.headers["if-none-match"],)}
    if call.service == "s3":
        prefix = parse_qs(call.request.query, keep_blank_values=True).get("prefix", ())
        known = {**known, "s3:prefix": tuple(prefix)}
    return Needs(tuple(Access(action, resource, known) for action, resource in dict.fromkeys(pairs)))


def _unlisted(call: Call, known: Context) -> Needs:
    return Needs((Access(f"{call.service}:{call.action}", "*", known),), listed=False)


def _about(who: Principal, region: str) -> Context:
    arn = f"arn:aws:ec2:{region}:{ACCOUNT}:instance/{who.name}"
    on_machine = {"ec2:sourceinstancearn": (arn,)} if who.kind is PrincipalKind.INSTANCE else {}
    return {
        "aws:principalaccount": (ACCOUNT,),
        "aws:principalarn": (f"arn:aws:iam::{ACCOUNT}:role/{who.role}",),
        "aws:principaltype": ("AssumedRole",),
        "aws:requestedregion": (region,),
        "aws:userid": (who.user_id,),
        **{f"aws:principaltag/{key.lower()}": (value,) for key, value in who.tags},
        **on_machine,
    }


def _arn(call: Call, resource: str, service: str = "") -> str:
    return f"arn:aws:{service or call.service}:{call.region}:{ACCOUNT}:{resource}"


def _text(call: Call, name: str) -> str:
    value = call.fields[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not text")
    return value


_ON_TABLE = frozenset(
    {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "DescribeTable", "UpdateTable", "DeleteTable"}
)
_TRANSACT = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}


def _dynamodb(call: Call, account: Account) -> Pairs | None:  # noqa: ARG001 - every service's shape
    def table(name: object) -> str:
        return str(name) if str(name).startswith("arn:") else _arn(call, f"table/{name}")

    if call.action in {"TransactWriteItems", "TransactGetItems"}:
        return [
            (f"dynamodb:{_TRANSACT[kind]}", table(each["TableName"]))
            for item in _list(call.fields["TransactItems"])
            for kind, each in item.items()
        ]
    if call.action in {"BatchGetItem", "BatchWriteItem"}:
        names = call.fields["RequestItems"]
        return [(f"dynamodb:{call.action}", table(name)) for name in (names if isinstance(names, dict) else ())]
    if call.action not in _ON_TABLE:
        return None
    whole = table(_text(call, "TableName"))
    # A query of an index is a query of the index alone.
    return [(f"dynamodb:{call.action}", f"{whole}/index/{call.fields['IndexName']}" if _has_index(call) else whole)]


def _has_index(call: Call) -> bool:
    return call.action in {"Query", "Scan"} and bool(call.fields.get("IndexName"))


def _list(value: object) -> list[dict[str, dict[str, object]]]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


_ON_QUEUE = frozenset(
    {
        "SendMessage",
        "ReceiveMessage",
        "DeleteMessage",
        "ChangeMessageVisibility",
        "GetQueueAttributes",
        "SetQueueAttributes",
        "PurgeQueue",
        "DeleteQueue",
    }
)


def _sqs(call: Call, account: Account) -> Pairs | None:  # noqa: ARG001 - every service's shape
    action = call.action.removesuffix("Batch")
    if action in _ON_QUEUE:
        return [(f"sqs:{action}", _arn(call, _text(call, "QueueUrl").rpartition("/")[2]))]
    if action in {"GetQueueUrl", "CreateQueue"}:
        return [(f"sqs:{action}", _arn(call, _text(call, "QueueName")))]
    return None


def _secretsmanager(call: Call, account: Account) -> Pairs | None:
    if call.action not in {"GetSecretValue", "DescribeSecret", "PutSecretValue", "UpdateSecret", "DeleteSecret"}:
        return None
    asked = _text(call, "SecretId")
    name = asked.partition(":secret:")[2] or asked
    # By name, by ARN, or by an ARN without the random characters at its end.
    whole = {arn.partition(":secret:")[2]: arn for arn in account.secrets.values()}
    return [
        (f"secretsmanager:{call.action}", account.secrets.get(name) or whole.get(name) or _arn(call, f"secret:{name}"))
    ]


def _ssm(call: Call, account: Account) -> Pairs | None:  # noqa: ARG001 - every service's shape
    field = {"GetParametersByPath": "Path", "GetParameters": "Names"}.get(call.action, "Name")
    if call.action not in {"GetParameter", "GetParameters", "GetParametersByPath", "PutParameter", "DeleteParameter"}:
        return None
    asked = call.fields[field]
    names = asked if isinstance(asked, list) else [asked]
    return [(f"ssm:{call.action}", _parameter(call, str(name))) for name in names]


def _parameter(call: Call, name: str) -> str:
    return name if name.startswith("arn:") else _arn(call, f"parameter/{name.removeprefix('/')}")


_OBJECT = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_BUCKET = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
_HARMLESS = ("x-id", "partNumber", "response-", "list-type", "prefix", "max-keys", "delimiter", "encoding-type")


def _s3(call: Call, account: Account) -> Pairs | None:  # noqa: ARG001 - every service's shape
    bucket, _, key = unquote(call.request.path).removeprefix("/").partition("/")
    asked = parse_qs(call.request.query, keep_blank_values=True)
    if not bucket:
        return [("s3:ListAllMyBuckets", "*")]
    # `?acl`, `?versionId` and their like are other actions, and a copy reads somewhere else too.
    if not all(name.startswith(_HARMLESS) for name in asked) or "x-amz-copy-source" in call.request.headers:
        return None
    action = (_OBJECT if key else _BUCKET).get(call.request.method)
    arn = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    return [(f"s3:{action}", arn)] if action else None


def _execute_api(call: Call, account: Account) -> Pairs:  # noqa: ARG001 - every service's shape
    return [("execute-api:Invoke", execution_arn(call.region, call.request.method, unquote(call.request.path)))]


def _logs(call: Call, account: Account) -> Pairs | None:  # noqa: ARG001 - every service's shape
    if call.action not in {"CreateLogStream", "PutLogEvents"}:
        return None
    group = _text(call, "logGroupName")
    streams = [_text(call, "logStreamName")]
    if call.action == "CreateLogStream":
        # The reference judges it by the group, refusals name the stream: here both must be allowed.
        streams.append("")
    return [(f"logs:{call.action}", _arn(call, f"log-group:{group}:log-stream:{stream}")) for stream in streams]


def _no_resource(*actions: str) -> Callable[[Call, Account], Pairs | None]:
    """A service that is judged by the action alone."""

    def pairs(call: Call, account: Account) -> Pairs | None:  # noqa: ARG001 - every service's shape
        return [(f"{call.service}:{call.action}", "*")] if call.action in actions else None

    return pairs


def _sts(call: Call, account: Account) -> Pairs | None:  # noqa: ARG001 - every service's shape
    # Everybody may ask who he is, even where a policy denies it.
    if call.action == "GetCallerIdentity":
        return []
    if call.action != "AssumeRole" or "Policy" in call.form:
        return None
    role = call.form["RoleArn"][0]
    return [("sts:AssumeRole", role), *([("sts:TagSession", role)] if tags_of(call.form) else [])]


def _requested(call: Call) -> Context:
    """The tags that a session is asked to have."""
    tags = tags_of(call.form)
    keys = {"aws:tagkeys": tuple(tags)} if tags else {}
    return {**{f"aws:requesttag/{key.lower()}": (value,) for key, value in tags.items()}, **keys}


_SERVICES: Mapping[str, Callable[[Call, Account], Pairs | None]] = {
    "dynamodb": _dynamodb,
    "execute-api": _execute_api,
    "logs": _logs,
    "pricing": _no_resource("GetProducts"),
    "s3": _s3,
    "secretsmanager": _secretsmanager,
    "servicequotas": _no_resource("ListServiceQuotas"),
    "sqs": _sqs,
    "ssm": _ssm,
    "sts": _sts,
}
