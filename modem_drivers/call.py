"""One call on a modem: follows it to its end, whatever the modem forgets to say."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from enum import StrEnum
from typing import assert_never

import structlog

from modem_drivers.at.allow_list import check_digits
from modem_drivers.at.causes import ToldCause, read_ceer
from modem_drivers.at.channel import AtChannel
from modem_drivers.at.responses import ListedCall, read_call_list, read_clcc
from modem_drivers.at.urcs import AudioFlow, CallListed, Urc
from modem_drivers.audio_path import AudioPath
from modem_drivers.dialect import Dialect
from modem_drivers.dialling import ALSO_FINAL, Dialling, LateResult
from modem_drivers.errors import (
    CallRefusedError,
    CommandError,
    CommandTimeoutError,
    LocalProtocolError,
    ModemError,
    PortClosedError,
    RemoteProtocolError,
)
from modem_drivers.events import Alerting, CallProgress, CallState, Dtmf, Released
from modem_drivers.hang_up import hang_up_all, send_hang_up
from modem_drivers.voice import CallTracker

MAX_UNREAD_EVENTS = 128
HOLD_TRIES = 5
HOLD_CHECK_S = 0.5

_NOT_ANSWERED = (CommandError, CommandTimeoutError, RemoteProtocolError)

log = structlog.get_logger(__name__)


class _End(StrEnum):
    TOLD = "told"
    LOST = "lost"
    """No longer listed, though nothing told of the end."""
    BY_US = "by_us"
    MODEM_FAILED = "modem_failed"


class ModemCall:
    """A call of the modem's. Made by `Modem.dial` and `Modem.answer`, over when `events` has given Released."""

    def __init__(
        self, channel: AtChannel, dialect: Dialect, now_s: Callable[[], float], *, is_outgoing: bool = True
    ) -> None:
        self._channel = channel
        self._dialect = dialect
        self._timing = dialect.timing
        self._now_s = now_s
        self._tracker = CallTracker(listed_within_s=dialect.timing.listed_within_s, is_outgoing=is_outgoing)
        self._audio = AudioPath(channel, dialect, now_s, lambda: self.is_over)
        self._dialling = Dialling(channel, dialect)
        self._ok_is_answer = not is_outgoing
        self._events: asyncio.Queue[CallProgress] = asyncio.Queue()
        self._is_told = False
        self._wake = asyncio.Event()
        self._over = asyncio.Event()
        self._end_wanted = False
        self.ended_at_s: float | None = None
        """When Released was reported; None before, and for a call that was never placed."""
        self.was_left_on = False
        """It was given up without any sign that the modem has ended it: look before the next one."""
        self._watching: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """Say whether Released has been reported or the call was never placed."""
        return self._over.is_set()

    @property
    def is_ending(self) -> bool:
        """Say whether it is being hung up, so that the line will be free soon."""
        return self._end_wanted

    @property
    def state(self) -> CallState:
        """Return the state as last told, in +CLCC's terms."""
        return CallState.RELEASED if self.is_over else self._tracker.state

    @property
    def holds_port(self) -> bool:
        """Say whether any command now would give the call up, because ATD is still unanswered."""
        return self._dialling.holds_port

    @property
    def audio_tries(self) -> int:
        """Return how often the audio path was asked for; more than once is a sign of a modem going bad."""
        return self._audio.tries

    @property
    def audio_is_paused(self) -> bool:
        """Say whether the modem asks for a pause in what is written to its PCM port."""
        return self._audio.is_paused

    async def events(self) -> AsyncIterator[CallProgress]:
        """Yield the call's progress to one reader; Released is always the last, and always comes."""
        while not self._is_told:
            event = await self._events.get()
            self._is_told = isinstance(event, Released)
            yield event

    async def open_audio(self) -> None:
        """Open the modem's audio path once the call is answered. Raises AudioPathError, PortClosedError.

        Does nothing where it was opened before dialling.
        """
        await self._audio.open()

    async def close_audio(self) -> None:
        """Close the audio path if it is open; a refusal is no fault. Raises PortClosedError. Idempotent."""
        await self._audio.close()

    async def send_dtmf(self, digits: str) -> None:
        """Send `digits` one after the other. Raises LocalProtocolError, CommandError, PortClosedError."""
        check_digits(digits)
        for digit in digits:
            if self.is_over:
                raise LocalProtocolError("the call is over: no digits can be sent")
            command = self._dialect.dtmf.send.format(digit=digit, index=self._tracker.index or 1)
            await self._channel.command(command, timeout_s=self._timing.reply_s)
            await asyncio.sleep(self._timing.dtmf_gap_s)

    async def hold(self) -> None:
        """Put the answered call on hold. Raises LocalProtocolError, CommandError, PortClosedError."""
        await self._toggle_hold(CallState.ACTIVE, CallState.HELD)

    async def resume(self) -> None:
        """Take the held call back. Raises LocalProtocolError, CommandError, PortClosedError."""
        await self._toggle_hold(CallState.HELD, CallState.ACTIVE)

    async def hang_up(self) -> None:
        """End the call and return once AT+CLCC shows it over. Idempotent; Released tells how it went."""
        if not self.is_over:
            self._want_end()
            await self._over.wait()  # bounded: the watcher's every wait is

    # ---- the modem's side

    async def place(self, number: str) -> None:
        """Dial; for `Modem` only. Raises as `Modem.dial` says."""
        try:
            await self._audio.arm()
            await self._dialling.start(f"ATD{number};")
        except CommandError as error:
            await self._never_placed()
            raise CallRefusedError(error.result, error.code) from error
        except (CommandTimeoutError, RemoteProtocolError, asyncio.CancelledError):
            self._want_end()  # the callee's telephone may ring by now
            self._watch_in_background()
            raise
        except ModemError:
            self._over.set()
            raise
        log.debug("dial_accepted", port=self._channel.name)
        self._tell(self._tracker.accepted(self._now_s()))
        self._watch_in_background()

    async def take(self) -> None:
        """Answer the call that rings; for `Modem` only. Raises as `Modem.answer` says."""
        try:
            await self._audio.arm()
            await self._channel.execute("ATA", timeout_s=self._timing.dial_s, also_final=ALSO_FINAL)
        except CommandError as error:
            await self._never_placed()
            raise CallRefusedError(error.result, error.code) from error
        except (CommandTimeoutError, RemoteProtocolError, asyncio.CancelledError):
            self._want_end()
            self._watch_in_background()
            raise
        except ModemError:
            self._over.set()
            raise
        self._wake.set()  # AT+CLCC, not OK, says whether there is still somebody to talk to
        self._watch_in_background()

    def urc(self, urc: Urc, line: str) -> None:
        """Take a URC; for `Modem` only."""
        if self.is_over:
            return
        if isinstance(urc, AudioFlow):
            self._audio.is_paused = urc.is_paused
            return
        self._tell(self._tracker.urc(urc, line, self._now_s()))
        if self._tracker.shows_end:
            self._wake.set()

    def wake(self) -> None:
        """Look at once rather than at the next poll; for `Modem` only."""
        self._wake.set()

    async def finished(self) -> None:
        """Wait until nothing of this call is left to do; for `Modem` only."""
        if self._watching is not None:
            await asyncio.wait([self._watching])

    async def abandon(self) -> None:
        """Stop following the call without hanging up; for `Modem` only, on its way out."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])

    def _want_end(self) -> None:
        self._tracker.ask_end()
        self._end_wanted = True
        self._wake.set()

    def _tell(self, events: list[CallProgress]) -> None:
        for event in events:
            if isinstance(event, Dtmf) and self._events.qsize() >= MAX_UNREAD_EVENTS:
                continue  # nobody reads: what stays bounded is a flood of keys, progress is a handful
            if isinstance(event, Alerting) and self._dialect.audio.opens_while_alerting:
                self._wake.set()
            self._events.put_nowait(event)

    def _watch_in_background(self) -> None:
        self._watching = asyncio.create_task(self._watch(), name=f"call:{self._channel.name}")

    async def _watch(self) -> None:
        end = _End.MODEM_FAILED
        told: ToldCause | None = None
        try:
            end = await self._follow()
            if end in {_End.TOLD, _End.LOST} and self._tracker.told is None:
                told = await self._ask_cause()
            if end is _End.LOST:  # such calls have been known to go on ringing
                with suppress(CommandTimeoutError):
                    await send_hang_up(self._channel, self._dialect, self._dialect.hang_up[0])
        except PortClosedError:
            end = _End.MODEM_FAILED
        finally:
            self._dialling.give_up()
            self.was_left_on = end is _End.MODEM_FAILED
            released = self._tracker.released(told, self._now_s(), modem_failed=end is _End.MODEM_FAILED)
            self._events.put_nowait(released)
            self.ended_at_s = released.at_s
            self._over.set()
            log.info("call_released", port=self._channel.name, kind=released.kind, q850=released.q850)
        with suppress(PortClosedError):
            await self.close_audio()

    async def _follow(self) -> "_End":
        """Return once the call is over."""
        await self._dialling.leave_port_alone(self._wake, lambda: self._end_wanted or self._tracker.shows_end)
        heard_at_s = self._now_s()
        while True:
            await self._pause()
            self._take_late_result()
            if self._tracker.shows_end:
                # NO CARRIER and VOICE CALL: END come in either order
                await asyncio.sleep(self._timing.settle_s)
            elif self._end_wanted:
                is_gone = await self._hang_up_all()
                return _End.BY_US if is_gone else _End.MODEM_FAILED
            try:
                calls = await self._list_calls()
            except CommandError:  # lists no calls, but lives: what it says unasked is all there is
                heard_at_s = self._now_s()
                if self._ok_is_answer:
                    self._tell(self._tracker.answered(heard_at_s))
                if self._tracker.shows_end:
                    return _End.TOLD
                continue
            except (CommandTimeoutError, RemoteProtocolError):
                if self._now_s() - heard_at_s >= self._timing.silent_after_s:
                    await self._hang_up_all()
                    return _End.MODEM_FAILED
                continue
            heard_at_s = self._now_s()
            if self._tracker.shows_end:
                if not any(call.is_outgoing is self._tracker.is_outgoing for call in calls):
                    return _End.TOLD
                self._tracker.retract_end()
            self._tell(self._tracker.call_list(calls, heard_at_s))
            if self._tracker.is_missing:
                return _End.LOST
            if self._tracker.state is CallState.ALERTING:
                await self._audio.hear_early()

    def _take_late_result(self) -> None:
        result, words = self._dialling.late_result()
        if words:
            self._tracker.keep(words)
        match result:
            case LateResult.NOTHING:
                pass
            case LateResult.ANSWERED:  # so says OK; AT+CLCC has the last word where it has one
                self._ok_is_answer = True
            case LateResult.REFUSED_BY_CALLEE | LateResult.FAILED:
                self._tracker.refused(by_callee=result is LateResult.REFUSED_BY_CALLEE)
            case LateResult.SILENT:
                self._want_end()
            case _:
                assert_never(result)

    async def _hang_up_all(self) -> bool:
        return await hang_up_all(self._channel, self._dialect, is_outgoing=self._tracker.is_outgoing)

    async def _toggle_hold(self, now: CallState, then: CallState) -> None:
        command = self._dialect.hold
        if not command:
            raise LocalProtocolError(f"a {self._dialect.name} modem offers no hold")
        if self.is_over or self._tracker.state is not now:
            raise LocalProtocolError(f"the call is {self.state}, not {now}")
        await self._channel.command(command, timeout_s=self._timing.slow_reply_s)
        for _ in range(HOLD_TRIES):
            self._tell(self._tracker.call_list(await self._list_calls(), self._now_s()))
            if self._tracker.state is then or self.is_over:
                return
            await asyncio.sleep(HOLD_CHECK_S)
        raise RemoteProtocolError(f"{command} was accepted, but the call stays {self.state}")

    async def _pause(self) -> None:
        """Wait for the next poll or for something that cannot wait."""
        if self._end_wanted or self._tracker.shows_end:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timing.poll_s):
                await self._wake.wait()
        self._wake.clear()

    async def _list_calls(self) -> list[ListedCall]:
        lines = await self._channel.command("AT+CLCC", timeout_s=self._timing.reply_s, prefix="+CLCC")
        for line in lines:
            # A URC that fell into the answer looks like a part of it; only the end must not be missed.
            if (call := read_clcc(line)) is not None and call.state is CallState.RELEASED:
                self.urc(CallListed(call), line)
        return read_call_list(lines)

    async def _ask_cause(self) -> ToldCause | None:
        try:
            lines = await self._channel.command("AT+CEER", timeout_s=self._timing.reply_s, prefix="+CEER")
        except _NOT_ANSWERED:
            return None
        for line in lines:
            self._tracker.keep(line)
        return read_ceer(lines, number_trust=self._dialect.ceer_number_trust)

    async def _never_placed(self) -> None:
        self._over.set()
        await self.close_audio()
