"""The account's own limits in a region, and what it uses of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from controller.adapters.aws.clients import Clients, asking
from controller.domain.quotas import Running
from controller.domain.runner import Lifecycle


@dataclass(frozen=True, slots=True)
class AccountAllowance:
    """The `Allowance` port."""

    clients: Clients

    def limits(self) -> dict[str, float]:
        """Every limit of EC2 that is applied to the account, by its code."""
        with asking("quotas of ec2"):
            pages = self.clients.quotas.get_paginator("list_service_quotas").paginate(ServiceCode="ec2")
            found = [quota for page in pages for quota in page["Quotas"]]
        return {quota["QuotaCode"]: quota["Value"] for quota in found if "QuotaCode" in quota and "Value" in quota}

    def running(self) -> Running:
        """By type and way of paying: quotas count the machines of the whole account."""
        with asking("machines of the account"):
            pages = self.clients.ec2.get_paginator("describe_instances").paginate(
                Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}],
                PaginationConfig={"PageSize": 1_000},
            )
            return Counter(
                (str(instance.get("InstanceType", "")), _lifecycle(instance.get("InstanceLifecycle", "")))
                for page in pages
                for group in page["Reservations"]
                for instance in group.get("Instances", [])
            )


def _lifecycle(said: str) -> Lifecycle:
    return Lifecycle.SPOT if said == "spot" else Lifecycle.ON_DEMAND
