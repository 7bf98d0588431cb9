"""The contract of an audio port: one way to move a call's frames in and out."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from audio.events import AudioEvent
from audio.frame import AudioFormat, Frame
from audio.orders import AudioOrder

MAX_WAITING_ORDERS = 256


class ClockSource(StrEnum):
    """What makes a port's frames come when they come."""

    DEVICE = "device"
    """The crystal of a modem or a sound card: up to some 100 ppm off anybody else's."""
    LOOP = "loop"
    """The time of the running asyncio loop, virtual or real."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortClock:
    """Which clock a port ticks by: two ports whose clocks are not equal drift apart."""

    source: ClockSource
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortStatistics:
    """How well one call's frames kept time."""

    frames: int
    late_frames: int
    """Frames that left more than one ptime after they were due."""
    max_late_ms: float
    dropped_in: int
    """Input frames thrown away to keep the delay bounded."""
    overruns: int
    """Output frames or event batches thrown away because nobody took them."""
    died: str | None = None
    """Why the device went away in mid-call; None when it did not."""


class FrameHandler(Protocol):
    """What a port moves frames for: a call's sound (`CallAudio`), or one side of a bridge."""

    @property
    def now_ms(self) -> int:
        """How much sound has passed."""
        ...

    @property
    def n_waiting_orders(self) -> int:
        """Orders that the next frame will apply."""
        ...

    def order(self, order: AudioOrder) -> None:
        """Have `order` applied at the next frame."""
        ...

    def process(self, frame_in: Frame) -> tuple[Frame, list[AudioEvent]]:
        """Take the far end's next frame; return ours and what happened."""
        ...

    def finish(self) -> list[AudioEvent]:
        """End the sound: tell what was still going on."""
        ...


class AudioPort(Protocol):
    """Moves one call's sound between a device and its CallAudio."""

    format: AudioFormat
    clock: PortClock

    def start(self, call_audio: FrameHandler, on_events: Callable[[list[AudioEvent]], None]) -> None:
        """Begin to move frames; `on_events` is called on the running asyncio loop. Raises PortOpenError."""
        ...

    def order(self, order: AudioOrder) -> None:
        """Queue an order for the next frame without blocking. Raises OrderQueueFullError."""
        ...

    async def stop(self) -> PortStatistics:
        """Tell the last events, release the device and return; idempotent, with a deadline inside."""
        ...
