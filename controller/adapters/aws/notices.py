"""EC2's and AWS Health's events as EventBridge puts them on a queue, turned into our notices: a parser each.

The documents: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/automating_with_eventbridge.html and
https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from controller.domain.interruption import MAINTENANCE, Advised, Ended, Notice, Warned
from controller.errors import Rejected

Document = Mapping[str, object]


def read(text: str) -> Sequence[Notice]:
    """The notices in an event, one for each machine; raises `Rejected` naming what is wrong with it."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as bad:
        raise Rejected(f"event: {bad}") from bad
    if not isinstance(document, dict):
        raise Rejected("event: not a JSON object")
    kind, source = str(document.get("detail-type"))[:80], str(document.get("source"))[:80]
    parse = _PARSERS.get((source, kind))
    if parse is None:
        raise Rejected(f"event: {kind!r} of {source!r} is none of ours")
    return parse(document)


def _warned(document: Document) -> Sequence[Notice]:
    return [Warned(_instance(document), _word(document, "instance-action"), _time(document))]


def _advised(document: Document) -> Sequence[Notice]:
    return [Advised(_instance(document), _time(document))]


def _ended(document: Document) -> Sequence[Notice]:
    return [Ended(_instance(document), _word(document, "state"), _time(document))]


def _scheduled(document: Document) -> Sequence[Notice]:
    detail = document.get("detail")
    entities = detail.get("affectedEntities") if isinstance(detail, dict) else None
    if not isinstance(entities, list):
        raise Rejected("event: detail.affectedEntities is not a list")
    at = _time(document)
    named = (entity.get("entityValue") for entity in entities if isinstance(entity, dict))
    # Volumes and hosts may stand among them.
    return [Advised(name, at, MAINTENANCE) for name in named if isinstance(name, str) and name.startswith("i-")]


_PARSERS: Mapping[tuple[str, str], Callable[[Document], Sequence[Notice]]] = {
    ("aws.ec2", "EC2 Spot Instance Interruption Warning"): _warned,
    ("aws.ec2", "EC2 Instance Rebalance Recommendation"): _advised,
    ("aws.ec2", "EC2 Instance State-change Notification"): _ended,
    ("aws.health", "AWS Health Event"): _scheduled,
}


def _instance(document: Document) -> str:
    name = _word(document, "instance-id")
    if not name.startswith("i-"):
        raise Rejected(f"event: detail.instance-id {name[:80]!r} names no instance")
    return name


def _word(document: Document, name: str) -> str:
    detail = document.get("detail")
    word = detail.get(name) if isinstance(detail, dict) else None
    if not isinstance(word, str) or not word:
        raise Rejected(f"event: detail.{name} is missing")
    return word


def _time(document: Document) -> float:
    text = document.get("time")
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        raise Rejected(f"event: time {str(text)[:80]!r} is not a time") from None
    if time.tzinfo is None:
        raise Rejected(f"event: time {str(text)[:80]!r} has no time zone")
    return time.timestamp()
