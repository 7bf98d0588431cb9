"""One thread for the frames of many calls: each in its turn, none for the others' troubles."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from audio import AudioEvent, CallAudio, PlayStarted, PortDied
from audio.orders import Play
from audio.ports.frame_thread import ROUND_S, FrameThread
from audio.ports.seat import CallSeat

SILENT = np.zeros(160, dtype=np.int16)


class TimedMover:
    """A device that wants a frame every 20 ms; it may fail, and may be slow to let go."""

    fd = -1

    def __init__(self, name: str, *, error: Exception | None = None, fails_at: int = 3) -> None:
        self.seat = CallSeat(name)
        self.wake_s = time.monotonic()
        self.late_s: list[float] = []
        self.threads: set[int] = set()
        self.events: list[AudioEvent] = []
        self.may_release = threading.Event()
        self.may_release.set()
        self._error, self._fails_at = error, fails_at

    def move(self, *, is_ready: bool) -> None:
        assert not is_ready
        self.threads.add(threading.get_ident())
        if self._error is not None and len(self.late_s) == self._fails_at:
            raise self._error
        self.late_s.append(time.monotonic() - self.wake_s)
        self.seat.process(SILENT)
        self.wake_s += 0.02

    def release(self) -> None:
        assert self.may_release.wait(60)

    def start(self, thread: FrameThread) -> None:
        thread.start(self.seat, self, CallAudio(), self.events.extend)


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not claim():  # noqa: ASYNC110 - what is waited for happens on other threads
            await asyncio.sleep(0.005)


def run(call: Callable[[FrameThread], Awaitable[None]]) -> None:
    async def whole() -> None:
        thread = FrameThread("audio-test")
        await call(thread)
        assert thread.n_calls == 0
        await until(lambda: all(one.name != "audio-test" for one in threading.enumerate()))

    asyncio.run(whole())


@pytest.mark.parametrize("n_calls", [1, 2, 7])
def test_calls_share_one_thread_that_ends_with_the_last(n_calls: int) -> None:
    async def calls(thread: FrameThread) -> None:
        for _ in range(2):  # and begins anew
            movers = [TimedMover(f"call {number}") for number in range(n_calls)]
            for mover in movers:
                mover.start(thread)
            assert thread.n_calls == n_calls
            await until(lambda movers=movers: all(mover.seat.frames >= 15 for mover in movers))  # type: ignore[misc]
            assert len(set.union(*(mover.threads for mover in movers))) == 1
            # Even a machine that is overrun is in time now and then; a wrong timer would always be late.
            assert min(min(mover.late_s) for mover in movers) < 2 * ROUND_S
            await asyncio.gather(*(mover.seat.stop() for mover in movers))
            assert all(mover.seat.died is None for mover in movers)

    run(calls)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(OSError(5, "Input/output error"), "bad: Input/output error", id="device"),
        pytest.param(ValueError("wrong"), "bad: the frame loop failed", id="mistake"),
    ],
)
def test_a_call_that_fails_takes_no_other_with_it(error: Exception, reason: str) -> None:
    async def calls(thread: FrameThread) -> None:
        good = [TimedMover("good") for _ in range(3)]
        bad = TimedMover("bad", error=error)
        for mover in (good[0], bad, *good[1:]):
            mover.start(thread)
        await until(lambda: any(isinstance(event, PortDied) for event in bad.events))
        assert [event.reason for event in bad.events if isinstance(event, PortDied)] == [reason]
        frames = good[0].seat.frames
        await until(lambda: all(mover.seat.frames >= frames + 5 for mover in good))
        assert thread.n_calls == 3
        await asyncio.gather(*(mover.seat.stop() for mover in (*good, bad)))
        assert [mover.seat.died for mover in good] == [None] * 3

    run(calls)


def test_a_device_that_will_not_let_go_holds_up_no_other_call() -> None:
    async def calls(thread: FrameThread) -> None:
        stuck, good = TimedMover("stuck"), TimedMover("good")
        stuck.may_release.clear()
        stuck.start(thread)
        good.start(thread)
        await until(lambda: stuck.seat.frames > 0)
        stopping = asyncio.create_task(stuck.seat.stop())
        await until(lambda: stuck.seat.is_stopping)
        frames = good.seat.frames
        await until(lambda: good.seat.frames >= frames + 5)
        assert not stopping.done()
        stuck.may_release.set()
        await stopping
        assert stuck.seat.died is None
        await good.seat.stop()

    run(calls)


def test_an_order_is_obeyed_in_the_next_frame() -> None:
    async def calls(thread: FrameThread) -> None:
        movers = [TimedMover("call") for _ in range(3)]
        for mover in movers:
            mover.start(thread)
        await until(lambda: movers[2].seat.frames >= 2)
        ordered_at = movers[2].seat.frames
        movers[2].seat.order(Play(play_id=1, clips=(SILENT,)))
        await until(lambda: any(isinstance(event, PlayStarted) for event in movers[2].events))
        (started,) = [event for event in movers[2].events if isinstance(event, PlayStarted)]
        assert started.at_ms <= 20 * (ordered_at + 1)  # one frame may have been on its way
        await asyncio.gather(*(mover.seat.stop() for mover in movers))

    run(calls)
