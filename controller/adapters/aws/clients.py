"""The one place where AWS SDK clients are made, each on its first use, and their errors translated."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from controller.adapters.aws import errors
from controller.domain.events import ApiFailed
from controller.domain.refusal import RefusalKind
from controller.errors import Rejected, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_pricing import PricingClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_service_quotas import ServiceQuotasClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

    from controller.ports import Tell

QUICK = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, tcp_keepalive=True
)
"""For services that answer within milliseconds."""

SLOW = Config(
    connect_timeout=2, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3}, tcp_keepalive=True
)

ONCE = Config(
    connect_timeout=2, read_timeout=40, retries={"mode": "standard", "total_max_attempts": 1}, tcp_keepalive=True
)
"""For CreateFleet: a retry inside the SDK would hide throttling, and our launch record is the better retry."""


_ALL = ("dynamodb", "sqs", "ssm", "secrets", "s3", "ec2", "ec2_once", "pricing", "quotas")


class Clients:
    """AWS clients of one region; the SDK itself reads credentials and AWS_ENDPOINT_URL from the environment."""

    def __init__(self, region: str, tell: Tell | None = None) -> None:
        """`tell` hears of each call that failed and should not have, after the SDK's own tries."""
        self._region = region
        self._tell = tell
        # A session makes one client at a time; the clients themselves may be shared by threads.
        self._lock = threading.RLock()

    @cached_property
    def _session(self) -> boto3.Session:
        session = boto3.Session(region_name=self._region)
        if self._tell is not None:
            session.events.register("after-call", partial(_answered, self._tell))
            session.events.register("after-call-error", partial(_unanswered, self._tell))
        return session

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """The tables."""
        with self._lock:
            return self._session.client("dynamodb", config=QUICK)

    @cached_property
    def sqs(self) -> SQSClient:
        """The queues."""
        with self._lock:
            return self._session.client("sqs", config=QUICK)

    @cached_property
    def ssm(self) -> SSMClient:
        """The runner configurations."""
        with self._lock:
            return self._session.client("ssm", config=QUICK)

    @cached_property
    def secrets(self) -> SecretsManagerClient:
        """The secrets."""
        with self._lock:
            return self._session.client("secretsmanager", config=QUICK)

    @cached_property
    def s3(self) -> S3Client:
        """The archive."""
        with self._lock:
            return self._session.client("s3", config=SLOW)

    @cached_property
    def ec2(self) -> EC2Client:
        """The machines: to list and to end them."""
        with self._lock:
            return self._session.client("ec2", config=SLOW)

    @cached_property
    def ec2_once(self) -> EC2Client:
        """The machines: to launch them, with every refusal and fault shown to the caller."""
        with self._lock:
            return self._session.client("ec2", config=ONCE)

    @cached_property
    def pricing(self) -> PricingClient:
        """The price list of every region, which is read in only a few."""
        with self._lock:
            return self._session.client("pricing", region_name=_price_region(self._region), config=SLOW)

    @cached_property
    def quotas(self) -> ServiceQuotasClient:
        """The account's own limits."""
        with self._lock:
            return self._session.client("service-quotas", config=SLOW)

    def make_all(self) -> None:
        """Make every client now, from the environment as it is now."""
        for name in _ALL:
            getattr(self, name)

    def close(self) -> None:
        """Close the connections of the clients made so far."""
        for name in _ALL:
            client = self.__dict__.pop(name, None)
            if client is not None:
                client.close()


def _price_region(region: str) -> str:
    """https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html."""
    near = {"eu": "eu-central-1", "ap": "ap-south-1", "cn": "cn-northwest-1"}
    return near.get(region.partition("-")[0], "us-east-1")


def _answered(tell: Tell, *, event_name: str, parsed: Mapping[str, Any], **_: object) -> None:
    code, status = parsed.get("Error", {}).get("Code", ""), parsed["ResponseMetadata"]["HTTPStatusCode"]
    # What EC2 refuses a launch with is an answer to the launch, and told as one.
    refused = event_name.endswith(".CreateFleet") and errors.refusal_kind(code, status) is not RefusalKind.SERVER
    if code and errors.is_fault(code, status) and not refused:
        _tell_of(tell, event_name, code)


def _unanswered(tell: Tell, *, event_name: str, exception: Exception, **_: object) -> None:
    _tell_of(tell, event_name, type(exception).__name__)


def _tell_of(tell: Tell, event_name: str, reason: str) -> None:
    _, service, call = event_name.split(".", 2)
    tell(ApiFailed(service, call, reason))


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn the SDK's exceptions inside the block into ours; `what` names the call and its object."""
    try:
        yield
    except ClientError as error:
        raise errors.failure(what, code_of(error), status_of(error), message_of(error)) from error
    except ParamValidationError as error:
        raise Rejected(f"{what}: {error}") from error
    except BotoCoreError as error:
        raise Unavailable(f"{what}: {error}") from error


def code_of(error: ClientError) -> str:
    """AWS's code for what went wrong."""
    return error.response.get("Error", {}).get("Code", "")


def status_of(error: ClientError) -> int:
    """The HTTP status of the answer."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def message_of(error: ClientError) -> str:
    """AWS's own words."""
    return error.response.get("Error", {}).get("Message", "")
