"""One modem on one AT port: who it is, how it stands with SIM and network, and the call it carries."""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Self

import structlog

from modem_drivers.at.allow_list import check_number, command_name
from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.channel import AtChannel, Listener
from modem_drivers.at.urcs import (
    CallListed,
    RegistrationChanged,
    Restarted,
    Ringing,
    SimChanged,
    SimSwapped,
    TimeTold,
    read_urc,
)
from modem_drivers.call import ModemCall
from modem_drivers.dialect import AudioPlan, Dialect
from modem_drivers.dialects.generic import GENERIC
from modem_drivers.errors import (
    CallRefusedError,
    CommandError,
    CommandTimeoutError,
    ForbiddenCommandError,
    LocalProtocolError,
    NoSimError,
    NoVoiceError,
    PortClosedError,
    SimLockedError,
    StuckCallError,
)
from modem_drivers.hang_up import end_leftovers, hang_up_all
from modem_drivers.incoming import RingWatch
from modem_drivers.masking import mask_numbers
from modem_drivers.network_time import NetworkTime, read_clock
from modem_drivers.opening import ModemIdentity, ask, find, identify, set_up
from modem_drivers.registration import RegistrationState
from modem_drivers.sim import SimState
from modem_drivers.sms import Sms
from modem_drivers.standing import Standing
from modem_drivers.ussd import Ussd
from modem_drivers.volte import set_volte, volte_is_on

__all__ = ["Modem", "ModemCall", "ModemIdentity", "RegistrationState", "SimState"]

_OPEN_LIMIT_S = 90.0
_COMMAND_S = 15.0
_PLACES_CALL = re.compile(r"AT(?:D|A$|\+CUSD=1)", re.IGNORECASE)
_CLOSE_LIMIT_S = 12.0

log = structlog.get_logger(__name__)


