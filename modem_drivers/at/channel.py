"""One AT port: one command in flight, URCs passed on wherever they fall, back in step after every mishap."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Self, TypeAlias, assert_never

import structlog

from modem_drivers.at.allow_list import check_pdu
from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.exchange import InFlight, Order, Reply
from modem_drivers.at.pdu_lines import PDU_ANSWERS, PDU_URCS, belongs
from modem_drivers.at.tokenizer import AtTokenizer, Final, Line, Overlong, Prompt, Token
from modem_drivers.at.urcs import looks_like_urc
from modem_drivers.errors import (
    CommandError,
    CommandTimeoutError,
    LocalProtocolError,
    PortClosedError,
    PromptTimeoutError,
    RemoteProtocolError,
)
from modem_drivers.masking import mask_line, mask_numbers

MAX_RESPONSE_LINES = 600
"""The longest answer there is: AT+CMGL of a full memory, two lines for each of 255 messages."""
MAX_TRAFFIC_LINES = 400
RESYNC_TRIES = 3
RESYNC_TIMEOUT_S = 2.0
RESYNC_QUIET_S = 0.3
# Its answer carries a name no other command's does: a late OK of something else cannot be taken for its end.
RESYNC_COMMAND, RESYNC_MARK = "AT+CMEE?", "+CMEE"
PROMPT_TIMEOUT_S = 10.0
# Cancels a prompt that another program left open; anywhere else modems skip it.
_ESCAPE = b"\x1b"
_SUBMIT_TEXT = b"\x1a"
_REPAIR = "ATQ0V1E0"

log = structlog.get_logger(__name__)

Listener: TypeAlias = Callable[[str, str], None]
"""Takes an unsolicited line, and the PDU that came with it or an empty string."""


class AtChannel:
    """Sole owner of one AT port; entering starts reading, leaving closes the port."""

    def __init__(
        self,
        port: BytePort,
        *,
        on_urc: Callable[[str], None],
        on_closed: Callable[[], None],
        now_s: Callable[[], float],
    ) -> None:
        self.name = port.name
        self.closed = asyncio.Event()
        """Set once the port is gone, whoever noticed."""
        self.traffic: deque[tuple[float, str, str]] = deque(maxlen=MAX_TRAFFIC_LINES)
        """The newest lines as (seconds, "->" or "<-", masked text), for a diagnosis."""
        self.n_overlong = 0
        """Lines too long for any modem's: something else than AT comes out of this port."""
        self._port = port
        self._on_urc = on_urc
        self._listeners: list[Listener] = []
        self._tokenizer = AtTokenizer()
        self._awaits_pdu = ""
        self._on_closed = on_closed
        self._now_s = now_s
        self._turn = asyncio.Lock()
        self._in_flight: InFlight | None = None
        self._passed_by: InFlight | None = None
        self._is_in_step = False  # until probed: the port may still hold somebody else's answers
        self._prompt_may_be_open = False
        self._reading: asyncio.Task[None] | None = None
        self._closed_because = ""

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start(self) -> None:
        """Start reading the port."""
        self._reading = asyncio.create_task(self._read(), name=f"at-read:{self.name}")

    async def close(self) -> None:
        """Close the port and fail what is still asked for. Idempotent."""
        self._port.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
            if not self._reading.cancelled() and (error := self._reading.exception()) is not None:
                log.error("at_reader_failed", port=self.name, error=repr(error))
        self._close("closed by us")

    def abort(self, reason: str) -> None:
        """Give the port up: every command, now and later, raises PortClosedError with `reason`."""
        self._port.close()
        self._close(reason)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every unsolicited line from now on; return what stops that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def command(
        self, text: str, *, timeout_s: float, prefix: str = "", is_bare: bool = False
    ) -> list[str]:
        """Return the information response: lines named `prefix`, or with `is_bare` all that are no URC.

        Raises CommandError, CommandTimeoutError, PortClosedError, ForbiddenCommandError, LocalProtocolError.
        """
        reply = await self.execute(text, timeout_s=timeout_s, prefix=prefix, is_bare=is_bare)
        return reply.lines

    async def execute(
        self,
        text: str,
        *,
        timeout_s: float,
        prefix: str = "",
        is_bare: bool = False,
        also_final: frozenset[str] = frozenset(),
        insist: bool = False,
    ) -> Reply:
        """Send one command and return how it ended; `also_final` are further lines that end it (NO CARRIER).

        With `insist` it is sent even to a modem that has stopped answering. Raises the same as `command`.
        """
        async with self._turn:
            if not self._is_in_step:
                with suppress(CommandTimeoutError) if insist else nullcontext():
                    await self._get_in_step(1 if insist else RESYNC_TRIES)
            return await self._exchange(
                Order(text=text, timeout_s=timeout_s, prefix=prefix, is_bare=is_bare, also_final=also_final)
            )

    async def enter_pin(self, pin: str, *, timeout_s: float) -> None:
        """Type the SIM card's PIN; for `unlock` alone, which knows how many tries are left.

        Raises CommandError, CommandTimeoutError, PortClosedError, LocalProtocolError.
        """
        async with self._turn:
            if not self._is_in_step:
                await self._get_in_step(RESYNC_TRIES)
            await self._exchange(Order(text=f'AT+CPIN="{pin}"', timeout_s=timeout_s, is_pin=True))

    async def send_off(
        self, text: str, *, refused_within_s: float, also_final: frozenset[str]
    ) -> asyncio.Future[Final]:
        """Send a command whose result may come much later, with others passing it by meanwhile.

        The future is cancelled when the port closes; whoever loses interest in it cancels it. Raises CommandError
        for a refusal in time, CommandTimeoutError, PortClosedError, ForbiddenCommandError.
        """
        async with self._turn:
            if not self._is_in_step:
                await self._get_in_step(RESYNC_TRIES)
            order = Order(text=text, timeout_s=refused_within_s, also_final=also_final)
            order.check()
            self._check_open()
            masked = mask_numbers(text)
            in_flight = self._in_flight = InFlight(order, asyncio.get_running_loop().create_future())
            try:
                self._note("->", masked)
                self._write(text.encode("ascii") + b"\r")
                await asyncio.wait([in_flight.done], timeout=refused_within_s)
            except asyncio.CancelledError:
                self._is_in_step = False
                raise
            finally:
                self._in_flight = None
            if in_flight.done.done():
                final = in_flight.done.result()
                if not final.is_ok and final.text not in also_final:
                    raise CommandError(masked, final.text, final.code)
            else:
                self._passed_by = in_flight
            return in_flight.done

    async def submit(self, text: str, pdu: str, *, timeout_s: float, prefix: str) -> Reply:
        """Send a command that asks for a PDU at a `>` prompt, and the PDU; a prompt left behind is cancelled.

        Raises PromptTimeoutError and CommandError, with nothing sent, and the same as `command`.
        """
        check_pdu(text, pdu)
        async with self._turn:
            if not self._is_in_step:
                await self._get_in_step(RESYNC_TRIES)
            return await self._exchange(Order(text=text, timeout_s=timeout_s, prefix=prefix, pdu=pdu))

    async def probe(self, *, timeout_s: float, escape: bool) -> bool:
        """Say whether the far end answers AT within `timeout_s` and then keeps step. Raises PortClosedError.

        With `escape`, first undo what another program may have left: a prompt, numeric or no result codes.
        """
        async with self._turn:
            try:
                if escape:
                    self._write(_ESCAPE)
                with suppress(CommandError):  # an answer is an answer
                    await self._exchange(Order(text=_REPAIR if escape else "AT", timeout_s=timeout_s))
                # The OK may have been an older one's, still on its way when the port was opened.
                await self._get_in_step(1)
            except CommandTimeoutError:
                return False
            return True

    async def _exchange(self, order: Order) -> Reply:
        order.check()
        self._check_open()
        masked = mask_numbers(order.text)
        in_flight = self._in_flight = InFlight(order, asyncio.get_running_loop().create_future())
        try:
            self._note("->", masked)
            if order.pdu:
                self._tokenizer.expect_prompt()
            self._write(order.text.encode("ascii") + b"\r")
            if order.pdu:
                await self._answer_prompt(in_flight)
            async with asyncio.timeout(order.timeout_s):
                final = await in_flight.done
        except TimeoutError:
            if order.mark and in_flight.saw_final:
                return Reply([], "OK")  # answers, though not to AT+CMEE?; and it has been quiet since
            raise CommandTimeoutError(masked, order.timeout_s) from None
        finally:
            self._in_flight = None
            if not in_flight.done.done() or in_flight.done.cancelled():
                # A late OK would answer the next command.
                self._is_in_step = False
                if order.pdu:
                    self._cancel_prompt()
            else:
                in_flight.done.exception()  # looked at, even where the write itself raised before anybody waited
        if final.is_ok:
            return Reply(in_flight.lines, final.text)
        if final.text in order.also_final:
            self._is_in_step = False  # this command's end, or an older call's? Its own OK may still follow
            return Reply(in_flight.lines, final.text)
        raise CommandError(masked, final.text, final.code)

    async def _answer_prompt(self, in_flight: InFlight) -> None:
        """Type the PDU as soon as the modem asks for it, nothing where it refuses. Raises PromptTimeoutError."""
        order, prompted = in_flight.order, asyncio.create_task(in_flight.prompted.wait())
        try:
            waited_for = (prompted, in_flight.done)
            await asyncio.wait(waited_for, timeout=PROMPT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            prompted.cancel()
        if in_flight.done.done():
            return
        if not in_flight.prompted.is_set():
            raise PromptTimeoutError(mask_numbers(order.text), PROMPT_TIMEOUT_S)
        self._note("->", mask_line(order.pdu))
        self._write(order.pdu.encode("ascii") + _SUBMIT_TEXT)

    def _cancel_prompt(self) -> None:
        # What is typed at a prompt is text, the next commands included, until something ends it.
        self._prompt_may_be_open = True
        with suppress(PortClosedError):
            self._write(_ESCAPE)

    async def _get_in_step(self, n_tries: int) -> None:
        order = Order(text=RESYNC_COMMAND, timeout_s=RESYNC_TIMEOUT_S, prefix=RESYNC_MARK, mark=RESYNC_MARK)
        for n_try in range(n_tries):
            if self._prompt_may_be_open:  # it may have opened after it was cancelled
                self._write(_ESCAPE)
            try:
                await self._exchange(order)
            except CommandTimeoutError:
                if n_try == n_tries - 1:
                    raise
            else:
                if n_try:  # the answers to the earlier tries may be on their way: let them pass
                    await asyncio.sleep(RESYNC_QUIET_S)
                self._is_in_step = True
                self._prompt_may_be_open = False
                return

    async def _read(self) -> None:
        reason = "reading stopped"
        try:
            while True:
                for token in self._tokenizer.feed(await self._port.read()):
                    self._take(token)
        except PortClosedError as error:
            reason = error.reason
        finally:
            self._close(reason)

    def _take(self, token: Token) -> None:
        match token:
            case Final():
                self._note("<-", token.text)
                self._take_final(token)
            case Line(text=text):
                self._note("<-", mask_line(text))
                self._take_line(text)
            case Prompt():
                self._note("<-", ">")
                if self._in_flight is not None:
                    self._in_flight.prompted.set()
            case Overlong():
                self.n_overlong += 1
                if self.n_overlong == 1:
                    log.warning("not_at_traffic", port=self.name, n_bytes=token.n_bytes)
            case _:
                assert_never(token)

    def _take_final(self, final: Final) -> None:
        in_flight = self._in_flight
        if in_flight is None and self._passed_by is not None and not self._passed_by.done.done():
            self._passed_by.done.set_result(final)
            return
        if in_flight is None or in_flight.done.done():
            return  # of a command nobody waits for any more
        in_flight.saw_final = True
        if not in_flight.order.mark or in_flight.is_marked:
            in_flight.done.set_result(final)

    def _take_line(self, text: str) -> None:
        passed_by = self._passed_by
        if passed_by is not None and text in passed_by.order.also_final and not passed_by.done.done():
            passed_by.done.set_result(Final(text))
        in_flight = self._in_flight
        if self._awaits_pdu and belongs(self._awaits_pdu, text):
            self._take_pdu(text)
            return
        if in_flight is None or in_flight.done.done():
            self._tell(text)
            return
        order = in_flight.order
        name = text.partition(":")[0]
        if text in {order.text, order.pdu}:
            return  # echo
        if text in order.also_final:
            self._tell(text)
            in_flight.done.set_result(Final(text))
        elif (order.prefix and name == order.prefix) or (
            order.is_bare and not looks_like_urc(text, order.text)
        ):
            in_flight.is_marked = in_flight.is_marked or name == order.mark
            in_flight.lines.append(text)
            self._awaits_pdu = text if name in PDU_ANSWERS else self._awaits_pdu
            if len(in_flight.lines) > MAX_RESPONSE_LINES:
                self._is_in_step = False
                in_flight.done.set_exception(
                    RemoteProtocolError(f"{mask_numbers(order.text)}: the answer does not end")
                )
        else:
            self._tell(text)

    def _take_pdu(self, pdu: str) -> None:
        header, self._awaits_pdu = self._awaits_pdu, ""
        in_flight = self._in_flight
        if header.partition(":")[0] in PDU_URCS:
            self._tell(header, pdu)
        elif in_flight is not None and header in in_flight.lines:
            in_flight.lines.append(pdu)

    def _tell(self, line: str, pdu: str = "") -> None:
        if not pdu and line.partition(":")[0] in PDU_URCS:
            self._awaits_pdu = line
            return
        self._on_urc(line)
        for listener in tuple(self._listeners):
            listener(line, pdu)

    def _write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except PortClosedError as error:
            self._close(error.reason)
            raise

    def _check_open(self) -> None:
        if self._reading is None:
            raise LocalProtocolError(f"{self.name}: enter the channel before sending")
        if self.closed.is_set():
            raise PortClosedError(self.name, self._closed_because)

    def _close(self, reason: str) -> None:
        if self.closed.is_set():
            return
        self._closed_because = reason
        self.closed.set()
        self._on_closed()
        if self._passed_by is not None:
            self._passed_by.done.cancel()
        if self._in_flight is not None and not self._in_flight.done.done():
            self._in_flight.done.set_exception(PortClosedError(self.name, reason))

    def _note(self, direction: str, masked: str) -> None:
        self.traffic.append((self._now_s(), direction, masked))
