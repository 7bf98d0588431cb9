"""Two ports with clocks of their own are joined: no click, a bounded delay, and a lost side harms nobody."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio import AudioEvent, Frame, PortDied
from audio.errors import PortOpenError, PortStateError, UnsupportedFormatError
from audio.frame import NARROWBAND, AudioFormat
from audio.orders import AudioOrder, StopPlaying
from audio.ports.bridge import Bridge, BridgeSide, BridgeStatistics
from audio.ports.elastic import MAX_FILL, ElasticBuffer
from audio.ports.port import ClockSource, FrameHandler, PortClock, PortStatistics

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]
LOUDEST = 8000.0


class SkewedPort:
    """A port in virtual time whose crystal is `ppm` fast; its far end hums, and keeps what it hears."""

    def __init__(self, name: str, ppm: float, hz: float, *, opens: bool = True) -> None:
        self.format = NARROWBAND
        self.clock = PortClock(source=ClockSource.DEVICE, name=name)
        self.heard: list[Frame] = []
        self.n_frames = 0
        self.is_stopped = False
        self._ptime_s = 0.02 / (1 + ppm * 1e-6)
        self._hz = hz
        self._opens = opens
        self._died: str | None = None

    def start(self, call_audio: FrameHandler, on_events: Callable[[list[AudioEvent]], None]) -> None:
        if not self._opens:
            raise PortOpenError(self.clock.name, "not there")
        self._loop = asyncio.get_running_loop()
        self._handler, self._on_events = call_audio, on_events
        self._due_s = self._loop.time() + self._ptime_s
        self._timer = self._loop.call_at(self._due_s, self._tick)

    def order(self, order: AudioOrder) -> None:
        self._handler.order(order)

    async def stop(self) -> PortStatistics:
        self.is_stopped = True
        if hasattr(self, "_timer"):
            self._timer.cancel()
        return PortStatistics(
            frames=self.n_frames, late_frames=0, max_late_ms=0.0, dropped_in=0, overruns=0, died=self._died
        )

    def die(self) -> None:
        self._timer.cancel()
        self._died = f"{self.clock.name} was unplugged"
        self._on_events([PortDied(at_ms=self._handler.now_ms, reason=self._died)])

    def _tick(self) -> None:
        self._due_s += self._ptime_s
        self._timer = self._loop.call_at(self._due_s, self._tick)
        moment = np.arange(160) + 160 * self.n_frames
        frame = np.rint(LOUDEST * np.sin(2 * np.pi * self._hz * moment / 8000)).astype(np.int16)
        said, _ = self._handler.process(frame)
        self.heard.append(said)
        self.n_frames += 1

    @property
    def sound(self) -> NDArray[np.int16]:
        return np.concatenate(self.heard)


def clicks_of(sound: NDArray[np.int16], hz: float) -> tuple[float, float]:
    """Return what besides the tone is heard at most (dB below it), and how far its pitch ever is off (share)."""
    begin = int(np.flatnonzero(np.abs(sound.astype(np.int32)) > LOUDEST / 2)[0]) + 400
    values = sound[begin:].astype(np.float64)
    turned = values * np.exp(-2j * np.pi * hz * np.arange(len(values)) / 8000)
    window = np.hanning(201) / np.hanning(201).sum()
    slow = np.convolve(turned, window, "valid")
    tone = 2 * np.real(slow * np.exp(2j * np.pi * hz * (np.arange(len(slow)) + 100) / 8000))
    rest = values[100 : len(values) - 100] - tone
    drift_hz = np.diff(np.unwrap(np.angle(slow))) / (2 * np.pi) * 8000
    return 20 * np.log10(float(np.abs(rest).max()) / LOUDEST), float(np.abs(drift_hz).max()) / hz


@pytest.mark.parametrize("ppm", [-300.0, -100.0, 100.0, 300.0])
def test_a_minute_of_tones_both_ways_without_a_click(run_virtual: RunVirtual, ppm: float) -> None:
    first, second = SkewedPort("modem", ppm, 440.0), SkewedPort("card", 0.0, 1000.0)

    async def talk() -> BridgeStatistics:
        async with Bridge(first, second) as bridge:
            await asyncio.sleep(60)
            return await bridge.stop()

    statistics = run_virtual(talk())
    assert (statistics.dry, statistics.cut) == (0, 0)
    for sound, hz in ((first.sound, 1000.0), (second.sound, 440.0)):
        assert len(sound) > 59 * 8000
        rest_db, drift = clicks_of(sound, hz)
        assert rest_db < -55.0
        assert drift < 0.004


def test_without_bending_the_same_clocks_do_click(run_virtual: RunVirtual) -> None:
    """The negative control: 2000 ppm are 960 samples in a minute, and somewhere a frame is missing."""
    first, second = SkewedPort("one", -2000.0, 440.0), SkewedPort("one", 0.0, 1000.0)

    async def talk() -> BridgeStatistics:
        async with Bridge(first, second) as bridge:
            await asyncio.sleep(60)
            return await bridge.stop()

    assert run_virtual(talk()).dry > 0
    assert clicks_of(second.sound, 440.0)[0] > -40.0


def test_ports_of_one_clock_are_joined_bit_for_bit(run_virtual: RunVirtual) -> None:
    first, second = SkewedPort("one", 0.0, 440.0), SkewedPort("one", 0.0, 1000.0)

    async def talk() -> None:
        async with Bridge(first, second):
            await asyncio.sleep(5)

    run_virtual(talk())
    heard = second.sound
    begin = int(np.flatnonzero(heard)[0]) + 160  # behind the ramp
    said = np.rint(LOUDEST * np.sin(2 * np.pi * 440 * np.arange(len(heard)) / 8000)).astype(np.int16)
    offset = next(
        o
        for o in range(1200)
        if np.array_equal(said[begin - o : begin - o + 400], heard[begin : begin + 400])
    )
    assert offset <= 100 * 8
    assert np.array_equal(said[begin - offset : len(heard) - offset], heard[begin:])


@settings(max_examples=15, deadline=None)
@given(ppm=st.floats(-500, 500), jitter_ms=st.floats(0, 15), seed=st.integers(0, 1000))
def test_whatever_clock_and_jitter_nothing_is_lost_and_the_delay_is_bounded(
    ppm: float, jitter_ms: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    n_frames = 1000
    put_s = np.arange(1, n_frames + 1) * 0.02 / (1 + ppm * 1e-6) + rng.uniform(0, jitter_ms / 1000, n_frames)
    put_s = np.maximum.accumulate(put_s)
    take_s = np.arange(1, n_frames + 1) * 0.02 + rng.uniform(0, 0.02)
    hum = np.rint(LOUDEST * np.sin(2 * np.pi * 440 * np.arange(n_frames * 160) / 8000)).astype(np.int16)
    buffer, n_put, taken = ElasticBuffer(), 0, []
    for now_s in take_s:
        while n_put < n_frames and put_s[n_put] <= now_s:
            buffer.put(hum[160 * n_put : 160 * (n_put + 1)])
            n_put += 1
        taken.append(buffer.take())
    assert (buffer.n_dry, buffer.n_cut) == (0, 0)
    assert buffer.max_fill <= 100 * 8
    assert clicks_of(np.concatenate(taken), 440.0)[0] < -55.0


def test_a_source_that_stops_fades_out_and_one_that_floods_is_cut_without_a_click() -> None:
    hum = np.rint(LOUDEST * np.sin(2 * np.pi * 440 * np.arange(16_000) / 8000)).astype(np.int16)
    buffer = ElasticBuffer()
    sound = []
    for number in range(50):
        buffer.put(hum[160 * number : 160 * (number + 1)])
        sound.append(buffer.take())
    sound += [buffer.take() for _ in range(10)]
    assert buffer.n_dry == 1
    joined = np.concatenate(sound).astype(np.int32)
    assert not joined[-800:].any()
    assert np.abs(np.diff(joined)).max() < 3200, "440 Hz at 8000 moves 2764 a sample at most"
    flooded = ElasticBuffer()
    out = []
    for number in range(40):
        for part in range(2):  # twice as much as is taken
            at = 160 * (2 * number + part)
            flooded.put(hum[at : at + 160])
        out.append(flooded.take())
    assert flooded.n_cut > 0
    assert flooded.max_fill <= MAX_FILL
    assert np.abs(np.diff(np.concatenate(out).astype(np.int32))).max() < 4500


@pytest.mark.parametrize("is_same_clock", [True, False])
@pytest.mark.parametrize("n_said", range(40, 48))
def test_a_source_that_stops_at_any_sample_fades_out_and_comes_back_without_a_click(
    n_said: int, is_same_clock: bool
) -> None:
    """Ports of one clock hold whole frames: nothing is left then to fade, and the last sample was already said."""
    hz = 430.0 + n_said
    hum = np.rint(LOUDEST * np.sin(2 * np.pi * hz * np.arange(16_000) / 8000)).astype(np.int16)
    buffer = ElasticBuffer(is_same_clock=is_same_clock)
    sound = []
    for number in range(90):
        if not n_said <= number < n_said + 12:
            buffer.put(hum[160 * number : 160 * (number + 1)])
        sound.append(buffer.take())
    assert buffer.n_dry == 1
    joined = np.concatenate(sound).astype(np.int32)
    assert np.abs(np.diff(joined)).max() < 1.15 * LOUDEST * 2 * np.pi * hz / 8000


def test_when_one_side_is_lost_the_other_hears_silence_and_the_owner_is_told(run_virtual: RunVirtual) -> None:
    first, second = SkewedPort("modem", 0.0, 440.0), SkewedPort("card", 50.0, 1000.0)

    async def talk() -> str:
        async with Bridge(first, second) as bridge:
            await asyncio.sleep(2)
            first.die()
            reason = await bridge.lost()
            await asyncio.sleep(2)
            return reason

    assert run_virtual(talk()) == "modem was unplugged"
    assert not second.sound[-8000:].any()
    assert first.is_stopped
    assert second.is_stopped
    assert second.n_frames > 190


def test_a_port_that_does_not_open_leaves_the_other_closed(run_virtual: RunVirtual) -> None:
    first, second = SkewedPort("modem", 0.0, 440.0), SkewedPort("card", 0.0, 440.0, opens=False)

    async def talk() -> None:
        with pytest.raises(PortOpenError, match="card"):
            async with Bridge(first, second):
                pytest.fail("entered")

    run_virtual(talk())
    assert first.is_stopped


def test_what_a_bridge_cannot_do_is_refused() -> None:
    port = SkewedPort("modem", 0.0, 440.0)
    port.format = AudioFormat(rate_hz=16_000)
    with pytest.raises(UnsupportedFormatError, match="8 kHz"):
        Bridge(port, SkewedPort("card", 0.0, 440.0))
    with pytest.raises(PortStateError, match="no orders"):
        BridgeSide(ElasticBuffer(), ElasticBuffer()).order(StopPlaying())
