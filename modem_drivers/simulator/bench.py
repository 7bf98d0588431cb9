"""A modem on a bench: virtual seconds, a host that types and reads, sound by hand; for tests."""

import heapq
import itertools
from collections.abc import Callable, Iterable

import numpy as np

from modem_drivers.simulator.modem import SimulatedModem
from modem_drivers.simulator.network import Network
from modem_drivers.simulator.people import Person
from modem_drivers.simulator.personality import Personality
from modem_drivers.simulator.tones import FRAME_S, FRAME_SAMPLES, Pcm, silence

_SAME_INSTANT_S = 1e-9


class VirtualTime:
    """A clock that moves when told, and calls what was scheduled on the way."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def now_s(self) -> float:
        """Return virtual seconds."""
        return self._now_s

    def schedule(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call `callback` so much later."""
        heapq.heappush(self._due, (self._now_s + delay_s, next(self._order), callback))

    def run(self, duration_s: float) -> None:
        """Let time pass."""
        end_s = self._now_s + duration_s
        while self._due and self._due[0][0] <= end_s + _SAME_INSTANT_S:
            due_s, _, callback = heapq.heappop(self._due)
            self._now_s = max(self._now_s, due_s)
            callback()
        self._now_s = max(self._now_s, end_s)


class Bench:
    """One modem, its network, and a host that keeps everything it read."""

    def __init__(
        self, personality: Personality, people: Iterable[Person] = (), *, network: Network | None = None
    ) -> None:
        self.time = VirtualTime()
        self.network = Network(people) if network is None else network
        self.modem = SimulatedModem(
            personality,
            self.network,
            imei="861234567890123",
            number="+8613912345678",
            schedule=self.time.schedule,
            now_s=self.time.now_s,
        )
        self.read = bytearray()
        """What the modem said since the last `take`."""
        self.modem.send_to_host = self.read.extend

    def take(self) -> bytes:
        """Return what the modem said since the last time."""
        said = bytes(self.read)
        self.read.clear()
        return said

    def lines(self) -> list[str]:
        """Return the lines the modem said since the last time, without empty ones."""
        return [line for line in self.take().decode().replace("\r", "\n").split("\n") if line]

    def ask(self, command: str, *, wait_s: float = 0.3) -> list[str]:
        """Type a command and CR, let time pass, and return the lines read, its echo left out."""
        self.take()
        self.modem.on_host_bytes(command.encode() + b"\r")
        self.time.run(wait_s)
        return [line for line in self.lines() if line != command]

    def sound(self, duration_s: float, from_host: Pcm | None = None) -> Pcm:
        """Exchange sound for so long; return what the host heard, without the ticks of a closed door."""
        given = silence(duration_s) if from_host is None else from_host
        heard = bytearray()
        for tick in range(round(duration_s / FRAME_S)):
            frame = given[tick * FRAME_SAMPLES : (tick + 1) * FRAME_SAMPLES]
            heard += self.modem.pcm_exchange(frame.astype("<i2").tobytes())
            self.time.run(FRAME_S)
        return np.frombuffer(bytes(heard), dtype="<i2").astype(np.int16)
