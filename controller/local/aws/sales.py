"""What the local EC2 sells: its machine types, the zones that have them, and the price list, page by page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from controller.domain import catalogue
from controller.domain.catalogue import InstanceType
from controller.domain.fleet_config import Arch
from controller.local.aws.calls import Call
from controller.local.aws.prices import is_priced, on_demand
from controller.local.aws.refusals import ServiceError
from controller.local.aws.web import Reply, typed

Fields = dict[str, Any]

_PAGE = 100
_ARCH = {Arch.X64: "x86_64", Arch.ARM64: "arm64"}
_ALWAYS = {"supported-usage-class": {"spot", "on-demand"}, "bare-metal": {"false"}}
"""What is true of every type here."""


def types(fields: Fields) -> Fields:
    """DescribeInstanceTypes."""
    found: Sequence[InstanceType] = catalogue.shipped().types
    for one in fields.get("Filter", []):
        name, values = one["Name"], one["Value"]
        if name not in _ALWAYS:
            raise ServiceError("InvalidParameterValue", f"The filter '{name}' is invalid")
        found = found if _ALWAYS[name] & set(values) else ()
    page, after = _page(found, fields.get("NextToken"), int(fields.get("MaxResults") or _PAGE))
    return {"instanceTypeSet": [_told(offered) for offered in page], "nextToken": after}


def offerings(fields: Fields, zones: Iterable[str], lacking: Mapping[str, Iterable[str]]) -> Fields:
    """DescribeInstanceTypeOfferings by zone; `lacking` says which types a zone does not have."""
    if fields.get("LocationType") != "availability-zone":
        raise ServiceError("InvalidParameterValue", "Only availability-zone is a LocationType here")
    asked = [one["Value"] for one in fields.get("Filter", []) if one["Name"] == "location"]
    here = [zone for zone in zones if all(zone in values for values in asked)]
    found = [
        {"instanceType": offered.name, "locationType": "availability-zone", "location": zone}
        for offered in catalogue.shipped().types
        for zone in here
        if offered.name not in lacking.get(zone, ())
    ]
    page, after = _page(found, fields.get("NextToken"), int(fields.get("MaxResults") or 1_000))
    return {"instanceTypeOfferingSet": page, "nextToken": after}


def price_list(call: Call) -> Reply:
    """The price list's GetProducts, for EC2 on demand with Linux."""
    if call.action != "GetProducts":
        raise ServiceError("InvalidParameterException", f"This cloud has no {call.action}")
    fields: Fields = call.fields
    size = int(fields.get("MaxResults") or _PAGE)
    page, after = _page(list(_products()), fields.get("NextToken"), size)
    answer = {"FormatVersion": "aws_v1", "PriceList": page} | ({"NextToken": after} if after else {})
    return typed(200, json.dumps(answer), "application/x-amz-json-1.1")


def _products() -> Iterator[str]:
    for name in (offered.name for offered in catalogue.shipped().types if is_priced(offered.name)):
        size = {"unit": "Hrs", "pricePerUnit": {"USD": f"{on_demand(name):.10f}"}}
        terms = {"OnDemand": {f"{name}.term": {"priceDimensions": {f"{name}.size": size}}}}
        yield json.dumps({"product": {"attributes": {"instanceType": name}}, "terms": terms})


def _page(found: Sequence[Any], token: str | None, size: int) -> tuple[list[Any], str | None]:
    start = int(token or 0)
    return list(islice(found, start, start + size)), str(start + size) if start + size < len(found) else None


def _told(offered: InstanceType) -> Fields:
    disks = {"instanceStorageInfo": {"totalSizeInGB": offered.nvme}} if offered.nvme else {}
    return {
        "instanceType": offered.name,
        "bareMetal": False,
        "supportedUsageClasses": ["on-demand", "spot"],
        "processorInfo": {"supportedArchitectures": [_ARCH[offered.arch]]},
        "vCpuInfo": {"defaultVCpus": offered.cpu},
        "memoryInfo": {"sizeInMiB": round(offered.ram * 1024)},
        **disks,
    }
