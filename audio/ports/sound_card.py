"""Carry a call's sound over a sound card: the audio of modems that show up as a USB sound card.

The card is found by name, at the first of 8, 16 and 48 kHz that it can do; soxr's variable-rate resampler is used even
where the ratio is fixed, because it answers after 20 ms and soxr's block-wise one after up to 170 ms. The card is only
ever asked for what it has ready, so that nothing here waits for it longer than a frame: a card that stops delivering is
told as PortDied. PortAudio may take a second to look at a machine's cards, so the card is opened on the call's own
thread: a card that cannot be opened is told as PortDied too, at once, with the names of those that there are.
"""

import asyncio
import ctypes
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pyaudio
from numpy.typing import NDArray

from audio.errors import PortOpenError, PortStateError
from audio.events import AudioEvent
from audio.frame import NARROWBAND, AudioFormat, Frame
from audio.orders import AudioOrder
from audio.ports.call_thread import CallThread
from audio.ports.elastic import StreamResampler
from audio.ports.port import ClockSource, FrameHandler, PortClock, PortStatistics
from audio.ports.seat import SeatPace
from audio.ports.usb_card import portaudio_name

RATES_HZ = (8000, 16_000, 48_000)
"""The first that the card can do: the nearer to ours the less work."""
LOST_AFTER_S = 1.0
"""Without one sample: a card delivers even silence."""
OPEN_TIMEOUT_S = 5.0
MAX_UNSENT_FRAMES = 5
"""100 ms on the card and before it; older sound is of no use to the callee."""
PREFILL_FRAMES = 2
"""Covers the jitter of a thread that shares the machine."""
DRY_FRAMES = 10
"""In a row before which the card had nothing left."""
MIN_REST_S = 0.004

