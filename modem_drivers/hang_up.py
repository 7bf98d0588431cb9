"""The hang-up ladder: try every way a family knows to end its outgoing calls, believe only AT+CLCC."""

import asyncio

import structlog

from modem_drivers.at.channel import AtChannel
from modem_drivers.at.responses import read_call_list
from modem_drivers.dialect import Dialect
from modem_drivers.errors import (
    CallRefusedError,
    CommandError,
    CommandTimeoutError,
    RemoteProtocolError,
    StuckCallError,
)
from modem_drivers.opening import ask

LIMIT_S = 30.0
PASSES = 2
CHECKS = 3
CHECK_S = 0.5

log = structlog.get_logger(__name__)


async def hang_up_all(channel: AtChannel, dialect: Dialect, *, is_outgoing: bool = True) -> bool:
    """End every outgoing (or every incoming) call within 30 s; say whether that came to pass.

    Raises PortClosedError.
    """
    try:
        async with asyncio.timeout(LIMIT_S):
            for command in dialect.hang_up * PASSES:
                try:
                    was_accepted = await send_hang_up(channel, dialect, command)
                except CommandTimeoutError:
                    continue  # a silent modem lists no calls either: better try the next rung while there is time
                for _ in range(CHECKS):
                    if await _is_gone(channel, dialect, was_accepted, is_outgoing):
                        return True
                    await asyncio.sleep(CHECK_S)
    except TimeoutError:
        pass
    log.error("hang_up_failed", port=channel.name)
    return False


async def end_leftovers(channel: AtChannel, dialect: Dialect) -> None:
    """See that no call is on, such as one that a crash left behind.

    Raises CallRefusedError (somebody is calling in), StuckCallError, PortClosedError, CommandTimeoutError.
    """
    calls = read_call_list(await ask(channel, "AT+CLCC", "+CLCC"))
    if any(not call.is_outgoing for call in calls):
        raise CallRefusedError("somebody is calling in")
    if calls:
        log.warning("leftover_call", port=channel.name)
        if not await hang_up_all(channel, dialect):
            raise StuckCallError("a call left behind cannot be ended")


async def send_hang_up(channel: AtChannel, dialect: Dialect, command: str) -> bool:
    """Send one rung; say whether the modem accepted it. Raises CommandTimeoutError, PortClosedError."""
    try:
        # It may hear us though we do not hear it.
        await channel.execute(command, timeout_s=dialect.timing.hang_up_s, insist=True)
    except (CommandError, RemoteProtocolError) as error:
        log.debug("hang_up_refused", port=channel.name, error=str(error))
        return False
    return True


async def _is_gone(channel: AtChannel, dialect: Dialect, was_accepted: bool, is_outgoing: bool) -> bool:
    try:
        lines = await channel.command("AT+CLCC", timeout_s=dialect.timing.reply_s, prefix="+CLCC")
    except CommandError:
        return was_accepted  # a modem that lists no calls: its word for the hang-up is all there is
    except (CommandTimeoutError, RemoteProtocolError):
        return False
    return not any(call.is_outgoing is is_outgoing for call in read_call_list(lines))
