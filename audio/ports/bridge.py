"""Join two ports, each with its own clock, so that their far ends talk to each other."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from audio.errors import PortStateError, UnsupportedFormatError
from audio.events import AudioEvent, PortDied
from audio.frame import NARROWBAND, Frame
from audio.orders import AudioOrder
from audio.ports.elastic import ElasticBuffer
from audio.ports.port import AudioPort, PortStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeStatistics:
    """How a bridge went."""

    first: PortStatistics
    second: PortStatistics
    dry: int
    """Times that one side had nothing to say to the other: a gap of silence each."""
    cut: int
    """Times that sound was cut out to keep the delay bounded."""
    bend_ppm: float
    """How much faster the first port's clock runs than the second's, as far as known."""


class BridgeSide:
    """What one port moves frames for: it says what the other port heard."""

    def __init__(self, to_other: ElasticBuffer, from_other: ElasticBuffer) -> None:
        self._to_other = to_other
        self._from_other = from_other
        self._n_frames = 0

    @property
    def now_ms(self) -> int:
        """How much sound has passed."""
        return self._n_frames * NARROWBAND.ptime_ms

    @property
    def n_waiting_orders(self) -> int:
        """A bridge takes no orders."""
        return 0

    def order(self, order: AudioOrder) -> None:
        """Refuse: a bridge says what the other side says."""
        raise PortStateError("a bridged port takes no orders")

    def process(self, frame_in: Frame) -> tuple[Frame, list[AudioEvent]]:
        """Hand this side's frame over and return the other's."""
        self._to_other.put(frame_in)
        self._n_frames += 1
        return self._from_other.take(), []

    def finish(self) -> list[AudioEvent]:
        """Nothing is open; the other side fades into silence."""
        return []


class Bridge:
    """Two ports joined while entered. When one is lost the other hears silence, and `lost` returns."""

    def __init__(self, first: AudioPort, second: AudioPort) -> None:
        for port in (first, second):
            if port.format != NARROWBAND:
                raise UnsupportedFormatError(f"a bridge joins ports of 8 kHz, not {port.format.rate_hz} Hz")
        is_same_clock = first.clock == second.clock
        self._ports = (first, second)
        self._forth = ElasticBuffer(is_same_clock=is_same_clock)
        self._back = ElasticBuffer(is_same_clock=is_same_clock)
        self._lost: asyncio.Future[str] | None = None

    async def __aenter__(self) -> Self:
        """Start both ports. Raises PortOpenError, with neither of them left open."""
        self._lost = asyncio.get_running_loop().create_future()
        first, second = self._ports
        first.start(BridgeSide(self._forth, self._back), self._listener())
        try:
            second.start(BridgeSide(self._back, self._forth), self._listener())
        except BaseException:
            await first.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both ports."""
        await self.stop()

    async def lost(self) -> str:
        """Wait until one port is lost and return why."""
        if self._lost is None:
            raise PortStateError("enter the bridge first")
        return await asyncio.shield(self._lost)

    async def stop(self) -> BridgeStatistics:
        """Stop both ports and say how it went; idempotent."""
        first, second = await asyncio.gather(*(port.stop() for port in self._ports))
        return BridgeStatistics(
            first=first,
            second=second,
            dry=self._forth.n_dry + self._back.n_dry,
            cut=self._forth.n_cut + self._back.n_cut,
            bend_ppm=(self._forth.bend - self._back.bend) / 2 * 1e6,
        )

    def _listener(self) -> Callable[[list[AudioEvent]], None]:
        def on_events(events: list[AudioEvent]) -> None:
            for event in events:
                if isinstance(event, PortDied) and self._lost is not None and not self._lost.done():
                    self._lost.set_result(event.reason)

        return on_events
