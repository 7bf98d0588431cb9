"""What happens to a port before it is a modem: somebody answers, says who they are, and is set up."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from modem_drivers.at.channel import AtChannel
from modem_drivers.at.responses import read_bare, read_imei
from modem_drivers.dialect import Dialect
from modem_drivers.dialects.catalogue import choose_dialect
from modem_drivers.dialects.generic import GENERIC
from modem_drivers.errors import CommandError, CommandTimeoutError, NotAModemError, RemoteProtocolError

# (seconds to wait, whether to repair first): a sleeping modem swallows the first AT, a booting one several.
_PROBES = ((0.5, False), (1.0, False), (1.0, True), (1.5, False), (1.5, True))
ASK_LIMIT_S = 5.0
_FULL_FUNCTION = "+CFUN: 1"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemIdentity:
    """What a modem says of itself."""

    manufacturer: str
    model: str
    revision: str
    imei: str = field(repr=False)
    """Names the device for good: never in a log."""
    dialect: str


async def find(channel: AtChannel) -> None:
    """Return once somebody answers AT and keeps step. Raises NotAModemError, PortClosedError."""
    for timeout_s, repair in _PROBES:
        if await channel.probe(timeout_s=timeout_s, escape=repair):
            return
    total_s = sum(timeout_s for timeout_s, _ in _PROBES)
    raise NotAModemError(
        channel.name, f"nothing answered AT within {total_s:g} s: another port of the modem, or no modem"
    )


async def identify(channel: AtChannel) -> tuple[ModemIdentity, Dialect]:
    """Ask the modem who it is, and choose its dialect. Raises CommandTimeoutError, PortClosedError."""
    for command in ("ATE0", "AT+CMEE=1"):
        await is_accepted(channel, command, timeout_s=GENERIC.timing.reply_s)
    manufacturer = read_bare(await ask(channel, "AT+CGMI", is_bare=True))
    model = read_bare(await ask(channel, "AT+CGMM", is_bare=True))
    dialect = choose_dialect(manufacturer, model)
    if dialect is GENERIC:  # some say who they are to ATI only
        dialect = choose_dialect(manufacturer, model, "\n".join(await ask(channel, "ATI", is_bare=True)))
    identity = ModemIdentity(
        manufacturer=manufacturer,
        model=model,
        revision=read_bare(await ask(channel, "AT+CGMR", is_bare=True)),
        imei=read_imei(await ask(channel, "AT+CGSN", is_bare=True)),
        dialect=dialect.name,
    )
    return identity, dialect


async def set_up(channel: AtChannel, dialect: Dialect) -> None:
    """Bring the modem on the air and set it up by its dialect. Raises CommandTimeoutError, PortClosedError."""
    slow_s = dialect.timing.slow_reply_s
    function = await ask(channel, "AT+CFUN?", "+CFUN", timeout_s=slow_s)
    if function and function[0] != _FULL_FUNCTION:  # left off the air by another program
        await is_accepted(channel, "AT+CFUN=1", timeout_s=slow_s)
    for step in dialect.setup:
        if not await _is_any_accepted(channel, step.alternatives, dialect.timing.reply_s):
            log.debug("setup_refused", port=channel.name, commands=step.alternatives)


async def ask(
    channel: AtChannel,
    command: str,
    prefix: str = "",
    *,
    is_bare: bool = False,
    timeout_s: float = ASK_LIMIT_S,
) -> list[str]:
    """Return the answer, empty when the modem refuses one. Raises CommandTimeoutError, PortClosedError."""
    try:
        return await channel.command(command, timeout_s=timeout_s, prefix=prefix, is_bare=is_bare)
    except (CommandError, RemoteProtocolError):
        return []


async def is_accepted(channel: AtChannel, command: str, *, timeout_s: float) -> bool:
    """Send a command; say whether the modem took it. Raises PortClosedError."""
    try:
        await channel.command(command, timeout_s=timeout_s)
    except (CommandError, CommandTimeoutError):  # one deaf altogether shows by the next question
        return False
    return True


async def _is_any_accepted(channel: AtChannel, commands: Sequence[str], timeout_s: float) -> bool:
    for command in commands:
        if await is_accepted(channel, command, timeout_s=timeout_s):
            return True
    return False
