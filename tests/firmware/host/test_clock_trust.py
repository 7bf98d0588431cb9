"""The clock is believed when two sources agree, and never before the last decision."""

from datetime import UTC, datetime, timedelta

import pytest

from firmware.host import clock_trust
from firmware.host.clock_trust import (
    SimulatedClockTrust,
    SystemClockTrust,
    TimeSource,
    kernel_is_synchronised,
)

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


class World:
    """A monotonic clock and the kernel's word, in a test's hand."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.ntp = True
        self.trust = SystemClockTrust(lambda: self.seconds)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(clock_trust, "kernel_is_synchronised", lambda: made.ntp)
    return made


def test_ntp_and_the_console_agree(world: World) -> None:
    assert not world.trust.judge(NOW, None).trusted
    world.trust.hear(TimeSource.CONSOLE, NOW - 2 * SECOND)
    assert world.trust.judge(NOW, None).trusted
    world.ntp = False
    assert "waiting for the time" in world.trust.judge(NOW, None).reason


def test_without_ntp_the_network_is_the_second_source(world: World) -> None:
    world.ntp = False
    world.trust.hear(TimeSource.CONSOLE, NOW)
    world.trust.hear(TimeSource.NETWORK, NOW + SECOND)
    assert world.trust.judge(NOW, None).trusted


@pytest.mark.parametrize("source", list(TimeSource))
def test_one_source_that_disagrees_is_enough_to_wait(world: World, source: TimeSource) -> None:
    for each in TimeSource:
        world.trust.hear(each, NOW + HOUR if each is source else NOW)
    state = world.trust.judge(NOW, None)
    assert not state.trusted
    assert "3600 s" in state.reason
    assert source in state.reason


def test_a_message_that_travelled_long_does_not_undo_a_quick_one(world: World) -> None:
    world.trust.hear(TimeSource.CONSOLE, NOW - SECOND)
    world.seconds += 1
    world.trust.hear(TimeSource.CONSOLE, NOW - 5 * HOUR)
    assert world.trust.judge(NOW + SECOND, None).trusted


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_clock_that_is_set_by_hand_is_found_out(world: World, step: timedelta) -> None:
    """To regain a window somebody moves the system's clock: what the sources said runs on without it."""
    world.trust.hear(TimeSource.CONSOLE, NOW)
    world.seconds += 60
    assert world.trust.judge(NOW + timedelta(seconds=60), None).trusted
    assert not world.trust.judge(NOW + timedelta(seconds=60) + step, None).trusted


def test_a_sources_word_goes_stale(world: World) -> None:
    world.trust.hear(TimeSource.CONSOLE, NOW)
    world.seconds += 25 * 3600
    assert not world.trust.judge(NOW + 25 * HOUR, None).trusted


def test_never_before_the_last_audit_entry(world: World) -> None:
    world.trust.hear(TimeSource.CONSOLE, NOW)
    for trust in (world.trust, SimulatedClockTrust()):
        assert trust.judge(NOW, NOW).trusted
        assert not trust.judge(NOW, NOW + SECOND).trusted


def test_the_kernels_word_can_be_read() -> None:
    assert kernel_is_synchronised() in {True, False}
