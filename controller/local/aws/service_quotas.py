"""Service Quotas: the account's own limits for EC2's machines, of which one may be lowered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.local.aws.calls import Call
from controller.local.aws.refusals import ServiceError
from controller.local.aws.web import Reply, typed

_USUAL = {"L-34B43A08": 90_000.0, "L-1216C47A": 10_000.0, "L-3819A6DF": 0.0, "L-DB2E81BA": 0.0}
"""Standard spot of a grown account, standard on demand, and the graphics families that nobody has by default."""


@dataclass(frozen=True, slots=True)
class ServiceQuotas:
    """Value by code."""

    values: Mapping[str, float] = field(default_factory=lambda: _USUAL)

    def answer(self, call: Call) -> Reply:
        """ListServiceQuotas, on one page."""
        if call.action != "ListServiceQuotas":
            raise ServiceError("NoSuchResourceException", f"This cloud has no {call.action}")
        if call.fields.get("ServiceCode") != "ec2":
            raise ServiceError("NoSuchResourceException", f"no quotas of {call.fields.get('ServiceCode')}")
        told = [
            {"ServiceCode": "ec2", "QuotaCode": code, "Value": value, "Unit": "None"}
            for code, value in self.values.items()
        ]
        return typed(200, json.dumps({"Quotas": told}), "application/x-amz-json-1.1")
