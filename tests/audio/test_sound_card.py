"""The sound-card port on real PulseAudio null sinks: by name, both directions, every rate, and a card that goes away."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from audio import (
    AudioEvent,
    BeepHeard,
    CallAudio,
    DigitHeard,
    Frame,
    Play,
    PlayFinished,
    PlayStarted,
    PortDied,
    SendDigits,
)
from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.dtmf_generator import digits_clip
from audio.errors import PortStateError
from audio.frame import freeze
from audio.orders import AudioOrder
from audio.ports.port import AudioPort, ClockSource
from audio.ports.sound_card import SoundCardPort, sound_cards
from firmware.dialogue.slots import Asked
from firmware.rehearsal.aloud import Voice
from tests.audio.pulse_server import PulseServer, serving

T = TypeVar("T")

TIMES = 3
"""Keys are pressed so often: on a busy machine the sound server itself drops some sound now and then."""


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulseServer]:
    with serving(tmp_path_factory.mktemp("pulse")) as server:
        yield server


@pytest.fixture
def mortal_pulse(tmp_path: Path) -> Iterator[PulseServer]:
    with serving(tmp_path) as server:
        yield server


class Told:
    """The events of one call, and a way to wait for one of a kind."""

    def __init__(self) -> None:
        self.events: list[AudioEvent] = []
        self._news = asyncio.Event()

    def __call__(self, events: list[AudioEvent]) -> None:
        self.events += events
        self._news.set()

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    async def have(self, kind: type[T], n_wanted: int = 1) -> list[T]:
        async with asyncio.timeout(15):
            while len(self.of(kind)) < n_wanted:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)

    async def have_keys(self, keys: str) -> None:
        async with asyncio.timeout(15):
            while keys not in "".join(event.digit for event in self.of(DigitHeard)):
                self._news.clear()
                await self._news.wait()


class Echo:
    """A click out every half second, and when each comes back, in frames."""

    def __init__(self) -> None:
        self.n_frames = 0
        self.n_waiting_orders = 0
        self.delays: list[int] = []
        self._said_at = -1

    @property
    def now_ms(self) -> int:
        return self.n_frames * 20

    def order(self, order: AudioOrder) -> None:
        raise AssertionError(order)

    def process(self, frame_in: Frame) -> tuple[Frame, list[AudioEvent]]:
        events: list[AudioEvent] = []
        if self._said_at >= 0 and int(np.abs(frame_in.astype(np.int32)).max()) > 5000:
            self.delays.append(self.n_frames - self._said_at)
            self._said_at = -1
            events.append(BeepHeard(at_ms=self.now_ms, frequency_hz=1000.0))
        frame = np.zeros(160, dtype=np.int16)
        if self.n_frames % 25 == 24:
            self._said_at = self.n_frames
            frame[60:100] = 12_000 * np.sin(2 * np.pi * 1000 * np.arange(40) / 8000)
        self.n_frames += 1
        return frame, events

    def finish(self) -> list[AudioEvent]:
        return []


def tone_of(sound: NDArray[np.int16]) -> tuple[float, float]:
    """Return pitch and level of a tone near 1 kHz, from the 20 ms at a time that a busy machine left whole."""
    turned = sound * np.exp(-2j * np.pi * 1000 * np.arange(len(sound)) / 8000)
    means = turned[: len(turned) // 160 * 160].reshape(-1, 160).mean(axis=1)
    level = 2 * float(np.percentile(np.abs(means), 90))
    is_whole = 2 * np.abs(means) > 0.98 * level
    steps = np.angle(means[1:] * means[:-1].conj())[is_whole[1:] & is_whole[:-1]]
    assert len(steps) >= 5
    return 1000.0 + float(np.median(steps)) / (2 * np.pi * 0.02), level


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 48_000])
@pytest.mark.timeout(60)
def test_both_directions_at_once_at_every_rate(pulse: PulseServer, rate_hz: int) -> None:
    """A tone and keys go out while other keys come in; nothing is lost, and the pitch is what it was."""
    time_s = np.arange(8000) / 8000
    tone = freeze((9000 * np.sin(2 * np.pi * 1000 * time_s)).astype(np.int16))

    async def call() -> bytes:
        told = Told()
        port: AudioPort = SoundCardPort("modem1 audio", rate_hz=rate_hz)
        assert port.clock.source is ClockSource.DEVICE
        listener = pulse.listen()
        port.start(CallAudio(), told)
        port.order(Play(play_id=1, clips=(tone,)))
        await told.have(PlayStarted)
        speaker = pulse.play(digits_clip("2580#" * TIMES, tone_ms=80, pause_ms=80))
        await told.have_keys("2580#")
        await told.have(PlayFinished)
        port.order(SendDigits(digits="1593" * TIMES))
        port.order(Play(play_id=2, clips=(freeze(np.zeros(4000, dtype=np.int16)),)))
        await told.have(PlayFinished, 2)
        statistics = await port.stop()
        speaker.wait(timeout=10)
        said = listener.heard()
        assert statistics.died is None
        assert told.of(PortDied) == []
        return said

    said = np.frombuffer(asyncio.run(call()), dtype="<i2")
    keys = "".join(digit.digit for digit in DtmfDetector().feed(said))
    begin = int(np.flatnonzero(np.abs(said.astype(np.int32)) > 500)[0])
    hz, level = tone_of(said[begin + 800 : begin + 7200])
    assert hz == pytest.approx(1000.0, abs=0.5)
    assert level == pytest.approx(9000, rel=0.02)
    assert "1593" in keys


def test_what_goes_out_is_back_within_200_ms(pulse: PulseServer) -> None:
    """100 ms each way, the sound server's own 20 ms twice included."""

    async def call() -> Echo:
        echo, told = Echo(), Told()
        port = SoundCardPort("echo")
        port.start(echo, told)
        await told.have(BeepHeard, 5)
        statistics = await port.stop()
        assert statistics.died is None
        return echo

    delays = asyncio.run(call()).delays
    assert max(delays[1:]) * 20 <= 200, delays


