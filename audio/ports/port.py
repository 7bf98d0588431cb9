"""The contract of an audio port: one way to move a call's frames in and out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from audio.call_audio import CallAudio
from audio.events import AudioEvent
from audio.frame import AudioFormat
from audio.orders import AudioOrder

MAX_WAITING_ORDERS = 256


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


class AudioPort(Protocol):
    """Moves one call's sound between a device and its CallAudio."""

    format: AudioFormat

    def start(self, call_audio: CallAudio, on_events: Callable[[list[AudioEvent]], None]) -> None:
        """Begin to move frames; `on_events` is called on the running asyncio loop. Raises PortOpenError."""
        ...

    def order(self, order: AudioOrder) -> None:
        """Queue an order for the next frame without blocking. Raises OrderQueueFullError."""
        ...

    async def stop(self) -> PortStatistics:
        """Tell the last events, release the device and return; idempotent, with a deadline inside."""
        ...
