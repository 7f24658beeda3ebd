"""DescribeSpotPriceHistory over the local prices, page by page."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from controller.domain import catalogue
from controller.local.aws import ec2_wire
from controller.local.aws.prices import HISTORY_S, Prices, SpotPrice, is_priced
from controller.local.aws.refusals import ServiceError

Fields = dict[str, Any]

_PRODUCTS = frozenset({"Linux/UNIX", "Linux/UNIX (Amazon VPC)"})
_PRODUCT = "Linux/UNIX"
_MOST = 1000
_FILTERS = {"instance-type": "InstanceType", "availability-zone": "AvailabilityZone"}


def describe(fields: Fields, prices: Prices, zones: Sequence[str]) -> Fields:
    """One page; the next one begins where its token says."""
    fields = _with_filters(fields)
    start, size = int(fields.get("NextToken") or 0), int(fields.get("MaxResults") or _MOST)
    if not 1 <= size <= _MOST:
        raise ServiceError("InvalidParameterValue", f"MaxResults {size} is not 1 to {_MOST}")
    found = list(_found(fields, prices, zones))
    after = str(start + size) if start + size < len(found) else ""
    return {"spotPriceHistorySet": [_told(price) for price in found[start : start + size]], "nextToken": after}


def _with_filters(fields: Fields) -> Fields:
    given = dict(fields)
    for one in fields.get("Filter", []):
        name = one["Name"]
        if name == "product-description":
            given["ProductDescription"] = one["Value"]
        elif name in _FILTERS:
            given[_FILTERS[name]] = one["Value"]
        else:
            raise ServiceError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return given


def _found(fields: Fields, prices: Prices, zones: Sequence[str]) -> Iterator[SpotPrice]:
    products = fields.get("ProductDescription")
    if products and _PRODUCTS.isdisjoint(products):
        return
    now = time.time()
    since = _moment(fields.get("StartTime"), now - HISTORY_S)
    until = _moment(fields.get("EndTime"), now)
    for instance_type in _types(fields.get("InstanceType")):
        for zone in _chosen(fields.get("AvailabilityZone"), zones):
            yield from prices.history(instance_type, zone, since, until)


def _types(wanted: Sequence[str] | None) -> Iterable[str]:
    known = wanted or [offered.name for offered in catalogue.shipped().types]
    return (name for name in known if is_priced(name))


def _chosen(wanted: str | Sequence[str] | None, zones: Sequence[str]) -> Sequence[str]:
    if not wanted:
        return zones
    return [zone for zone in zones if zone in ([wanted] if isinstance(wanted, str) else wanted)]


def _moment(text: str | None, default: float) -> float:
    return datetime.fromisoformat(text).timestamp() if text else default


def _told(price: SpotPrice) -> Fields:
    return {
        "instanceType": price.instance_type,
        "productDescription": _PRODUCT,
        "spotPrice": f"{price.dollars:.6f}",
        "timestamp": ec2_wire.instant(price.since),
        "availabilityZone": price.zone,
    }
