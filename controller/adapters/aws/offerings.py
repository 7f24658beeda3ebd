"""What EC2 sells in a region: types, zones and prices, page by page; only housekeeping ever asks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from controller.adapters.aws.clients import Clients, asking
from controller.domain.catalogue import InstanceType
from controller.domain.fleet_config import Arch

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeInfoTypeDef
    from mypy_boto3_pricing.type_defs import FilterTypeDef as PriceFilter

_ARCHES = {"x86_64": Arch.X64, "arm64": Arch.ARM64}
_LINUX = "Linux/UNIX"


@dataclass(frozen=True, slots=True)
class Ec2Offerings:
    """The `Offerings` port, for the zones of one stack."""

    clients: Clients
    region: str
    zones_here: Sequence[str]

    def types(self) -> list[InstanceType]:
        """Every type that there is as a spot machine, and is no bare metal: that boots for minutes."""
        wanted: list[FilterTypeDef] = [
            {"Name": "supported-usage-class", "Values": ["spot"]},
            {"Name": "bare-metal", "Values": ["false"]},
        ]
        with asking("machine types"):
            pages = self.clients.ec2.get_paginator("describe_instance_types").paginate(Filters=wanted)
            found = [_type(info) for page in pages for info in page["InstanceTypes"]]
        return [offered for offered in found if offered]

    def zones(self) -> dict[str, tuple[str, ...]]:
        """Type to the stack's zones that have it."""
        found: dict[str, tuple[str, ...]] = {}
        with asking("zones of machine types"):
            pages = self.clients.ec2.get_paginator("describe_instance_type_offerings").paginate(
                LocationType="availability-zone", Filters=[{"Name": "location", "Values": list(self.zones_here)}]
            )
            for offered in (each for page in pages for each in page["InstanceTypeOfferings"]):
                name = str(offered.get("InstanceType", ""))
                found[name] = (*found.get(name, ()), offered.get("Location", ""))
        return found

    def spot_prices(self) -> dict[str, dict[str, float]]:
        """Type to zone to dollars an hour now: a history of no length is its latest entry."""
        found: dict[str, dict[str, float]] = {}
        now = datetime.now(UTC)
        with asking("spot prices"):
            pages = self.clients.ec2.get_paginator("describe_spot_price_history").paginate(
                StartTime=now, EndTime=now, ProductDescriptions=[_LINUX]
            )
            for price in (each for page in pages for each in page["SpotPriceHistory"]):
                zone = price.get("AvailabilityZone", "")
                if zone in self.zones_here:
                    # The newest comes first.
                    found.setdefault(str(price.get("InstanceType", "")), {}).setdefault(
                        zone, float(price.get("SpotPrice", 0))
                    )
        return found

    def prices(self) -> dict[str, float]:
        """Type to on-demand dollars an hour, with Linux, on shared hardware."""
        wanted: list[PriceFilter] = [
            {"Type": "TERM_MATCH", "Field": name, "Value": value}
            for name, value in {**_ON_DEMAND, "regionCode": self.region}.items()
        ]
        with asking("on-demand prices"):
            pages = self.clients.pricing.get_paginator("get_products").paginate(
                ServiceCode="AmazonEC2", FormatVersion="aws_v1", Filters=wanted
            )
            found = [_priced(json.loads(text)) for page in pages for text in page["PriceList"]]
        return {name: dollars for name, dollars in found if name and dollars}


_ON_DEMAND = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "licenseModel": "No License required",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
"""What is left is one product for each type: a few pages, where the whole list of a region is hundreds of megabytes."""


def _type(info: InstanceTypeInfoTypeDef) -> InstanceType | None:
    """None for a type that no runner can be: Macs, and what is neither of our architectures."""
    arches = info.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    arch = next((ours for theirs, ours in _ARCHES.items() if theirs in arches), None)
    if arch is None:
        return None
    return InstanceType(
        name=str(info.get("InstanceType", "")),
        arch=arch,
        cpu=info.get("VCpuInfo", {}).get("DefaultVCpus", 0),
        ram=round(info.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024, 2),
        nvme=info.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
        price=None,
    )


def _priced(product: Mapping[str, Any]) -> tuple[str, float]:
    """Type and price of one entry of the list; no price where it is not one in dollars an hour."""
    name = str(product["product"]["attributes"].get("instanceType", ""))
    terms = product.get("terms", {}).get("OnDemand", {}).values()
    sizes = [size for term in terms for size in term.get("priceDimensions", {}).values()]
    dollars = [float(size["pricePerUnit"].get("USD", 0)) for size in sizes if size.get("unit") == "Hrs"]
    return name, dollars[0] if dollars else 0.0
