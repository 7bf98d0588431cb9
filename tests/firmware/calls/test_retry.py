"""When it is worth trying again; the gate has the last word."""

from datetime import UTC, datetime, timedelta

import pytest

from firmware.calls.retry import next_try
from firmware.values import Disposition

D = Disposition
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("disposition", "attempts", "wait"),
    [
        (D.BUSY, 1, timedelta(minutes=10)),
        (D.BUSY, 6, None),
        (D.NO_ANSWER, 1, timedelta(hours=3)),
        (D.POWERED_OFF, 5, None),
        (D.TECHNICAL_FAILURE, 1, timedelta(minutes=15)),
        (D.TECHNICAL_FAILURE, 3, timedelta(minutes=60)),
        (D.REJECTED, 2, None),
        (D.OPT_OUT, 1, None),
        (D.PROMISE_FULL, 1, None),
        (D.WRONG_NUMBER, 1, None),
    ],
)
def test_the_table(disposition: Disposition, attempts: int, wait: timedelta | None) -> None:
    assert next_try(disposition, attempts, NOW) == (None if wait is None else NOW + wait)
