"""At which rate the modem behind a serial line speaks; USB modems speak at any."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import structlog

from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.channel import AtChannel
from modem_drivers.errors import NotAModemError

# The usual first, then what SIM800, M95 and SARA modules come with or are commonly set to (AT+IPR).
RATES_BAUD = (115200, 9600, 57600, 19200, 38400, 230400, 460800, 921600)
# A module that finds the rate by itself (AT+IPR=0) needs a few characters; one asleep swallows the first command.
_PROBES_S = (0.4, 0.4, 0.8)

OpenPort: TypeAlias = Callable[[str, int], BytePort]
"""Opens the port at a path with a rate. Raises PortOpenError."""

log = structlog.get_logger(__name__)


async def find_baud_rate(
    path: str, *, open_port: OpenPort, now_s: Callable[[], float], rates: Sequence[int] = RATES_BAUD
) -> int:
    """Return the first of `rates` at which somebody answers AT on `path`.

    Raises NotAModemError naming the rates tried, PortOpenError.
    """
    for rate in rates:
        async with AtChannel(
            open_port(path, rate), on_urc=lambda _line: None, on_closed=lambda: None, now_s=now_s
        ) as channel:
            for timeout_s in _PROBES_S:
                if await channel.probe(timeout_s=timeout_s, escape=False):
                    log.info("baud_rate_found", port=path, rate=rate)
                    return rate
    tried = ", ".join(str(rate) for rate in rates)
    raise NotAModemError(
        path, f"no modem answered AT at {tried} baud: check the wires (RX to TX) and the module's power"
    )
