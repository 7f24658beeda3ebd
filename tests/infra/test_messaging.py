from __future__ import annotations

import pytest

from infra.messaging import rate


@pytest.mark.parametrize(("every_s", "expected"), [(60, "rate(1 minute)"), (300, "rate(5 minutes)")])
def test_a_schedule_counts_in_minutes(every_s: int, expected: str) -> None:
    assert rate(every_s) == expected


@pytest.mark.parametrize("every_s", [0, 30, 90])
def test_a_schedule_that_eventbridge_can_not_keep_is_refused(every_s: int) -> None:
    with pytest.raises(ValueError, match=f"every {every_s} s"):
        rate(every_s)
