from __future__ import annotations

import pytest

from tests.watching.metric_math import evaluate

SERIES = {"m": (1.0, None, 4.0), "n": (2.0, 2.0, 0.0), "gone": (None, None, None)}


@pytest.mark.parametrize(
    ("expression", "series"),
    [
        ("m + n", [3.0, None, 4.0]),
        ("100 * m / n", [50.0, None, None]),
        ("FILL(m, 0)", [1.0, 0.0, 4.0]),
        ("FILL(gone, 0)", [None, None, None]),
        ("m >= 4", [0.0, None, 1.0]),
        ("IF(m >= 4, 10 * m, 0)", [0.0, None, 40.0]),
    ],
)
def test_an_expression_joins_period_by_period(expression: str, series: list[float | None]) -> None:
    assert list(evaluate(expression, SERIES, 3)) == series


@pytest.mark.parametrize("expression", ["m ** 2", "RATE(m)", "m and n", "'text'"])
def test_what_is_not_known_is_refused(expression: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        evaluate(expression, SERIES, 3)
