"""The SIM card in a modem, asked and unlocked over the AT channel."""

import asyncio

import structlog

from modem_drivers.at.channel import AtChannel
from modem_drivers.dialect import Dialect
from modem_drivers.errors import CommandError, NoSimError, SimLockedError
from modem_drivers.opening import ask
from modem_drivers.sim import (
    SimState,
    from_error,
    read_iccid,
    read_imsi,
    read_pin_tries,
    read_sim,
    why_no_pin,
)

_START_CHECKS = 20
_START_CHECK_S = 1.0

log = structlog.get_logger(__name__)


class SimCard:
    """One modem's SIM card; what was read of it is forgotten when it is swapped."""

    def __init__(self, channel: AtChannel, dialect: Dialect) -> None:
        self.iccid: str | None = None
        self.imsi: str | None = None
        self._channel = channel
        self._dialect = dialect
        self.has_refused_pin = False
        """A PIN was wrong: it must not be typed again."""
        self._refused_pins: set[str] = set()
        self._was_identified = False

    def forget(self) -> None:
        """Forget the card: another one may be in the modem now."""
        self.iccid = self.imsi = None
        self._was_identified = self.has_refused_pin = False
        self._refused_pins.clear()

    async def state(self) -> SimState:
        """Ask how the card stands. Raises CommandTimeoutError, PortClosedError."""
        timeout_s = self._dialect.timing.slow_reply_s
        try:
            return read_sim(await self._channel.command("AT+CPIN?", timeout_s=timeout_s, prefix="+CPIN"))
        except CommandError as error:
            return from_error(error.code)

    async def identify(self) -> None:
        """Read the card's number and the subscriber's identity once. Raises CommandTimeoutError, PortClosedError."""
        if self._was_identified:
            return
        if self.iccid is None:
            for command, name in self._dialect.sim.iccid:
                lines = await ask(self._channel, command, name)
                self.iccid = read_iccid(lines or await ask(self._channel, command, is_bare=True))
                if self.iccid is not None:
                    break
        if self.imsi is None:
            self.imsi = read_imsi(await ask(self._channel, "AT+CIMI", is_bare=True))
        self._was_identified = True

    async def pin_tries(self) -> int | None:
        """Ask how many wrong PINs the card still forgives; None where the modem cannot tell."""
        for plan in self._dialect.sim.pin_tries:
            name = plan.command.removeprefix("AT").removesuffix("?")
            tries = read_pin_tries(
                await ask(self._channel, plan.command, name), name=name, field=plan.field, where=plan.where
            )
            if tries is not None:
                return tries
        return None

    async def unlock(self, pin: str) -> SimState:
        """Type the PIN if the card asks for one and still forgives a mistake; return how it stands then.

        Raises SimLockedError (no PIN was typed, or a wrong one: do not try it again), NoSimError, CommandTimeoutError,
        PortClosedError, LocalProtocolError.
        """
        state = await self.state()
        if state is SimState.READY:
            return state
        if state is SimState.ABSENT:
            raise NoSimError("insert a SIM card")
        n_tries = await self.pin_tries() if state is SimState.PIN_REQUIRED else None
        if reason := why_no_pin(state, n_tries):
            raise SimLockedError(reason)
        if pin in self._refused_pins:
            raise SimLockedError("the SIM card has refused this PIN before")
        try:
            await self._channel.enter_pin(pin, timeout_s=self._dialect.timing.slow_reply_s)
        except CommandError as error:
            self._refused_pins.add(pin)
            self.has_refused_pin = True
            log.warning("pin_refused", port=self._channel.name, code=error.code, n_tries_before=n_tries)
            raise SimLockedError("the SIM card refused the PIN: enter the right one") from error
        log.info("pin_accepted", port=self._channel.name)
        for _ in range(_START_CHECKS):
            state = await self.state()
            if state is not SimState.BUSY:
                break
            await asyncio.sleep(_START_CHECK_S)
        return state
