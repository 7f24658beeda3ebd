"""What only the text of a log tells: functions cut off by Lambda itself, and answers of the API gateway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller import wiring
from controller.signals import NAMESPACE

TIMEOUTS, OUT_OF_MEMORY, WEBHOOK_ERRORS = "FunctionTimeouts", "FunctionsOutOfMemory", "WebhookErrors"


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Lines of a log group that count as one of a metric, whose namespace is the stack's own."""

    name: str
    function: str
    """Whose log it is; empty: the HTTP API's."""
    pattern: str
    metric: str


def namespace(stack: str) -> str:
    """Where these metrics are: a filter over plain text can give a metric no dimension."""
    return f"{NAMESPACE}/{stack}"


def log_filters() -> Iterator[LogFilter]:
    """Every filter of a stack; a function that is cut off can tell nothing itself."""
    for function in wiring.FUNCTIONS:
        yield LogFilter(f"{function.name}-timeouts", function.name, '"Task timed out after"', TIMEOUTS)
        yield LogFilter(
            f"{function.name}-out-of-memory",
            function.name,
            '?"Runtime.OutOfMemory" ?"signal: killed"',
            OUT_OF_MEMORY,
        )
    route = wiring.WEBHOOK.trigger
    if isinstance(route, wiring.Route):
        pattern = f'{{ $.route = "{route.method} {route.path}" && $.status = "5*" }}'
        yield LogFilter("webhook-5xx", "", pattern, WEBHOOK_ERRORS)
