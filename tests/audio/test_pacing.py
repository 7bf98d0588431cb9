"""The frame clock follows the device while it delivers and real time when it does not."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audio.ports.pacing import MAX_AHEAD_FRAMES, FrameClock, Turn

PTIME_S = 0.02


class Line:
    """A device whose frames arrive when they are told to, and the clock that is asked about them."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.clock = FrameClock(PTIME_S, self.now_s)
        self.heard = self.silent = self.dropped = 0

    def arrive(self, at_s: float, n_frames: int) -> Turn:
        """Let time pass up to `at_s`, waking as the thread would, then hand frames over."""
        while self.clock.wake_s < at_s:
            self.now_s = max(self.now_s, self.clock.wake_s)
            self._turn(0)
        self.now_s = at_s
        return self._turn(n_frames)

    def _turn(self, n_frames: int) -> Turn:
        turn = self.clock.turn(self.now_s, n_frames)
        assert turn.n_drop + turn.n_heard == n_frames
        self.heard += turn.n_heard
        self.silent += turn.n_silent
        self.dropped += turn.n_drop
        return turn


@pytest.mark.parametrize("rate", [0.998, 1.0, 1.002], ids=lambda rate: f"crystal x{rate}")
def test_a_device_s_frames_are_all_heard_whatever_its_crystal(rate: float) -> None:
    line = Line()
    for number in range(1, 8001):
        line.arrive(100.0 + number * PTIME_S * rate, 1)
    assert (line.heard, line.silent, line.dropped) == (8000, 0, 0)


@pytest.mark.parametrize("n_burst", [2, 3, 5])
def test_a_device_that_hands_over_blocks_is_heard_whole(n_burst: int) -> None:
    line = Line()
    line.arrive(100.001, n_burst)
    for number in range(1, 2001):
        line.arrive(100.001 + number * n_burst * PTIME_S, n_burst)
    assert (line.heard, line.silent, line.dropped) == (2001 * n_burst, 0, 0)


def test_jitter_below_a_ptime_costs_nothing() -> None:
    line = Line()
    for number in range(1, 5001):
        line.arrive(100.0 + number * PTIME_S + (0.015 if number % 3 == 0 else 0.0), 1)
    assert (line.heard, line.silent, line.dropped) == (5000, 0, 0)
    assert line.clock.late_frames == 0


def test_without_a_device_frames_run_on_time_for_ever() -> None:
    line = Line()
    line.arrive(160.0, 0)
    assert line.silent == pytest.approx(3000, abs=2)
    assert line.clock.late_frames == 0


def test_a_pause_is_bridged_by_silence_and_its_late_frames_do_not_pile_up() -> None:
    """A stall of 400 ms whose frames come all at once costs delay of 100 ms at most."""
    line = Line()
    for number in range(1, 101):
        line.arrive(100.0 + number * PTIME_S, 1)
    line.arrive(102.4, 20)
    assert 17 <= line.silent <= 20
    assert line.dropped >= 14
    for number in range(1, 101):
        line.arrive(102.4 + number * PTIME_S, 1)
    total = line.heard + line.silent
    assert abs(total - (line.now_s - 100.0) / PTIME_S) <= MAX_AHEAD_FRAMES


def test_a_thread_that_was_not_run_gives_frames_up() -> None:
    line = Line()
    turn = line.clock.turn(103.0, 0)
    assert turn == Turn(n_drop=0, n_heard=0, n_silent=5)
    assert line.clock.skipped_frames == pytest.approx(144, abs=2)
    assert line.clock.late_frames == 1
    assert line.clock.max_late_s == pytest.approx(2.96, abs=0.01)


@settings(max_examples=60, deadline=None)
@example([(0.0, 1), (0.03515625, 3), (0.02734375, 5), (0.15625, 5), (0.109375, 1), (0.2734375, 0)])
@given(st.lists(st.tuples(st.floats(0.0, 0.3), st.integers(0, 12)), max_size=30))
def test_whatever_the_device_does_the_box_is_never_far_from_real_time(steps: list[tuple[float, int]]) -> None:
    line = Line()
    at_s = 100.0
    n_late = 0
    for wait_s, n_frames in steps:
        at_s += wait_s
        due_s = line.clock.wake_s - PTIME_S
        line.arrive(at_s, n_frames)
        # Falling in step with a device that is late, or back after a pause, may cost up to a frame each time.
        n_late += n_frames > 0 and at_s > due_s
        n_real = (at_s - 100.0) / PTIME_S
        n_moved = line.heard + line.silent
        assert n_real - 3 - n_late <= n_moved <= n_real + MAX_AHEAD_FRAMES + 2 + 0.0025 * n_moved