class Modem:
    """One open modem; `async with await Modem.open(...)`, or `close` it."""

    def __init__(self, port: BytePort, *, now_s: Callable[[], float]) -> None:
        self.identity = ModemIdentity(manufacturer="", model="", revision="", imei="", dialect=GENERIC.name)
        self._dialect: Dialect = GENERIC
        self._now_s = now_s
        self._channel = AtChannel(port, on_urc=self._take_urc, on_closed=self._wake_call, now_s=now_s)
        self.sms = Sms(self._channel, now_s=now_s, is_busy=lambda: not self.is_idle)
        self.ussd = Ussd(self._channel, is_busy=lambda: not self.is_idle)
        self.standing = Standing(self._channel, GENERIC)
        self._bell = RingWatch()
        self._rings = asyncio.Event()
        self.on_ringing: Callable[[], None] = lambda: None
        """Told of every RING, again and again while it rings."""
        self._time_was_told = False
        self.has_stuck_call = False
        """A call is listed that no hang-up ends, as of the last look."""
        self._call: ModemCall | None = None
        self._is_dialling = False

    @classmethod
    async def open(cls, port: BytePort, *, now_s: Callable[[], float]) -> Self:
        """Probe the port, learn who answers and set it up; the port is closed again if that fails.

        Raises NotAModemError, PortClosedError, CommandError, CommandTimeoutError.
        """
        modem = cls(port, now_s=now_s)
        modem._channel.start()
        try:
            async with asyncio.timeout(_OPEN_LIMIT_S):
                await find(modem._channel)
                modem.identity, modem._dialect = await identify(modem._channel)
                modem.standing = Standing(modem._channel, modem._dialect)
                await set_up(modem._channel, modem._dialect)
                with suppress(CallRefusedError):  # asked again before every call
                    await modem._clear_line()
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

    def use_sound_card(self) -> None:
        """From the next call on, open sound for a sound card wired to this modem rather than for a tty."""
        self._dialect = replace(self._dialect, audio=self._dialect.sound_card)

    @property
    def dialect(self) -> Dialect:
        """Return what is known of this family."""
        return self._dialect

    @property
    def sim(self) -> SimState:
        """Return how the SIM card stands."""
        return self.standing.sim

    @property
    def registration(self) -> RegistrationState:
        """Return how the modem is registered."""
        return self.standing.registration

    @property
    def operator(self) -> str:
        """Return the network's name, empty until it was told."""
        return self.standing.operator

    @property
    def rssi_dbm(self) -> int | None:
        """Return the signal, None where the modem knows none."""
        return self.standing.rssi_dbm

    @property
    def own_number(self) -> str | None:
        """Return the number that the card says is its own: masked in every log."""
        return self.standing.own_number

    @property
    def iccid(self) -> str | None:
        """Return the SIM card's number, None until it was read: never for a log."""
        return self.standing.card.iccid

    @property
    def imsi(self) -> str | None:
        """Return the subscriber identity, None until it was read: never for a log."""
        return self.standing.card.imsi

    @property
    def sim_refused_pin(self) -> bool:
        """Say whether this card has refused a PIN: it must not be typed again."""
        return self.standing.card.has_refused_pin

    @property
    def is_idle(self) -> bool:
        """Say whether no call is on, being placed, or ringing: a reset would disturb nobody."""
        return not (self._has_call or self._bell.is_ringing(self._now_s()))

    @property
    def is_ringing(self) -> bool:
        """Say whether somebody calls in, as far as one can know between two RINGs."""
        return self._bell.is_ringing(self._now_s())

    @property
    def caller(self) -> str:
        """Return the number that calls in; empty if it is withheld, not told yet, or nobody calls."""
        return self._bell.caller(self._now_s())

    @property
    def is_open(self) -> bool:
        """Say whether the port is still there."""
        return not self._channel.closed.is_set()

    @property
    def traffic(self) -> tuple[tuple[float, str, str], ...]:
        """Return the newest lines said and heard, masked: (seconds, "->" or "<-", text)."""
        return tuple(self._channel.traffic)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every unsolicited line, and the PDU that came with it; return what stops that."""
        return self._channel.listen(listener)

    async def command(self, text: str, *, timeout_s: float = _COMMAND_S) -> list[str]:
        """Send a command of the allow-list and return its answer: for a technician, not for dialling.

        Raises ForbiddenCommandError, LocalProtocolError, CommandError, CommandTimeoutError, PortClosedError.
        """
        if _PLACES_CALL.match(text):
            raise ForbiddenCommandError("ATD", "calls and USSD have their own doors, with their own checks")
        return await self._channel.command(text, timeout_s=timeout_s, prefix=command_name(text), is_bare=True)

    async def wait_closed(self) -> None:
        """Return once the port is gone or the modem restarted: close it and open it anew."""
        await self._channel.closed.wait()

    async def refresh(self) -> None:
        """Ask for signal, SIM, registration, operator and own number; during a call, for the signal at most.

        Raises PortClosedError, CommandTimeoutError.
        CommandTimeoutError means that the modem is deaf, not that one question was too hard for it.
        """
        if self._call is not None and self._call.holds_port:
            return
        if self.has_stuck_call or (self._call is not None and self._call.was_left_on):
            with suppress(CallRefusedError):
                await self._clear_line()
        await self.standing.refresh(has_call=lambda: self._has_call)

    async def dial(self, number: str) -> ModemCall:
        """Place a call and return it once the modem has accepted it.

        Raises, with nothing dialled: LocalProtocolError (not a number, or a call is on), NoSimError, SimLockedError,
        ForbiddenCommandError, CallRefusedError, AudioPathError. CommandTimeoutError and PortClosedError leave open
        whether it was dialled; what can be ended is being ended.
        """
        check_number(number)
        self._need_free_line()
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

    async def wait_ringing(self) -> str:
        """Return once somebody calls in: the caller's number, empty if it is withheld or not told yet."""
        while not self._bell.is_ringing(self._now_s()):
            self._rings.clear()
            await self._rings.wait()
        return self._bell.caller(self._now_s())

    async def answer(self) -> ModemCall:
        """Answer the call that rings and return it; its Active follows when AT+CLCC or the modem says so.

        Raises LocalProtocolError (a call is on), CallRefusedError (nobody rings any more), AudioPathError,
        CommandTimeoutError, PortClosedError.
        """
        self._need_free_line()
        if not self._bell.is_ringing(self._now_s()):
            raise CallRefusedError("nobody is calling in")
        self._is_dialling = True
        try:
            self._call = ModemCall(self._channel, self._dialect, self._now_s, is_outgoing=False)
            await self._call.take()
        finally:
            self._is_dialling = False
            self._bell.stopped()
        return self._call

    async def reject(self) -> bool:
        """Refuse the call that rings; say whether AT+CLCC shows it gone. Raises LocalProtocolError, PortClosedError."""
        self._need_free_line()
        self._bell.stopped()
        return await hang_up_all(self._channel, self._dialect, is_outgoing=False)

    async def unlock_sim(self, pin: str) -> None:
        """Type the SIM card's PIN, never with fewer than two tries left, and see that the card starts.

        Raises SimLockedError, NoSimError, LocalProtocolError, CommandTimeoutError, PortClosedError.
        """
        self.standing.sim = await self.standing.card.unlock(pin)

    async def network_time(self) -> NetworkTime | None:
        """Read the modem's clock; None if it has none, or one that nobody has set.

        Raises CommandTimeoutError, PortClosedError.
        """
        lines = await ask(self._channel, "AT+CCLK?", "+CCLK")
        return read_clock(lines, is_from_network=self._time_was_told, read_at_s=self._now_s())

    async def volte_is_on(self) -> bool | None:
        """Say whether calls go over LTE; None where the family has no switch or does not tell."""
        return await volte_is_on(self._channel, self._dialect)

    async def set_volte(self, *, is_on: bool) -> bool:
        """Switch voice over LTE on or off; say whether only a restart makes it so.

        Raises CommandError, CommandTimeoutError, PortClosedError, LocalProtocolError where there is no switch.
        """
        return await set_volte(self._channel, self._dialect, is_on=is_on)

    async def send_service_commands(self, commands: Sequence[str]) -> None:
        """Send a rung of the healing ladder; a refusal or a port that goes away with a reset is no fault.

        Raises LocalProtocolError when a call is on, CommandTimeoutError when nothing was answered.
        """
        if not self.is_idle:
            raise LocalProtocolError("a modem is treated only while it is idle")
        for command in commands:
            with suppress(CommandError, PortClosedError):
                await self._channel.execute(command, timeout_s=self._dialect.timing.slow_reply_s, insist=True)

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

    # ---- calls

    @property
    def _has_call(self) -> bool:
        return self._is_dialling or (self._call is not None and not self._call.is_over)

    def _need_free_line(self) -> None:
        if not self._dialect.carries_voice:
            raise NoVoiceError(f"a {self._dialect.name} modem carries SMS and data only")
        call = self._call
        if self._is_dialling or (call is not None and not call.is_over and not call.is_ending):
            raise LocalProtocolError("the modem carries one call at a time")

    async def _let_line_settle(self) -> None:
        call = self._call
        if call is None:
            return
        await call.finished()
        if call.ended_at_s is not None:
            await asyncio.sleep(max(0.0, call.ended_at_s + self._dialect.timing.redial_gap_s - self._now_s()))

    async def _clear_line(self) -> None:
        """See that no call is on, such as one that a crash left behind. Raises CallRefusedError."""
        try:
            await end_leftovers(self._channel, self._dialect)
        except StuckCallError:
            self.has_stuck_call = True
            raise
        self.has_stuck_call = False
        if self._call is not None and self._call.is_over:
            self._call.was_left_on = False

    def _wake_call(self) -> None:
        if self._call is not None:
            self._call.wake()

    def _take_urc(self, line: str) -> None:
        urc = read_urc(line, self._dialect.dsci)
        match urc:
            case None:
                return
            case RegistrationChanged() | SimChanged() | SimSwapped():
                self.standing.take(urc)
            case TimeTold():
                self._time_was_told = True
            case Ringing(number=number):
                self._bell.rang(self._now_s(), number)
                self._ring()
            case Restarted():
                self._channel.abort("the modem restarted")
            case _:
                if (
                    isinstance(urc, CallListed)
                    and not urc.call.is_outgoing
                    and self._bell.told(urc.call.state, self._now_s())
                ):
                    self._ring()
                if self._call is not None:
                    self._call.urc(urc, line)
                else:
                    log.debug("urc_outside_call", port=self._channel.name, line=mask_numbers(line))

    def _ring(self) -> None:
        self._rings.set()
        self.on_ringing()
