"""Weights and limits by patterns of repositories."""

from __future__ import annotations

import pytest

from controller.domain.shares import Shares


def test_the_first_pattern_that_fits_counts_whatever_the_case() -> None:
    shares = Shares(weights={"Octo/deploy": 4.0, "octo/*": 2.0}, most_jobs={"octo/*": 20})

    assert [shares.weight(name) for name in ("octo/Deploy", "octo/web", "else/web")] == [4.0, 2.0, 1.0]
    assert [shares.most(name) for name in ("Octo/web", "else/web")] == [20, None]


@pytest.mark.parametrize("weight", [0.0, -1.0, 1_001.0])
def test_a_weight_must_be_within_bounds(weight: float) -> None:
    with pytest.raises(ValueError, match="weights: 'octo/\\*'"):
        Shares(weights={"octo/*": weight})


def test_a_limit_is_not_less_than_none() -> None:
    with pytest.raises(ValueError, match="most_jobs"):
        Shares(most_jobs={"octo/*": -1})
