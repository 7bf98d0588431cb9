"""Nobody is written to at night, by the clock of the zone that the office names."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from console.quiet_hours import QuietHours


@pytest.mark.parametrize(
    ("begins", "ends", "zone", "now", "over"),
    [
        ("21:00", "08:00", "Asia/Shanghai", "2026-11-02T12:59:59+00:00", None),
        ("21:00", "08:00", "Asia/Shanghai", "2026-11-02T13:00:00+00:00", "2026-11-03T08:00:00+08:00"),
        ("21:00", "08:00", "Asia/Shanghai", "2026-11-02T23:59:59+00:00", "2026-11-03T08:00:00+08:00"),
        ("21:00", "08:00", "Asia/Shanghai", "2026-11-03T00:00:00+00:00", None),
        ("12:00", "14:00", "UTC", "2026-11-02T13:00:00+00:00", "2026-11-02T14:00:00+00:00"),
        ("12:00", "14:00", "UTC", "2026-11-02T14:00:00+00:00", None),
        ("08:00", "08:00", "UTC", "2026-11-02T08:00:00+00:00", None),
        # The night in which summer time ends is an hour longer.
        ("22:00", "07:00", "Europe/London", "2026-10-24T21:30:00+00:00", "2026-10-25T07:00:00+00:00"),
    ],
)
def test_quiet_is_over_in_the_morning(begins: str, ends: str, zone: str, now: str, over: str | None) -> None:
    found = QuietHours(begins=begins, ends=ends, zone=zone).over_at(datetime.fromisoformat(now))
    assert found == (None if over is None else datetime.fromisoformat(over))


def test_a_zone_that_is_none_is_named() -> None:
    assert "Mars/Base" in (QuietHours(zone="Mars/Base").problem() or "")
    assert QuietHours(zone="Asia/Shanghai").problem() is None


def test_over_means_over() -> None:
    """At the very instant that is named it is quiet no more."""
    quiet, zone = QuietHours(zone="Asia/Kathmandu"), ZoneInfo("Asia/Kathmandu")
    over = quiet.over_at(datetime(2026, 11, 2, 23, 0, tzinfo=zone).astimezone(UTC))
    assert over is not None
    assert quiet.over_at(over) is None
