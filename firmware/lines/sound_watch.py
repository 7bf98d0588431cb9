"""Hears whether a call's sound came through the modem at all: a path that rots passes nothing but zeros."""

from collections.abc import Callable

from audio.events import AudioEvent, DigitHeard, LevelReport, PortDied, SpeechStarted
from audio.frame import AudioFormat
from audio.orders import AudioOrder
from audio.ports.port import AudioPort, FrameHandler, PortStatistics

DIGITAL_SILENCE_DBFS = -75.0
"""A telephone's own noise and a network's comfort noise are louder."""
JUDGED_FROM_S = 4
"""Seconds of sound; of less nobody can say what it lacked."""


class WatchedPort:
    """An AudioPort that is another one, and remembers whether anything was heard through it."""

    def __init__(self, port: AudioPort) -> None:
        self.format: AudioFormat = port.format
        self.clock = port.clock
        self.has_died = False
        """The device went away, or was not to be had from the beginning."""
        self._port = port
        self._n_silent_s = 0
        self._was_heard = False

    @property
    def was_heard(self) -> bool:
        """Say whether there was any sound, be it only noise."""
        return self._was_heard

    @property
    def was_silent(self) -> bool:
        """Say whether it was open long enough to judge, and nothing but digital silence came."""
        return not self._was_heard and self._n_silent_s >= JUDGED_FROM_S

    def start(self, call_audio: FrameHandler, on_events: Callable[[list[AudioEvent]], None]) -> None:
        """Begin to move frames. Raises PortOpenError."""

        def heed(events: list[AudioEvent]) -> None:
            for event in events:
                self._heed(event)
            on_events(events)

        self._port.start(call_audio, heed)

    def order(self, order: AudioOrder) -> None:
        """Queue an order. Raises OrderQueueFullError."""
        self._port.order(order)

    async def stop(self) -> PortStatistics:
        """End the frame loop and release the device."""
        return await self._port.stop()

    def _heed(self, event: AudioEvent) -> None:
        match event:
            case LevelReport(in_dbfs=in_dbfs):
                if in_dbfs > DIGITAL_SILENCE_DBFS:
                    self._was_heard = True
                else:
                    self._n_silent_s += 1
            case DigitHeard() | SpeechStarted():
                self._was_heard = True
            case PortDied():
                self.has_died = True
            case _:
                pass
