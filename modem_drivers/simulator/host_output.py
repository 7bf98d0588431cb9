"""What reaches the host of what the modem says: framing, and the faults of the line."""

from collections.abc import Callable
from random import Random

from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.replies import NUMERIC_RESULTS
from modem_drivers.simulator.terminal import Terminal


class HostOutput:
    """Turns lines into bytes for the host, honouring `faults`; the same seed makes the same run."""

    def __init__(
        self,
        terminal: Terminal,
        faults: Callable[[], Faults],
        noise: tuple[str, ...],
        send: Callable[[bytes], None],
        seed: str,
    ) -> None:
        self._terminal = terminal
        self._faults = faults
        self._noise = noise
        self._send = send
        self._random = Random(seed)

    def unasked(self, lines: list[str]) -> None:
        """Report `lines` together; each may get lost."""
        faults = self._faults()
        arriving = [line for line in lines if not self._random.random() < faults.lost_urc]
        out = bytearray()
        for line in arriving:
            out += self._perhaps_noise()
            framed = (
                self._terminal.result(line)
                if line in NUMERIC_RESULTS
                else self._terminal.information((line,))
            )
            if faults.glued_lines and line in NUMERIC_RESULTS and out.endswith(b"\r\n"):
                del out[-2:]
                framed = framed.removeprefix(b"\r\n")
            out += framed
        self.raw(bytes(out))

    def information(self, lines: tuple[str, ...]) -> None:
        """Answer with information; noise may stand between its lines."""
        if self._faults().noise_urcs and len(lines) > 1:
            self.raw(b"".join(self._perhaps_noise() + self._terminal.information((line,)) for line in lines))
        else:
            self.raw(self._perhaps_noise() + self._terminal.information(lines))

    def result(self, code: str) -> None:
        """Answer with a final result code."""
        noise = self._perhaps_noise()
        framed = self._terminal.result(code)
        if noise and self._faults().glued_lines:
            self.raw(framed.removesuffix(b"\r\n") + noise.removeprefix(b"\r\n"))
        else:
            self.raw(noise + framed)

    def raw(self, data: bytes) -> None:
        """Send bytes as they are; a deaf or mute port sends nothing."""
        if data and not (self._faults().deaf or self._faults().mute):
            self._send(data)

    def _perhaps_noise(self) -> bytes:
        if self._random.random() < self._faults().noise_urcs:
            return self._terminal.information((self._random.choice(self._noise),))
        return b""
