"""The serial PCM port on a real pseudo-terminal: clocking, orders, bounds and a device that goes away."""

import asyncio
import contextlib
import errno
import os
import pty
import select
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from audio import AudioEvent, CallAudio, DigitHeard, Play, PlayFinished, PortDied, SendDigits
from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.dtmf_generator import digits_clip
from audio.errors import OrderQueueFullError, PortOpenError, PortStateError
from audio.frame import Frame, silence
from audio.orders import AudioOrder, StopPlaying
from audio.ports.port import AudioPort
from audio.ports.serial_pcm import SerialPcmPort, _Unsent

T = TypeVar("T")


class ModemEnd:
    """The modem's end of a pseudo-terminal."""

    def __init__(self) -> None:
        self.fd, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self.fd, False)

    def read(self, n_bytes: int, timeout_s: float = 3.0) -> bytes:
        """Return at least `n_bytes` of what the box said, fewer only after the timeout."""
        data, until = b"", time.monotonic() + timeout_s
        while len(data) < n_bytes and (left := until - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                try:
                    data += os.read(self.fd, 65536)
                except OSError as error:  # nobody has the other end open at this moment
                    if error.errno != errno.EIO:
                        raise
        return data

    def hang_up(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@pytest.fixture
def modem() -> Iterator[ModemEnd]:
    end = ModemEnd()
    yield end
    end.hang_up()


class Told:
    """The events of one call, and a way to wait for one of a kind."""

    def __init__(self) -> None:
        self.events: list[AudioEvent] = []
        self.threads: set[int] = set()
        self._news = asyncio.Event()

    def __call__(self, events: list[AudioEvent]) -> None:
        self.threads.add(threading.get_ident())
        self.events += events
        self._news.set()

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    async def one(self, kind: type[T]) -> T:
        async with asyncio.timeout(5):
            while not self.of(kind):
                self._news.clear()
                await self._news.wait()
        return self.of(kind)[0]


def test_the_modem_s_frames_are_heard_and_ours_go_out(modem: ModemEnd) -> None:
    async def call() -> None:
        told = Told()
        port: AudioPort = SerialPcmPort(modem.path)
        port.start(CallAudio(), told)
        port.order(SendDigits(digits="6"))
        press = digits_clip("8").astype("<i2").tobytes()
        said = b""
        for begin in range(0, len(press), 320):  # in the modem's own time: a frame for a frame
            os.write(modem.fd, press[begin : begin + 320])
            said += await asyncio.to_thread(modem.read, 320)
        await told.one(DigitHeard)
        statistics = await port.stop()
        assert [event.digit for event in told.of(DigitHeard)] == ["8"]
        assert [digit.digit for digit in DtmfDetector().feed(np.frombuffer(said[:3200], dtype="<i2"))] == [
            "6"
        ]
        assert told.threads == {threading.get_ident()}
        assert statistics.died is None
        assert statistics.frames >= 10
        for thread in [thread for thread in threading.enumerate() if thread.name.startswith("audio-")]:
            thread.join(timeout=5)  # it has told its end; that it is gone is a moment later
            assert not thread.is_alive()

    asyncio.run(call())


def test_a_silent_modem_is_spoken_to_on_time(modem: ModemEnd) -> None:
    """With nothing coming in, 25 frames take half a second, neither less nor much more."""

    async def call() -> None:
        port = SerialPcmPort(modem.path)
        began_s = time.monotonic()
        port.start(CallAudio(), lambda events: None)
        data = await asyncio.to_thread(modem.read, 25 * 320)
        took_s = time.monotonic() - began_s
        assert len(data) >= 25 * 320
        assert 0.45 <= took_s <= 1.5
        await port.stop()

    asyncio.run(call())


def test_blocks_go_out_whole(modem: ModemEnd) -> None:
    """EC2x modems take 100 ms in one write."""

    async def call() -> None:
        sizes: list[int] = []
        port = SerialPcmPort(modem.path, block_bytes=1600)
        port.start(CallAudio(), lambda events: None)
        while len(sizes) < 3:
            sizes.append(len(await asyncio.to_thread(modem.read, 1)))
        await port.stop()
        assert all(size % 1600 == 0 for size in sizes)

    asyncio.run(call())


def test_a_modem_that_takes_nothing_does_not_stop_the_box(modem: ModemEnd) -> None:
    async def call() -> None:
        told = Told()
        port = SerialPcmPort(modem.path)
        port.start(CallAudio(), told)
        port.order(Play(play_id=1, clips=(silence(1600),)))
        flood = bytes(320 * 12)  # nobody reads what comes back
        for _ in range(120):
            with contextlib.suppress(BlockingIOError):
                os.write(modem.fd, flood)
            await asyncio.sleep(0)
        await told.one(PlayFinished)
        statistics = await port.stop()
        assert statistics.died is None
        assert statistics.dropped_in > 0

    asyncio.run(call())


def test_a_device_that_goes_away_is_told_once_and_harms_nobody(modem: ModemEnd) -> None:
    async def call() -> None:
        told = Told()
        port = SerialPcmPort(modem.path)
        port.start(CallAudio(), told)
        port.order(Play(play_id=3, clips=(silence(800_000),)))
        await asyncio.to_thread(modem.read, 640)
        modem.hang_up()
        await told.one(PortDied)
        port.order(StopPlaying())  # nobody hears it, nobody minds
        statistics = await port.stop()
        assert told.of(PlayFinished)[0].interrupted
        (died,) = told.of(PortDied)
        assert told.events[-1] == died
        assert statistics.died == died.reason
        assert modem.path in died.reason
        assert await port.stop() == statistics

    asyncio.run(call())


def test_a_mistake_in_the_frame_loop_ends_the_call_instead_of_leaving_it_mute(
    modem: ModemEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def call() -> None:
        told = Told()
        broken = CallAudio()
        monkeypatch.setattr(broken, "process", lambda frame: 1 / 0)
        port = SerialPcmPort(modem.path)
        port.start(broken, told)
        await told.one(PortDied)
        statistics = await port.stop()
        assert statistics.died is not None

    asyncio.run(call())


def test_a_port_in_use_or_absent_says_what_to_do(modem: ModemEnd, tmp_path: Path) -> None:
    async def call() -> None:
        first, second = SerialPcmPort(modem.path), SerialPcmPort(modem.path)
        first.start(CallAudio(), lambda events: None)
        with pytest.raises(PortOpenError, match="in use"):
            second.start(CallAudio(), lambda events: None)
        with pytest.raises(PortStateError):
            first.start(CallAudio(), lambda events: None)
        await first.stop()
        third = SerialPcmPort(modem.path)  # and is free again afterwards
        third.start(CallAudio(), lambda events: None)
        await third.stop()
        with pytest.raises(PortOpenError, match="plugged in"):
            SerialPcmPort(str(tmp_path / "ttyUSB9")).start(CallAudio(), lambda events: None)
        plain = tmp_path / "plain"
        plain.write_bytes(b"")
        with pytest.raises(PortOpenError, match="not a serial port"):
            SerialPcmPort(str(plain)).start(CallAudio(), lambda events: None)

    n_open = len(os.listdir("/proc/self/fd"))
    asyncio.run(call())
    # A port is let go by a short thread of its own, and so are those of the tests before.
    deadline_s = time.monotonic() + 30
    while len(os.listdir("/proc/self/fd")) > n_open and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert len(os.listdir("/proc/self/fd")) <= n_open


class Counting:
    """Says the number of each frame, so that what arrives says how old it is."""

    def __init__(self) -> None:
        self.n_frames = 0
        self.n_waiting_orders = 0

    @property
    def now_ms(self) -> int:
        return self.n_frames * 20

    def order(self, order: AudioOrder) -> None:
        raise AssertionError(order)

    def process(self, frame_in: Frame) -> tuple[Frame, list[AudioEvent]]:
        self.n_frames += 1
        return np.full(160, self.n_frames, dtype=np.int16), []

    def finish(self) -> list[AudioEvent]:
        return []


@pytest.mark.parametrize("block_bytes", [320, 1600])
def test_after_a_pause_the_modem_gets_only_the_newest_100_ms(modem: ModemEnd, block_bytes: int) -> None:
    """EC2x: +QPCMV: 0,0 pauses. Nothing is written meanwhile; the block that was asked for comes on top."""

    async def call() -> None:
        said, is_paused = Counting(), False
        port = SerialPcmPort(modem.path, block_bytes=block_bytes)
        port.obey(lambda: is_paused)
        port.start(said, lambda events: None)
        assert len(await asyncio.to_thread(modem.read, block_bytes)) >= block_bytes
        is_paused = True
        await asyncio.to_thread(modem.read, 1, 0.1)  # what was on its way
        before = said.n_frames
        assert await asyncio.to_thread(modem.read, 1, 0.6) == b""
        assert said.n_frames - before >= 25, "the call itself goes on"
        is_paused = False
        data = await asyncio.to_thread(modem.read, block_bytes)
        oldest = int(np.frombuffer(data[:2], dtype="<i2")[0])
        n_held = said.n_frames - oldest
        statistics = await port.stop()
        assert n_held <= 5 + block_bytes // 320 + 4, "and a few frames until we looked"
        assert statistics.overruns > 0

    asyncio.run(call())


def test_orders_are_bounded_and_need_a_call(modem: ModemEnd) -> None:
    async def call() -> None:
        port = SerialPcmPort(modem.path)
        with pytest.raises(PortStateError):
            port.order(StopPlaying())
        port.start(CallAudio(), lambda events: None)
        port._seat.orders.extend([StopPlaying()] * 100_000)  # more than one frame can take away meanwhile
        with pytest.raises(OrderQueueFullError):
            port.order(StopPlaying())
        await port.stop()

    asyncio.run(call())
    with pytest.raises(ValueError, match="whole number of frames"):
        SerialPcmPort(modem.path, block_bytes=500)


def test_unsent_sound_is_bounded_and_dropped_by_whole_frames() -> None:
    read_fd, write_fd = os.pipe2(os.O_NONBLOCK)
    try:
        unsent = _Unsent(320, 320)
        frames = [bytes([number]) * 320 for number in range(20)]
        unsent.add(frames[0])
        del unsent._bytes[:100]  # as if the device had taken 100 bytes of it
        unsent._n_owed = 220
        assert sum(unsent.add(frame) for frame in frames[1:]) == 14
        unsent.write_to(write_fd)
        assert os.read(read_fd, 10_000) == frames[0][100:] + b"".join(frames[15:])
    finally:
        os.close(read_fd)
        os.close(write_fd)
