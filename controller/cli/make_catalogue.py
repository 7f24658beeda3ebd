"""Makes the catalogue of instance types: `python -m controller.cli.make_catalogue [specs.json]`.

Specifications are EC2's own, as DescribeInstanceTypes answers: from a file of such answers by type, or else
from the copy that moto ships. Prices are the list below; a type that it does not price keeps none.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from controller.domain import catalogue

PRICES_OF = "2026-07-20"
PRICES_FROM = "AWS price list, on-demand Linux, us-east-1"
PER_VCPU_HOUR = {
    "c6a": 0.03825,
    "c6i": 0.0425,
    "c7a": 0.05132,
    "c7i": 0.044625,
    "c8i": 0.046855,
    "c7g": 0.03625,
    "c8g": 0.03988,
    "m7i": 0.0504,
    "m7a": 0.05796,
    "m7g": 0.0408,
    "m8g": 0.04488,
    "r7i": 0.06615,
}
"""Dollars: within these families a type's price is its vCPUs times this, from 2 to 64 vCPU."""
PRICED = range(2, 65)

SAVINGS_SEEN = "2025-06-28"
SAVINGS = {
    "c6a": 0.61,
    "c6i": 0.61,
    "c7a": 0.63,
    "c7i": 0.61,
    "c7g": 0.70,
    "c8g": 0.66,
    "m7i": 0.60,
    "m7a": 0.63,
    "m7g": 0.64,
    "m8g": 0.68,
    "r7i": 0.66,
}
"""Share that spot saved in us-east-1 by the Spot Instance Advisor, the median over 2 to 64 vCPU."""

FAMILIES = re.compile(r"[cmr][5-8](a|g|i)?(d|n|-flex)?|t3a?|t4g|g4dn|g5g?|g6e?|i4[gi]|i7i|i8g")
"""Those that runners are made of; without a price, only for labels that name them."""

Specs = Mapping[str, Mapping[str, Any]]


def made(specs: Specs) -> str:
    """The catalogue's text: a line for each type, so that a change can be read."""
    rows = [_row(name, specs[name]) for name in sorted(specs, key=_order) if _is_wanted(name, specs[name])]
    head = {
        "prices": PRICES_OF,
        "source": PRICES_FROM,
        "savings": SAVINGS,
        "savings_seen": SAVINGS_SEEN,
        "columns": catalogue.COLUMNS,
    }
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    return f'{json.dumps(head, indent=1)[:-2]},\n "types": [\n{lines}\n ]\n}}\n'


def shipped_specs() -> Specs:
    """The specifications in moto's package."""
    packed = resources.files("moto").joinpath("ec2/resources/instance_types.json.gz").read_bytes()
    specs: Specs = json.loads(gzip.decompress(packed))
    return specs


def _is_wanted(name: str, spec: Mapping[str, Any]) -> bool:
    is_ours = FAMILIES.fullmatch(name.partition(".")[0]) is not None
    return is_ours and not spec.get("BareMetal") and "spot" in spec.get("SupportedUsageClasses", ())


def _row(name: str, spec: Mapping[str, Any]) -> list[object]:
    cpu = int(spec["VCpuInfo"]["DefaultVCpus"])
    per_cpu = PER_VCPU_HOUR.get(name.partition(".")[0])
    (arch,) = (known for known in spec["ProcessorInfo"]["SupportedArchitectures"] if known != "i386")
    return [
        name,
        "x64" if arch == "x86_64" else arch,
        cpu,
        round(spec["MemoryInfo"]["SizeInMiB"] / 1024, 2),
        (spec.get("InstanceStorageInfo") or {}).get("TotalSizeInGB", 0),
        round(cpu * per_cpu, 5) if per_cpu and cpu in PRICED else None,
    ]


def _order(name: str) -> tuple[str, int, str]:
    family, _, size = name.partition(".")
    number = size.removesuffix("xlarge")
    return family, int(number) if number.isdecimal() else 0, size


def main() -> int:
    """Write the catalogue where the package keeps it."""
    given = sys.argv[1:]
    specs = json.loads(Path(given[0]).read_text()) if given else shipped_specs()
    catalogue.FILE.write_text(made(specs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
