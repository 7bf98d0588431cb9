"""Why the clock is believed, or not, is said in the reader's language, whatever the judge says."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from firmware.host import clock_trust
from firmware.host.clock_trust import SimulatedClockTrust, SystemClockTrust, TimeSource
from firmware.local.words import clock_words

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def reasons(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that both judges can say."""
    found = []
    for ntp in (False, True):
        monkeypatch.setattr(clock_trust, "kernel_is_synchronised", lambda ntp=ntp: ntp)
        for heard in ({}, {"console": 0}, {"mobile network": 0}, {"console": 0, "mobile network": 900}):
            trust = SystemClockTrust(monotonic_s=lambda: 0.0)
            for source, ahead_s in heard.items():
                trust.hear(TimeSource(source), NOON + timedelta(seconds=ahead_s))
            found.append(trust.judge(NOON, None).reason)
    found.append(trust.judge(NOON, NOON + timedelta(hours=1)).reason)
    found += [SimulatedClockTrust().judge(NOON, high).reason for high in (None, NOON + timedelta(hours=1))]
    return found


def test_each_is_said_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {reason: clock_words(reason, "zh") for reason in reasons(monkeypatch)}
    assert len(said) >= 8
    for reason, chinese in said.items():
        assert clock_words(reason, "en") == reason
        assert re.findall(r"[A-Za-z]+", chinese.replace("NTP", "").replace("Z", "")) == [], chinese
        assert [digit for digit in chinese if digit.isdigit()] == [d for d in reason if d.isdigit()]


def test_what_is_not_known_is_shown_as_it_is() -> None:
    assert clock_words("something new", "zh") == "something new"
