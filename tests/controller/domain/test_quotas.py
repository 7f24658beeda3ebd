"""Which limit of the account a machine is counted in, and how far it is."""

from __future__ import annotations

import pytest

from controller.domain import catalogue, quotas
from controller.domain.runner import Lifecycle

TYPES = {offered.name: offered for offered in catalogue.shipped().types}
SPOT, ON_DEMAND = Lifecycle.SPOT, Lifecycle.ON_DEMAND


@pytest.mark.parametrize(
    ("instance_type", "group"),
    [
        ("c7i.large", "standard"),
        ("m8g.medium", "standard"),
        ("im4gn.large", "standard"),
        ("is4gen.large", "standard"),
        ("t3.micro", "standard"),
        ("g5.xlarge", "G and VT"),
        ("vt1.3xlarge", "G and VT"),
        ("p5.48xlarge", "P"),
        ("x2idn.16xlarge", "X"),
        ("inf2.xlarge", "Inf"),
        ("trn1.2xlarge", "Trn"),
        ("dl1.24xlarge", "DL"),
        ("f2.12xlarge", "F"),
        ("mac2.metal", ""),
        ("hpc7a.96xlarge", ""),
        ("u-6tb1.56xlarge", ""),
        ("", ""),
    ],
)
def test_a_type_is_counted_in_the_group_of_its_family(instance_type: str, group: str) -> None:
    assert quotas.group_of(instance_type) == group


def test_the_headroom_is_what_all_machines_of_the_group_leave_of_the_limit() -> None:
    running = {("c7a.large", SPOT): 3, ("m7a.xlarge", SPOT): 1, ("c7a.large", ON_DEMAND): 1}

    found = quotas.counted({"L-34B43A08": 64.0, "L-1216C47A": 5.0, "L-0": 1.0}, running, TYPES, 7.0)

    spot, on_demand = found.of(SPOT, "standard"), found.of(ON_DEMAND, "standard")
    assert spot is not None
    assert on_demand is not None
    assert (spot.code, spot.used, spot.left) == ("L-34B43A08", 10, 54.0)
    assert (on_demand.used, on_demand.left) == (2, 3.0)


def test_what_could_not_be_read_or_counted_stays_unknown_and_is_not_none_at_all() -> None:
    blind = quotas.counted(None, None, TYPES, 1.0).of(SPOT, "standard")
    strange = quotas.counted({"L-34B43A08": 64.0}, {("c99.large", SPOT): 1}, TYPES, 1.0).of(SPOT, "standard")

    assert blind is not None
    assert strange is not None
    assert (blind.limit, blind.used, blind.left) == (None, None, None)
    assert (strange.used, strange.left) == (None, None)


def test_the_words_name_the_limit_and_the_cure_and_do_not_change_with_what_is_used() -> None:
    idle = quotas.counted({"L-34B43A08": 5.0}, {}, TYPES, 1.0).of(SPOT, "standard")
    busy = quotas.counted({"L-34B43A08": 5.0}, {("c7a.large", SPOT): 2}, TYPES, 1.0).of(SPOT, "standard")

    assert quotas.words(idle) == quotas.words(busy)
    assert quotas.words(idle) == (
        "5 vCPU of spot standard; ask for more of quota L-34B43A08 in the Service Quotas console"
    )
    assert quotas.words(quotas.Quotas().of(SPOT, "standard")).startswith("spot standard; ask for more")
    assert quotas.words(quotas.Quotas().of(SPOT, "")) == ""
