"""The production handlers, with some of the platform's answers to bad luck taken out."""

from __future__ import annotations

import json
from typing import Any

from controller import lambdas
from controller.domain import launch
from controller.domain.launch import Rung
from controller.domain.pairing import Repaired
from controller.usecases import record_job

dispatch, reports, events, housekeeping = (
    lambdas.dispatch,
    lambdas.reports,
    lambdas.events,
    lambdas.housekeeping,
)


def _spot_or_nothing(*, spot: bool) -> tuple[Rung, ...]:
    """No step down from a pool that is sold out."""
    return (Rung.SPOT,) if spot else (Rung.ON_DEMAND,)


def _leave_them(*_: object) -> Repaired:
    """Nobody cares whose runner took whose job."""
    return Repaired()


setattr(launch, "rungs", _spot_or_nothing)  # noqa: B010 - a bug is planted, not written
setattr(record_job, "swap", _leave_them)  # noqa: B010 - the same

_FORGED = 401
_REFUSED = {403, 409, 410}


def webhook(event: Any, context: object) -> Any:  # noqa: ANN401 - Lambda's own shapes
    """Takes what is forged, and has no room for what comes late."""
    body = json.loads(event["body"])
    answer = lambdas.webhook(event, context)
    if answer["statusCode"] == _FORGED:
        return {**answer, "statusCode": 202}
    late = body.get("action") == "in_progress" and body["workflow_job"]["name"] == "late"
    return {**answer, "statusCode": 500} if late else answer


def claim(event: Any, context: object) -> Any:  # noqa: ANN401 - Lambda's own shapes
    """Lets a machine without work ask again and again."""
    answer = lambdas.claim(event, context)
    return {**answer, "statusCode": 503} if answer["statusCode"] in _REFUSED else answer
