"""Voice over LTE on and off, where a family has a switch for it."""

from modem_drivers.at.channel import AtChannel
from modem_drivers.at.values import split_line, to_int
from modem_drivers.dialect import Dialect
from modem_drivers.errors import LocalProtocolError
from modem_drivers.opening import ask


async def volte_is_on(channel: AtChannel, dialect: Dialect) -> bool | None:
    """Say whether calls go over LTE; None where the family has no switch or does not tell."""
    switch = dialect.volte
    if switch is None:
        return None
    name = switch.read.removeprefix("AT").partition("=")[0].removesuffix("?")
    for line in await ask(channel, switch.read, name):
        value = to_int(split_line(line)[1], switch.field)
        if value is not None:
            return value == 1
    return None


async def set_volte(channel: AtChannel, dialect: Dialect, *, is_on: bool) -> bool:
    """Turn the switch; say whether only a restart makes it so. Raises CommandError, LocalProtocolError."""
    switch = dialect.volte
    if switch is None:
        raise LocalProtocolError(f"a {dialect.name} modem has no VoLTE switch")
    await channel.command(switch.on if is_on else switch.off, timeout_s=dialect.timing.slow_reply_s)
    return switch.needs_restart
