"""Connects a simulated modem's AT port to a port in the same process."""

from collections.abc import Callable
from typing import Protocol

from modem_drivers.simulator.modem import SimulatedModem


class HostPort(Protocol):
    """The host's end: tells where its writes go, and takes what the modem says."""

    def connect(self, write_to_peer: Callable[[bytes], None]) -> None:
        """Send everything written to this port there from now on."""

    def feed(self, data: bytes) -> None:
        """Take bytes from the modem."""


def join(modem: SimulatedModem, port: HostPort) -> None:
    """Connect the two, both ways; bytes pass at once, in the caller's stack."""
    port.connect(modem.on_host_bytes)
    modem.send_to_host = port.feed
