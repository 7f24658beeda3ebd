"""What the control plane costs for a million jobs, from the calls that the embedded AWS counted, at list prices.

Prices are those of us-east-1. Counted: calls, bytes, batches, log lines. Assumed, because only an account can
tell: how long a function waits for GitHub and for EC2, and that nothing is free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller import wiring
from controller.local.aws.principals import PrincipalKind
from controller.local.stage import Stage

MILLION = 1_000_000
GOAL = 27.0

LAMBDA_REQUEST = 0.20 / MILLION
LAMBDA_GB_S = 13.3334 / MILLION
"""On arm64."""
HTTP_API_REQUEST = 1.00 / MILLION
SQS_REQUEST = 0.40 / MILLION
WRITE_UNIT = 0.625 / MILLION
READ_UNIT = 0.125 / MILLION
LOG_BYTE = 0.50 / 1024**3

SECONDS: Mapping[str, float] = {
    "webhook": 0.025,
    "claim": 0.45,
    "dispatch": 0.15,
    "reports": 0.1,
    "events": 0.08,
    "housekeeping": 0.3,
}
"""Of one invocation, without CreateFleet: a claim waits 0.35 s for GitHub's registration."""
CREATE_FLEET_S = 2.5


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill for a million jobs."""

    what: str
    dollars: float


def bill(stage: Stage, jobs: int) -> list[Line]:
    """The bill of a stage on which so many jobs have run."""
    return [Line(what, dollars / jobs * MILLION) for what, dollars in _lines(stage)]


def _lines(stage: Stage) -> Iterator[tuple[str, float]]:
    calls = [each for each in stage.cloud.calls if each.kind is not PrincipalKind.ADMIN]
    counted = Counter((each.service, each.action) for each in calls)
    functions = stage.cloud.functions()
    for function in wiring.FUNCTIONS:
        times = functions[function.name].invocations
        waits = counted["ec2", "CreateFleet"] * CREATE_FLEET_S if function.name == "dispatch" else 0.0
        gb_s = (times * SECONDS[function.name] + waits) * function.memory_mb / 1024
        yield f"Lambda: {function.name}", times * LAMBDA_REQUEST + gb_s * LAMBDA_GB_S
    routes = functions["webhook"].invocations + functions["claim"].invocations
    yield "HTTP API", routes * HTTP_API_REQUEST
    # An empty long poll costs by the hour and not by the job; one that brought something is followed by a delete.
    taken = counted["sqs", "DeleteMessageBatch"] * 2
    yield "SQS", (counted["sqs", "SendMessage"] + taken) * SQS_REQUEST
    for way, price in (("read", READ_UNIT), ("write", WRITE_UNIT)):
        for where, units in sorted(stage.cloud.capacity_units().items()):
            if where[1] == way:
                yield f"DynamoDB, {way}: {where[0]}", units * price
    yield (
        "Logs of the functions",
        LOG_BYTE * sum(len(stage.cloud.function_log(function.name).encode()) for function in wiring.FUNCTIONS),
    )