def test_a_card_that_goes_away_is_told_once(mortal_pulse: PulseServer) -> None:
    async def call() -> None:
        told = Told()
        port = SoundCardPort("modem1 audio")
        port.start(CallAudio(), told)
        port.order(Play(play_id=7, clips=(freeze(np.ones(800_000, dtype=np.int16)),)))
        await told.have(PlayStarted)
        mortal_pulse.stop()
        (died,) = await told.have(PortDied)
        statistics = await port.stop()
        assert told.of(PlayFinished)[0].interrupted
        assert statistics.died == died.reason
        assert "modem1 audio" in died.reason
        assert told.events[-1] == died
        assert await port.stop() == statistics

    asyncio.run(call())


def test_a_name_that_no_card_has_lists_those_that_there_are(pulse: PulseServer) -> None:
    names = [card.name for card in sound_cards() if card.is_duplex]
    assert {"modem1 audio", "echo"} <= set(names)

    async def reason_for(name: str) -> str:
        told = Told()
        port = SoundCardPort(name)
        port.start(CallAudio(), told)
        with pytest.raises(PortStateError):
            port.start(CallAudio(), told)
        (died,) = await told.have(PortDied)
        await port.stop()
        return died.reason

    unknown = asyncio.run(reason_for("USB Phone 9"))
    assert "no sound card of this name" in unknown
    assert "'modem1 audio'" in unknown
    assert "'echo'" in unknown
    assert "\n" not in unknown
    assert "give more of it" in asyncio.run(reason_for("o"))


def test_a_card_that_is_opened_twice_in_one_process_serves_both(pulse: PulseServer) -> None:
    """Two calls on two cards: one ends, the other goes on."""

    async def call() -> None:
        told: list[Told] = [Told(), Told()]
        first, second = SoundCardPort("modem1 audio"), SoundCardPort("echo")
        first.start(CallAudio(), told[0])
        second.start(CallAudio(), told[1])
        clip = freeze(np.zeros(4000, dtype=np.int16))
        first.order(Play(play_id=1, clips=(clip,)))
        await told[0].have(PlayFinished)
        assert (await first.stop()).died is None
        second.order(Play(play_id=2, clips=(clip,)))
        await told[1].have(PlayFinished)
        assert (await second.stop()).died is None

    asyncio.run(call())


def test_a_rate_that_no_card_has_is_refused() -> None:
    with pytest.raises(ValueError, match="8000"):
        SoundCardPort("any", rate_hz=44_100)


def test_a_rehearsal_speaks_and_listens_over_a_card(pulse: PulseServer) -> None:
    """`flow try --microphone`: what the card hears while the box speaks is the answer; here its own keys come back."""

    async def talk() -> str:
        port = SoundCardPort("echo")
        async with Voice(port, recognise=lambda *_: "", speak=lambda *_: digits_clip("907" * TIMES)) as voice:
            await voice.say("anything", "en")
            return await voice.answer(Asked.NOTHING, "en", ())

    assert set(asyncio.run(talk())) & set("907")
