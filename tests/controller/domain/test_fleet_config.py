"""Ranges, and the key of a launch template."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.fleet_config import Arch, Os, Span
from tests.fakes import samples

SIZES = st.floats(0, 1e6)


@given(SIZES, SIZES, SIZES)
def test_a_range_holds_its_bounds_and_what_lies_between(one: float, two: float, three: float) -> None:
    low, middle, high = sorted((one, two, three))
    span = Span(low, high)

    assert low in span
    assert middle in span
    assert high in span


@pytest.mark.parametrize(("low", "value", "high"), [(4, 3.9, 8), (4, 8.1, 8), (4, 5, 4)])
def test_a_range_does_not_hold_what_lies_outside(low: float, value: float, high: float) -> None:
    assert value not in Span(low, high)


@pytest.mark.parametrize(("low", "high"), [(8, 4), (-1, 4), (float("nan"), 4), (4, float("nan"))])
def test_an_empty_range_cannot_be_built(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="is an empty range"):
        Span(low, high)


@pytest.mark.parametrize("os", Os)
@pytest.mark.parametrize("arch", Arch)
def test_the_platform_of_a_configuration_is_the_key_of_its_launch_template(os: Os, arch: Arch) -> None:
    config = samples.config(os=os, arch=arch)

    assert config.platform == f"{os.value}/{arch.value}"
