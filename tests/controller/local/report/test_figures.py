from __future__ import annotations

import pytest

from controller.local.report.figures import count, dollars, plural, seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"),
        (0.0, "$0.00"),
        (12.5, "$12.50"),
        (0.99, "$0.99"),
        (0.041, "$0.041"),
        (0.000996, "$0.0010"),
        (0.0000481, "$0.000048"),
    ],
)
def test_a_sum_keeps_two_figures_that_say_something(value: float | None, text: str) -> None:
    assert dollars(value) == text


def test_what_was_not_measured_is_unknown() -> None:
    assert (seconds(None), count(None)) == ("unknown", "unknown")
    assert (seconds(8.64), count(4.06)) == ("8.6 s", "4.1")


def test_one_is_singular() -> None:
    assert (plural(1, "job"), plural(2, "job"), plural(0, "job")) == ("1 job", "2 jobs", "0 jobs")
