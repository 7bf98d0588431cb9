"""Questions to the operator, such as the balance (3GPP TS 27.007 §7.15 +CUSD)."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import structlog

from modem_drivers.at.allow_list import check_ussd
from modem_drivers.at.channel import AtChannel
from modem_drivers.errors import (
    CommandError,
    CommandTimeoutError,
    LocalProtocolError,
    RemoteProtocolError,
    UssdError,
    UssdTimeoutError,
)
from modem_drivers.pdu.ussd_text import decode_ussd, encode_packed

ANSWER_TIMEOUT_S = 60.0
REPLY_S = 30.0
MAX_ANSWER_LINES = 16
_DEFAULT_ALPHABET = 15
# A bare ERROR, not allowed, not supported, wrong parameter, unknown: the string may be what is wrong.
_MAY_MEAN_PACKED = frozenset({None, 3, 4, 50, 100})
_NAME = "+CUSD:"
_WHOLE = re.compile(r'\+CUSD: ?([0-9])(?:, ?(?:"(.*)"|([^",]*))(?:, ?([0-9]{0,3}))?)?\s*', re.DOTALL)
_OPEN = re.compile(r'\+CUSD: ?([0-9]), ?"(.*)', re.DOTALL)

log = structlog.get_logger(__name__)


class UssdState(StrEnum):
    """What follows an answer: the `<m>` of +CUSD."""

    FINISHED = "finished"
    REPLY_WANTED = "reply_wanted"
    """A menu: `reply` picks from it, `cancel` leaves it."""
    ENDED_BY_NETWORK = "ended_by_network"
    OTHER_CLIENT = "other_client"
    NOT_SUPPORTED = "not_supported"
    NETWORK_TIMEOUT = "network_timeout"


_STATES = tuple(UssdState)


@dataclass(frozen=True, slots=True, kw_only=True)
class UssdAnswer:
    """What the operator said."""

    state: UssdState
    text: str
    raw: str
    """The string as the modem gave it."""
    coding: int | None


class Ussd:
    """The USSD capability of one modem."""

    def __init__(self, channel: AtChannel, *, is_busy: Callable[[], bool] = lambda: False) -> None:
        self._channel = channel
        self._is_packed = False
        """The modem takes and gives its strings packed, in hexadecimal (old Huawei sticks): found out by trying."""
        self._is_busy = is_busy
        self._is_ucs2 = False
        self._is_set_up = False
        self._turn = asyncio.Lock()
        self._waiting: asyncio.Future[UssdAnswer] | None = None
        self._lines: list[str] = []
        channel.listen(self._take)

    async def ask(self, code: str, *, timeout_s: float = ANSWER_TIMEOUT_S) -> UssdAnswer:
        """Send a code such as ``*100#`` and return the answer.

        Raises, with nothing sent, LocalProtocolError (no code, or a call is on), ForbiddenCommandError (it would
        change a service); and UssdError (refused), UssdTimeoutError, CommandTimeoutError, PortClosedError.
        """
        check_ussd(code)
        if self._is_busy():
            raise LocalProtocolError("a call is on: ask the operator afterwards")
        async with self._turn:
            await self._set_up()
            self._lines.clear()
            waiting = self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._send(code)
                async with asyncio.timeout(timeout_s):
                    return await self._answer(waiting)
            except TimeoutError:
                if self._lines:  # the end of it was lost
                    return self._read(_OPEN, "\n".join(self._lines))
                await self.cancel()
                raise UssdTimeoutError(timeout_s) from None
            finally:
                self._waiting = None
                self._lines.clear()

    async def reply(self, digits: str, *, timeout_s: float = ANSWER_TIMEOUT_S) -> UssdAnswer:
        """Pick from the menu that the last answer gave. Raises the same as `ask`."""
        return await self.ask(digits, timeout_s=timeout_s)

    async def cancel(self) -> None:
        """Leave a menu; a refusal means that there was none. Raises PortClosedError."""
        with suppress(CommandError, CommandTimeoutError, RemoteProtocolError):
            await self._channel.command("AT+CUSD=2", timeout_s=REPLY_S)

    async def _answer(self, waiting: asyncio.Future[UssdAnswer]) -> UssdAnswer:
        closed = asyncio.create_task(self._channel.closed.wait())
        try:
            await asyncio.wait((waiting, closed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            closed.cancel()
        if not waiting.done():
            await self._channel.command("AT", timeout_s=REPLY_S)  # raises what closed it
        return waiting.result()

    async def _set_up(self) -> None:
        if self._is_set_up:
            return
        for charset in ("GSM", "IRA"):
            try:
                await self._channel.command(f'AT+CSCS="{charset}"', timeout_s=REPLY_S)
                break
            except CommandError:
                continue
        else:
            with suppress(CommandError):
                lines = await self._channel.command("AT+CSCS?", timeout_s=REPLY_S, prefix="+CSCS")
                self._is_ucs2 = any("UCS2" in line for line in lines)
        self._is_set_up = True

    async def _send(self, code: str) -> None:
        try:
            await self._start(encode_packed(code) if self._is_packed else code)
        except CommandError as refused:
            if self._is_packed or refused.code not in _MAY_MEAN_PACKED:
                raise UssdError(refused.result, refused.code) from refused
            try:
                await self._start(encode_packed(code))
            except CommandError:
                raise UssdError(refused.result, refused.code) from refused
            self._is_packed = True

    async def _start(self, string: str) -> None:
        await self._channel.command(f'AT+CUSD=1,"{string}",{_DEFAULT_ALPHABET}', timeout_s=REPLY_S)

    def _take(self, line: str, _: str) -> None:
        if self._waiting is None or self._waiting.done():
            return
        if line.startswith(_NAME):
            self._lines = [line]
        elif self._lines:
            self._lines.append(line)
        else:
            return
        joined = "\n".join(self._lines)
        is_whole = _WHOLE.fullmatch(joined) is not None
        if is_whole or len(self._lines) >= MAX_ANSWER_LINES or not _OPEN.fullmatch(joined):
            self._lines.clear()
            self._waiting.set_result(self._read(_WHOLE if is_whole else _OPEN, joined))

    def _read(self, pattern: re.Pattern[str], joined: str) -> UssdAnswer:
        match = pattern.fullmatch(joined)
        if match is None:
            return UssdAnswer(state=UssdState.FINISHED, text="", raw=joined, coding=None)
        groups = match.groups("")
        state = _STATES[int(groups[0])] if int(groups[0]) < len(_STATES) else UssdState.FINISHED
        raw = groups[1] or (groups[2] if pattern is _WHOLE else "")
        coding = int(groups[3]) if pattern is _WHOLE and groups[3] else None
        text = decode_ussd(raw, coding, is_packed=self._is_packed, is_ucs2=self._is_ucs2)
        return UssdAnswer(state=state, text=text, raw=raw, coding=coding)