_TURN = threading.Lock()
"""PortAudio may not be opened, closed or started by two threads at a time; no frame waits for this."""
_ERROR_HANDLER = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)
_keep_quiet = _ERROR_HANDLER(lambda *_arguments: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundCard:
    """A card as PortAudio names it."""

    name: str
    index: int
    n_inputs: int
    n_outputs: int

    @property
    def is_duplex(self) -> bool:
        """It can carry a call."""
        return self.n_inputs > 0 and self.n_outputs > 0


def sound_cards() -> list[SoundCard]:
    """Return the cards that there are now. Takes up to a second."""
    with _TURN:
        library = _begin()
        try:
            return _cards_of(library)
        finally:
            library.terminate()


def find_card(name: str) -> SoundCard:
    """Return the card of that name, as `SoundCardPort` would. Takes up to a second. Raises PortOpenError.

    While any card is in use by this process, the cards are those that there were when the first of them was opened.
    """
    return _find(name, sound_cards())


def try_card(name: str, *, rate_hz: int | None = None, format: AudioFormat = NARROWBAND) -> int:
    """Open the card both ways, let it go again, and return the rate it ran at. Raises PortOpenError."""
    try:
        streams = _Streams(name, RATES_HZ if rate_hz is None else (rate_hz,), format)
    except OSError as error:
        raise PortOpenError(name, f"gives no sound: {_words(error)}; plug it in anew") from error
    try:
        return streams.rate_hz
    finally:
        streams.close()


class SoundCardPort:
    """One call's sound on one sound card, both directions. `name` is the card's, or a part that no other card has."""

    def __init__(self, name: str, *, rate_hz: int | None = None, format: AudioFormat = NARROWBAND) -> None:
        """Name the card; `rate_hz` is for a card that says it can do 8 kHz and does it badly."""
        if rate_hz is not None and rate_hz not in RATES_HZ:
            raise ValueError(
                f"a sound card runs at {', '.join(map(str, RATES_HZ))} samples a second, not {rate_hz}"
            )
        self.format = format
        self.clock = PortClock(source=ClockSource.DEVICE, name=name)
        self._name = name
        self._rates_hz = RATES_HZ if rate_hz is None else (rate_hz,)
        self._thread = CallThread(f"sound card {name}")
        self._streams: _Streams | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._pace = SeatPace(self._thread, format)

    def start(self, call_audio: FrameHandler, on_events: Callable[[list[AudioEvent]], None]) -> None:
        """Open the card and start the frame loop, both in a thread of its own; PortDied tells what cannot be opened."""
        if self._thread.is_taken:
            raise PortStateError("a port carries one call: make another port")
        self._watch = asyncio.get_running_loop().call_later(OPEN_TIMEOUT_S, self._check_opened)
        self._thread.start(
            call_audio,
            on_events,
            move_frames=self._open_and_move_frames,
            release=self._release,
            name="audio-card",
        )

    def order(self, order: AudioOrder) -> None:
        """Queue `order` for the next frame. Raises OrderQueueFullError."""
        self._thread.order(order)

    async def stop(self) -> PortStatistics:
        """End the frame loop, deliver its last events and release the card."""
        if self._watch is not None:
            self._watch.cancel()
        return await self._pace.stop()

    def _check_opened(self) -> None:
        if not self._thread.frames:
            self._thread.give_up(
                f"sound card {self._name}: gives no sound {OPEN_TIMEOUT_S:.0f} s after it was opened; plug it in anew"
            )

    # What follows runs on the port's own thread.

    def _release(self) -> None:
        if self._streams is not None:
            self._streams.close()

    def _open_and_move_frames(self) -> None:
        try:
            streams = _Streams(self._name, self._rates_hz, self.format)
        except PortOpenError as error:
            raise OSError(error.reason) from error
        self._streams = streams
        thread, n_samples = self._thread, self.format.n_samples
        silent_frame = np.zeros(n_samples, dtype=np.int16)
        heard = np.zeros(0, dtype=np.int16)
        last_heard_s = time.monotonic()
        while not thread.is_stopping:
            fresh = streams.read()
            now_s = time.monotonic()
            if len(fresh):
                heard = np.concatenate([heard, fresh])
                last_heard_s = now_s
            elif now_s - last_heard_s > LOST_AFTER_S:
                raise OSError("delivers no sound any more: is it still plugged in?")
            turn = self._pace.turn(now_s, len(heard) // n_samples)
            begin = turn.n_drop * n_samples
            end = begin + turn.n_heard * n_samples
            frames_in = list(heard[begin:end].reshape(-1, n_samples))
            heard = heard[end:].copy()
            for frame_in in frames_in or [silent_frame] * turn.n_silent:
                self._pace.dropped_out += streams.say(thread.process(frame_in))
            streams.write()
            # The card hands sound over a frame at a time, and takes it in gulps when it likes.
            missing_s = (n_samples - len(heard) % n_samples) / self.format.rate_hz
            is_waiting = streams.has_unsent or not len(fresh)
            thread.rest(MIN_REST_S if is_waiting else max(MIN_REST_S, missing_s))


class _Streams:
    """Both directions of one card, in our frames."""

    def __init__(self, name: str, rates_hz: tuple[int, ...], audio_format: AudioFormat) -> None:
        self._n_frame = audio_format.n_samples
        with _TURN:
            self._library = _begin()
            try:
                card = _find(name, _cards_of(self._library))
                self.rate_hz, self._n_channels = self._fit(card, rates_hz)
                self._n_chunk = self.rate_hz * audio_format.ptime_ms // 1000
                how = {
                    "rate": self.rate_hz,
                    "channels": self._n_channels,
                    "format": pyaudio.paInt16,
                    "frames_per_buffer": self._n_chunk,
                }
                self._output = self._library.open(output=True, output_device_index=card.index, **how)
                self._input = self._library.open(input=True, input_device_index=card.index, **how)
            except PortOpenError:
                self._library.terminate()
                raise
            except (OSError, ValueError) as error:
                self._library.terminate()
                raise PortOpenError(
                    name, f"cannot be opened: {_words(error)}; close what else uses it"
                ) from error
        self._down = StreamResampler(self.rate_hz, audio_format.rate_hz)
        self._up = StreamResampler(audio_format.rate_hz, self.rate_hz)
        self._n_capacity = self._available(self._output.get_write_available)
        self._unsent = np.zeros(PREFILL_FRAMES * self._n_chunk, dtype=np.int16)
        self._n_dry = 0
        try:
            self.write()
            # PortAudio starts a capture with the first read, and says nothing is there until then.
            self._primed = self._read(self._n_chunk)
        except OSError:
            self.close()  # else the card stays ours, and PortAudio's list of cards as old as it is
            raise

    def read(self) -> NDArray[np.int16]:
        """Return what the card has heard since, at our rate. Raises OSError when it is gone."""
        n_ready = self._available(self._input.get_read_available)
        if len(self._primed):
            fresh, self._primed = self._primed, self._primed[:0]
        elif n_ready:
            fresh = self._read(n_ready)
        else:
            return self._primed
        return self._down.feed(fresh)

    def say(self, frame: Frame) -> int:
        """Keep one frame for the card; return how many frames had to go, oldest first."""
        self._unsent = np.concatenate([self._unsent, self._up.feed(frame)])
        n_free = self._available(self._output.get_write_available)
        self._n_dry = self._n_dry + 1 if n_free >= self._n_capacity else 0
        if self._n_dry >= DRY_FRAMES:
            # Every frame comes just when it is due: begin anew with a cushion, or each little delay is heard.
            cushion = np.zeros(PREFILL_FRAMES * self._n_chunk, dtype=np.int16)
            self._unsent = np.concatenate([cushion, self._unsent])
            self._n_dry = 0
        n_waiting = len(self._unsent) + max(0, self._n_capacity - n_free)
        n_dropped = 0
        while n_waiting > MAX_UNSENT_FRAMES * self._n_chunk and len(self._unsent) >= self._n_chunk:
            self._unsent = self._unsent[self._n_chunk :]
            n_waiting -= self._n_chunk
            n_dropped += 1
        return n_dropped

    def write(self) -> None:
        """Give the card as much as it takes without waiting. Raises OSError when it is gone."""
        n_samples = min(self._available(self._output.get_write_available), len(self._unsent))
        if not n_samples:
            return
        out, self._unsent = self._unsent[:n_samples], self._unsent[n_samples:]
        self._output.write(np.repeat(out, self._n_channels).astype("<i2").tobytes(), n_samples)

    @property
    def has_unsent(self) -> bool:
        """The card has not taken everything yet."""
        return len(self._unsent) > 0

    def close(self) -> None:
        """Let the card go; a card that is gone already is no fault."""
        with _TURN:
            for stream in (self._input, self._output):
                try:
                    stream.close()
                except OSError:
                    continue
            self._library.terminate()

    def _read(self, n_samples: int) -> NDArray[np.int16]:
        data = self._input.read(n_samples, exception_on_overflow=False)
        return np.frombuffer(data, dtype="<i2")[:: self._n_channels].astype(np.int16)

    def _fit(self, card: SoundCard, rates_hz: tuple[int, ...]) -> tuple[int, int]:
        """Return the rate and the number of channels that the card can do in both directions."""
        for rate_hz in rates_hz:
            for n_channels in (1, 2):
                try:
                    self._library.is_format_supported(
                        rate_hz,
                        input_device=card.index,
                        input_channels=n_channels,
                        input_format=pyaudio.paInt16,
                        output_device=card.index,
                        output_channels=n_channels,
                        output_format=pyaudio.paInt16,
                    )
                except ValueError:
                    continue
                return rate_hz, n_channels
        wanted = ", ".join(f"{rate_hz / 1000:g}" for rate_hz in rates_hz)
        raise PortOpenError(card.name, f"does not run at {wanted} kHz with 16 bits in both directions")

    @staticmethod
    def _available(ask: Callable[[], int]) -> int:
        n_samples = ask()
        if n_samples < 0:  # PortAudio's error codes come back as numbers here
            raise OSError("was taken away: is it still plugged in?")
        return n_samples


def _begin() -> "pyaudio.PyAudio":
    # PortAudio asks every sound system of the machine: JACK shall not start a server, nor ALSA print what it misses.
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    with suppress(OSError, AttributeError):  # without ALSA there is nothing to be quietened
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_keep_quiet)
    return pyaudio.PyAudio()


def _cards_of(library: "pyaudio.PyAudio") -> list[SoundCard]:
    infos = [library.get_device_info_by_index(index) for index in range(library.get_device_count())]
    return [
        SoundCard(
            name=str(info["name"]),
            index=int(info["index"]),
            n_inputs=int(info["maxInputChannels"]),
            n_outputs=int(info["maxOutputChannels"]),
        )
        for info in infos
    ]


def _find(name: str, cards: list[SoundCard]) -> SoundCard:
    """Return the card of that name, at that USB port, or the only one whose name holds it."""
    name = portaudio_name(name)
    duplex = [card for card in cards if card.is_duplex]
    there_are = ", ".join(repr(card.name) for card in duplex) or "none"
    found = [card for card in duplex if card.name == name] or [
        card for card in duplex if name.casefold() in card.name.casefold()
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise PortOpenError(name, f"is the name of {len(found)} sound cards; give more of it: {there_are}")
    raise PortOpenError(name, f"no sound card of this name hears and speaks; there are: {there_are}")


def _words(error: Exception) -> str:
    return str(error.args[-1]) if error.args else str(error)
