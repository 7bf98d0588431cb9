"""The clock is believed when two sources agree, and never before the last decision."""

from datetime import UTC, datetime, timedelta

import pytest

from firmware.host import clock_trust
from firmware.host.clock_trust import SimulatedClockTrust, SystemClockTrust, kernel_is_synchronised

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def ntp(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The kernel's word, to be changed by the test."""
    word = [True]
    monkeypatch.setattr(clock_trust, "kernel_is_synchronised", lambda: word[0])
    return word


def test_two_sources_that_agree(ntp: list[bool]) -> None:
    trust = SystemClockTrust()
    assert not trust.judge(NOW, None).trusted
    trust.heard_from_console(NOW - 2 * SECOND, NOW)
    assert trust.judge(NOW, None).trusted
    ntp[0] = False
    assert "waiting for the time" in trust.judge(NOW, None).reason


def test_a_console_that_disagrees(ntp: list[bool]) -> None:
    trust = SystemClockTrust()
    trust.heard_from_console(NOW + timedelta(hours=1), NOW)
    state = trust.judge(NOW, None)
    assert not state.trusted
    assert "3600 s" in state.reason


def test_a_message_that_travelled_long_does_not_undo_a_quick_one(ntp: list[bool]) -> None:
    trust = SystemClockTrust()
    trust.heard_from_console(NOW - SECOND, NOW)
    trust.heard_from_console(NOW - timedelta(hours=5), NOW + SECOND)
    assert trust.judge(NOW + SECOND, None).trusted


def test_the_consoles_word_goes_stale(ntp: list[bool]) -> None:
    trust = SystemClockTrust()
    trust.heard_from_console(NOW, NOW)
    assert not trust.judge(NOW + timedelta(hours=25), None).trusted


@pytest.mark.parametrize("trust", [SystemClockTrust(), SimulatedClockTrust()])
def test_never_before_the_last_audit_entry(
    trust: SystemClockTrust | SimulatedClockTrust, ntp: list[bool]
) -> None:
    trust.heard_from_console(NOW, NOW)
    assert trust.judge(NOW, NOW).trusted
    assert not trust.judge(NOW, NOW + SECOND).trusted


def test_the_kernels_word_can_be_read() -> None:
    assert kernel_is_synchronised() in {True, False}
