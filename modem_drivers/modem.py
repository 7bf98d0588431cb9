"""One modem on one AT port: who it is, how it stands with SIM and network, and the call it carries."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import structlog

from modem_drivers.at.allow_list import check_number
from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.channel import AtChannel
from modem_drivers.at.responses import (
    read_bare,
    read_call_list,
    read_imei,
    read_operator,
    read_own_number,
    read_rssi_dbm,
)
from modem_drivers.at.urcs import RegistrationChanged, Restarted, SimChanged, read_urc
from modem_drivers.call import ModemCall
from modem_drivers.dialect import AudioPlan, Dialect
from modem_drivers.dialects.catalogue import choose_dialect
from modem_drivers.dialects.generic import GENERIC
from modem_drivers.errors import (
    CallRefusedError,
    CommandError,
    CommandTimeoutError,
    LocalProtocolError,
    NoSimError,
    NotAModemError,
    RemoteProtocolError,
    SimLockedError,
)
from modem_drivers.hang_up import hang_up_all
from modem_drivers.masking import mask_numbers
from modem_drivers.registration import RegistrationState, from_status, read_registration
from modem_drivers.sim import SimState, from_code, from_error, read_sim

__all__ = ["Modem", "ModemCall", "ModemIdentity", "RegistrationState", "SimState"]

# (seconds to wait, whether to repair first): a sleeping modem swallows the first AT, a booting one several.
_PROBES = ((0.5, False), (1.0, False), (1.0, True), (1.5, False), (1.5, True))
_OPEN_LIMIT_S = 90.0
_REFRESH_REPLY_S = 5.0
_CLOSE_LIMIT_S = 12.0
_FULL_FUNCTION = "+CFUN: 1"
_CREG = "+CREG"

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


class Modem:
    """One open modem; `async with await Modem.open(...)`, or `close` it."""

    def __init__(self, port: BytePort, *, now_s: Callable[[], float]) -> None:
        self.identity = ModemIdentity(manufacturer="", model="", revision="", imei="", dialect=GENERIC.name)
        self.sim = SimState.BUSY
        self.registration = RegistrationState.UNKNOWN
        self.operator = ""
        self.rssi_dbm: int | None = None
        self.own_number: str | None = None
        self._dialect: Dialect = GENERIC
        self._now_s = now_s
        self._channel = AtChannel(port, on_urc=self._take_urc, on_closed=self._wake_call, now_s=now_s)
        self._call: ModemCall | None = None
        self._is_dialling = False
        self._registered_by = _CREG

    @classmethod
    async def open(cls, port: BytePort, *, now_s: Callable[[], float]) -> Self:
        """Probe the port, learn who answers and set it up; the port is closed again if that fails.

        Raises NotAModemError, PortClosedError, CommandError, CommandTimeoutError.
        """
        modem = cls(port, now_s=now_s)
        modem._channel.start()
        try:
            async with asyncio.timeout(_OPEN_LIMIT_S):
                await modem._find()
                await modem._identify()
                await modem._set_up()
                await modem.refresh()
        except TimeoutError:
            await modem._channel.close()
            raise CommandTimeoutError("opening the modem", _OPEN_LIMIT_S) from None
        except BaseException:
            await modem._channel.close()
            raise
        log.info("modem_opened", port=port.name, model=modem.identity.model, dialect=modem.identity.dialect)
        return modem

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def audio_plan(self) -> AudioPlan:
        """Return how this family's call audio is opened and fed."""
        return self._dialect.audio

    @property
    def is_open(self) -> bool:
        """Say whether the port is still there."""
        return not self._channel.closed.is_set()

    @property
    def traffic(self) -> tuple[tuple[float, str, str], ...]:
        """Return the newest lines said and heard, masked: (seconds, "->" or "<-", text)."""
        return tuple(self._channel.traffic)

    async def wait_closed(self) -> None:
        """Return once the port is gone or the modem restarted: close it and open it anew."""
        await self._channel.closed.wait()

    async def refresh(self) -> None:
        """Ask for signal, SIM, registration, operator and own number; during a call, for the signal only.

        Raises PortClosedError, CommandTimeoutError.
        CommandTimeoutError means that the modem is deaf, not that one question was too hard for it.
        """
        self.rssi_dbm = read_rssi_dbm(await self._ask("AT+CSQ", "+CSQ"))
        for ask in (self._refresh_sim, self._refresh_registration, self._refresh_operator):
            if self._is_dialling or (self._call is not None and not self._call.is_over):
                return  # nothing slow may stand between a call and its hang-up
            await ask()

    async def _refresh_sim(self) -> None:
        timeout_s = self._dialect.timing.slow_reply_s
        try:
            self.sim = read_sim(await self._channel.command("AT+CPIN?", timeout_s=timeout_s, prefix="+CPIN"))
        except CommandError as error:
            self.sim = from_error(error.code)

    async def _refresh_registration(self) -> None:
        for command in self._dialect.registration:
            name = command.removeprefix("AT").removesuffix("?")
            state = read_registration(await self._ask(command, name))
            if command == self._dialect.registration[0] or state.is_registered:
                self.registration = state
                self._registered_by = name
            if state.is_registered:
                return

    async def _refresh_operator(self) -> None:
        with suppress(CommandTimeoutError):  # held up for minutes while a modem searches: no sign of deafness
            await self._ask("AT+COPS=3,0")
            self.operator = read_operator(await self._ask("AT+COPS?", "+COPS"))
            if self.own_number is None and self.sim is SimState.READY:
                self.own_number = read_own_number(await self._ask("AT+CNUM", "+CNUM"))

    async def dial(self, number: str) -> ModemCall:
        """Place a call and return it once the modem has accepted it.

        Raises, with nothing dialled: LocalProtocolError (not a number, or a call is on), NoSimError, SimLockedError,
        ForbiddenCommandError, CallRefusedError, AudioPathError. CommandTimeoutError and PortClosedError leave open
        whether it was dialled; what can be ended is being ended.
        """
        check_number(number)
        call = self._call
        if self._is_dialling or (call is not None and not call.is_over and not call.is_ending):
            raise LocalProtocolError("the modem carries one call at a time")
        if self.sim is SimState.ABSENT:
            raise NoSimError("insert a SIM card")
        if self.sim in {SimState.PIN_REQUIRED, SimState.PUK_REQUIRED}:
            raise SimLockedError(
                "the SIM card asks for its PIN: unlock it in a telephone and switch its PIN off"
            )
        self._is_dialling = True
        try:
            await self._let_line_settle()
            await self._clear_line()
            self._call = ModemCall(self._channel, self._dialect, self._now_s)
            await self._call.place(number)
        finally:
            self._is_dialling = False
        return self._call

    async def close(self) -> None:
        """Hang up if a call is on, and close the port. Idempotent."""
        call = self._call
        if call is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_LIMIT_S):
                    await call.hang_up()
                    await call.finished()
            await call.abandon()
        await self._channel.close()

    # ---- opening

    async def _find(self) -> None:
        for timeout_s, repair in _PROBES:
            if await self._channel.probe(timeout_s=timeout_s, escape=repair):
                return
        total_s = sum(timeout_s for timeout_s, _ in _PROBES)
        raise NotAModemError(
            self._channel.name,
            f"nothing answered AT within {total_s:g} s: another port of the modem, or no modem",
        )

    async def _identify(self) -> None:
        await self._try("ATE0")
        await self._try("AT+CMEE=1")
        manufacturer = read_bare(await self._ask("AT+CGMI", is_bare=True))
        model = read_bare(await self._ask("AT+CGMM", is_bare=True))
        self._dialect = choose_dialect(manufacturer, model)
        self.identity = ModemIdentity(
            manufacturer=manufacturer,
            model=model,
            revision=read_bare(await self._ask("AT+CGMR", is_bare=True)),
            imei=read_imei(await self._ask("AT+CGSN", is_bare=True)),
            dialect=self._dialect.name,
        )

    async def _set_up(self) -> None:
        function = await self._ask("AT+CFUN?", "+CFUN", timeout_s=self._dialect.timing.slow_reply_s)
        if function and function[0] != _FULL_FUNCTION:  # left off the air by another program
            await self._try("AT+CFUN=1", timeout_s=self._dialect.timing.slow_reply_s)
        for step in self._dialect.setup:
            for command in step.alternatives:
                if await self._try(command):
                    break
            else:
                log.debug("setup_refused", port=self._channel.name, commands=step.alternatives)
        with suppress(CallRefusedError):  # asked again before every call
            await self._clear_line()

    async def _try(self, command: str, *, timeout_s: float | None = None) -> bool:
        try:
            await self._channel.command(command, timeout_s=timeout_s or self._dialect.timing.reply_s)
        except (
            CommandError,
            CommandTimeoutError,
        ):  # a modem that is deaf altogether shows by the next question
            return False
        return True

    async def _ask(
        self, command: str, prefix: str = "", *, is_bare: bool = False, timeout_s: float = _REFRESH_REPLY_S
    ) -> list[str]:
        """Return the answer, empty when the modem refuses one."""
        try:
            return await self._channel.command(command, timeout_s=timeout_s, prefix=prefix, is_bare=is_bare)
        except (CommandError, RemoteProtocolError):
            return []

    # ---- calls

    async def _let_line_settle(self) -> None:
        call = self._call
        if call is None:
            return
        await call.finished()
        if call.ended_at_s is not None:
            await asyncio.sleep(max(0.0, call.ended_at_s + self._dialect.timing.redial_gap_s - self._now_s()))

    async def _clear_line(self) -> None:
        """See that no call is on, such as one that a crash left behind. Raises CallRefusedError."""
        calls = read_call_list(await self._ask("AT+CLCC", "+CLCC"))
        if any(not call.is_outgoing for call in calls):
            raise CallRefusedError("somebody is calling in")
        if calls:
            log.warning("leftover_call", port=self._channel.name)
            if not await hang_up_all(self._channel, self._dialect):
                raise CallRefusedError("a call left behind cannot be ended")

    def _wake_call(self) -> None:
        if self._call is not None:
            self._call.wake()

    def _take_urc(self, line: str) -> None:
        urc = read_urc(line, self._dialect.dsci)
        match urc:
            case None:
                return
            case RegistrationChanged(status=status):
                # Where only the packet side is registered (VoLTE), +CREG's "not registered" is no news.
                if self._registered_by == _CREG or from_status(status).is_registered:
                    self.registration = from_status(status)
            case SimChanged(code=code):
                self.sim = from_code(code)
            case Restarted():
                self._channel.abort("the modem restarted")
            case _ if self._call is not None:
                self._call.urc(urc, line)
            case _:
                log.debug("urc_outside_call", port=self._channel.name, line=mask_numbers(line))
