"""Short messages of one modem, always in PDU mode (3GPP TS 27.005): sent whole, received whole, memories kept empty."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from modem_drivers.at.allow_list import check_number
from modem_drivers.at.channel import AtChannel
from modem_drivers.at.values import split_line, to_int
from modem_drivers.errors import (
    CommandError,
    CommandTimeoutError,
    LocalProtocolError,
    PortClosedError,
    PromptTimeoutError,
    RemoteProtocolError,
    SmsNotSentError,
    SmsUncertainError,
)
from modem_drivers.pdu.alphabet import Alphabet
from modem_drivers.pdu.deliver import Deliver
from modem_drivers.pdu.reassembly import Reassembly, WholeMessage
from modem_drivers.pdu.status_report import StatusReport
from modem_drivers.pdu.submit import SubmitPdu, encode_message
from modem_drivers.pdu.user_data import UserData
from modem_drivers.sms_store import (
    Place,
    SmsEvent,
    SmsReceived,
    SmsReported,
    SmsUnreadable,
    StoredPdu,
    decode_received,
    read_capacity,
    read_list,
    read_memory,
)

REPLY_S = 10.0
LIST_S = 40.0
SEND_S = 120.0
"""AT+CMGS to its result: usually 2 to 5 s, the manuals' worst 120."""
POLL_S = 60.0
"""Between two looks into the memories without news: +CMTI is lost as any URC is."""
CALL_WAIT_S = 2.0
MAX_PARTS = 10
MAX_UNREAD = 256
_BUSY_WAITS_S = (0.5, 1.0, 2.0)
_BUSY_CODES = frozenset({314, 14, 515})  # SIM busy; initialisation in progress
_FULL_CODES = frozenset({20, 23, 322})
_MEMORIES = ("ME", "SM")
_ONLY_MEMORY = ""
"""Of a modem that lets none be chosen."""
# Messages to the memory and told by +CMTI; reports shown at once, or stored, or not at all.
_TELL = (
    "AT+CNMI=2,1,0,1,0",
    "AT+CNMI=1,1,0,1,0",
    "AT+CNMI=2,1,0,2,0",
    "AT+CNMI=2,1,0,0,0",
    "AT+CNMI=1,1,0,0,0",
)
_FULL_LINES = ("^SMMEMFULL", "*SMSFULL", "+SMSFULL", '+QIND: "smsfull"', '+CIEV: "SMSFULL"', "+CIEV: SMSFULL")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message the network took."""

    references: tuple[int, ...]
    """One a part; status reports name them. 0 to 255, and used again after 256 messages."""


class Sms:
    """The SMS capability of one modem. `incoming` is for one reader; nothing is read unless somebody does."""

    def __init__(
        self,
        channel: AtChannel,
        *,
        now_s: Callable[[], float],
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._channel = channel
        self._now_s = now_s
        self._is_busy = is_busy
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self._memories: tuple[str, ...] = ()
        self._shown: deque[str] = deque(maxlen=MAX_UNREAD)
        """PDUs that the modem showed instead of storing."""
        self._rescued: deque[SmsEvent] = deque(maxlen=MAX_UNREAD)
        """Taken out of a full memory before anybody asked for them."""
        self._handed_over: dict[Place, str] = {}
        """Given to the reader and not deleted yet, or refused to be: not given again while it is the same PDU."""
        self._reassembly: Reassembly[Place | None] = Reassembly()
        self._reference = secrets.randbelow(256)
        channel.listen(self._take)

    async def send(self, number: str, text: str, *, wants_report: bool = False) -> SentMessage:
        """Send a text of at most ten parts and return once the network has taken all of them.

        Raises, with nothing sent, LocalProtocolError (no number, too long, a call is on) and ForbiddenCommandError;
        SmsNotSentError (refused: may be tried again), SmsUncertainError (must not be repeated blindly);
        CommandTimeoutError and PortClosedError for a modem that failed before anything was sent.
        """
        check_number(number)
        if self._is_busy():
            raise LocalProtocolError("a call is on: send the message afterwards")
        self._reference = (self._reference + 1) % 256
        pdus = encode_message(number, text, reference=self._reference, wants_report=wants_report)
        if len(pdus) > MAX_PARTS:
            raise LocalProtocolError(f"the text needs {len(pdus)} messages, more than {MAX_PARTS}")
        references: list[int] = []
        async with self._turn:
            await self._set_up(tuple(references))
            if len(pdus) > 1:  # keeps the radio link between parts; many modems do without
                await self._try("AT+CMMS=1")
            for pdu in pdus:
                references.append(await self._send_part(pdu, tuple(references)))
        log.info("sms_sent", port=self._channel.name, n_parts=len(pdus))
        return SentMessage(references=tuple(references))

    async def incoming(self) -> AsyncIterator[SmsEvent]:
        """Yield messages and reports as they come, for ever; what is stored is deleted once the next is asked for.

        After a crash a message may so come twice, but none is lost. Raises PortClosedError, CommandTimeoutError.
        """
        while True:
            self._news.clear()
            # Nothing slow may stand between a call and its hang-up.
            if not self._is_busy() or self._channel.closed.is_set():
                for event, places in await self._collect():
                    yield event
                    async with self._turn:
                        await self._delete(places)
            await self._wait()

    async def read_all(self) -> list[SmsEvent]:
        """Return what is there now, and delete it. Parts that wait for others stay where they are.

        Raises PortClosedError, CommandTimeoutError.
        """
        found = await self._collect()
        async with self._turn:
            for _, places in found:
                await self._delete(places)
        return [event for event, _ in found]

    # ---- sending

    async def _send_part(self, pdu: SubmitPdu, before: tuple[int, ...]) -> int:
        waits_s = iter(_BUSY_WAITS_S)
        has_made_room = False
        while True:
            try:
                return await self._submit(pdu)
            except CommandError as error:
                if error.code in _FULL_CODES and not has_made_room:
                    has_made_room = True
                    await self._make_room()
                elif error.code in _BUSY_CODES and (wait_s := next(waits_s, None)) is not None:
                    await asyncio.sleep(wait_s)
                else:
                    raise SmsNotSentError(
                        f"not sent: modem answered {error.result}", before, error.code
                    ) from error
            except PromptTimeoutError as error:
                raise SmsNotSentError(f"not sent: {error}", before) from error
            except (CommandTimeoutError, PortClosedError, RemoteProtocolError) as error:
                raise SmsUncertainError(f"perhaps sent: {error}", before) from error

    async def _submit(self, pdu: SubmitPdu) -> int:
        reply = await self._channel.submit(
            f"AT+CMGS={pdu.n_tpdu_octets}", pdu.hex, timeout_s=SEND_S, prefix="+CMGS"
        )
        for line in reply.lines:
            _, values = split_line(line)
            if (reference := to_int(values, 0)) is not None and 0 <= reference < 256:
                return reference
        raise RemoteProtocolError("sent, but the modem told no reference")

    async def _make_room(self) -> None:
        """Empty the memories into our own: some modems send nothing while theirs is full."""
        log.warning("sms_memory_full", port=self._channel.name)
        for event, places in await self._sweep():
            self._rescued.append(event)
            await self._delete(places)
        await self._delete([place for place in self._reassembly.release_tokens() if place is not None])
        self._news.set()

    # ---- receiving

    async def _wait(self) -> None:
        """Return when there is news, the port is gone, or it is time to look without."""
        waits = [
            asyncio.create_task(self._news.wait()),
            asyncio.create_task(self._channel.closed.wait()),
        ]
        try:
            timeout_s = CALL_WAIT_S if self._is_busy() else POLL_S
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _take(self, line: str, pdu: str) -> None:
        if pdu:
            if not line.startswith("+CBM"):  # weather and advertisements
                self._shown.append(pdu)
                self._news.set()
        elif read_memory(line) is not None or line.startswith(_FULL_LINES):
            self._news.set()

    async def _collect(self) -> list[tuple[SmsEvent, list[Place]]]:
        async with self._turn:
            await self._set_up(())
            found = await self._sweep()
            await self._relieve()
            rescued: list[tuple[SmsEvent, list[Place]]] = [(event, []) for event in self._rescued]
            self._rescued.clear()
            return rescued + found

    async def _sweep(self) -> list[tuple[SmsEvent, list[Place]]]:
        """Return everything that is whole, and where it is stored."""
        found: list[tuple[SmsEvent, list[Place]]] = []
        while self._shown:
            found += self._read(self._shown.popleft(), None)
        listed: dict[Place, str] = {}
        for memory in self._memories:
            for stored in await self._list(memory):
                if self._handed_over.get(stored.place) == stored.pdu:
                    await self._delete([stored.place])
                    continue
                listed[stored.place] = stored.pdu
                found += self._read(stored.pdu, stored.place)
        found += [_received(whole) for whole in self._reassembly.give_up_old(self._now_s())]
        for event, places in found:
            self._handed_over |= {place: listed[place] for place in places if place in listed}
            log.info("sms_received", port=self._channel.name, kind=type(event).__name__)
        return found

    async def _list(self, memory: str) -> list[StoredPdu]:
        if not await self._select(memory):
            return []
        try:
            lines = await self._channel.command("AT+CMGL=4", timeout_s=LIST_S, prefix="+CMGL")
        except (CommandError, RemoteProtocolError) as error:  # some answer ERROR for an empty memory
            log.debug("sms_list_refused", port=self._channel.name, error=str(error))
            return []
        return read_list(lines, memory)

    def _read(self, pdu: str, place: Place | None) -> list[tuple[SmsEvent, list[Place]]]:
        places = [place] if place is not None else []
        match decode_received(pdu):
            case Deliver(user_data=UserData(alphabet=Alphabet.DATA, data=data)):
                return [(SmsUnreadable(reason="8-bit data, no text", n_octets=len(data)), places)]
            case Deliver() as deliver:
                return [_received(whole) for whole in self._reassembly.add(deliver, place, self._now_s())]
            case StatusReport() as report:
                reported = SmsReported(
                    reference=report.reference,
                    recipient=report.recipient.text,
                    state=report.state,
                    status=report.status,
                    at=report.at,
                )
                return [(reported, places)]
            case SmsUnreadable() as unreadable:
                return [(unreadable, places)]

    async def _relieve(self) -> None:
        """Take waiting parts out of a memory that they and others have filled: the missing one needs a place."""
        if not any(place is not None for place in self._reassembly.tokens):
            return
        lines: list[str] = []
        with suppress(CommandError):
            lines = await self._channel.command("AT+CPMS?", timeout_s=REPLY_S, prefix="+CPMS")
        capacity = read_capacity(lines)
        if capacity is not None and capacity[0] >= capacity[1] - 1:
            log.warning("sms_memory_full", port=self._channel.name)
            await self._delete([place for place in self._reassembly.release_tokens() if place is not None])

    async def _delete(self, places: list[Place]) -> None:
        for place in places:
            if await self._select(place.memory) and await self._try(f"AT+CMGD={place.index}"):
                self._handed_over.pop(place, None)
            else:
                log.warning("sms_not_deleted", port=self._channel.name, memory=place.memory)

    async def _set_up(self, before: tuple[int, ...]) -> None:
        if self._memories:
            return
        await self._try("AT+CSMS=0")
        if not await self._try("AT+CMGF=0"):
            raise SmsNotSentError("the modem has no PDU mode", before)
        totals = {memory: total for memory in _MEMORIES if (total := await self._keep_in(memory))}
        if totals and (largest := max(totals, key=lambda memory: totals[memory])) != [*totals][-1]:
            await self._keep_in(largest)
        for tell in _TELL:
            if await self._try(tell):
                break
        self._memories = tuple(totals) or (_ONLY_MEMORY,)

    async def _keep_in(self, memory: str) -> int:
        """Use a memory for everything; return how many messages it holds, 0 where there is none."""
        with suppress(CommandError):
            command = f'AT+CPMS="{memory}","{memory}","{memory}"'
            capacity = read_capacity(await self._channel.command(command, timeout_s=REPLY_S, prefix="+CPMS"))
            return capacity[1] if capacity is not None else 0
        return 0

    async def _select(self, memory: str) -> bool:
        return memory == _ONLY_MEMORY or await self._try(f'AT+CPMS="{memory}"')

    async def _try(self, command: str) -> bool:
        try:
            await self._channel.command(command, timeout_s=REPLY_S)
        except CommandError:
            return False
        return True


def _received(whole: WholeMessage[Place | None]) -> tuple[SmsEvent, list[Place]]:
    first = whole.first
    received = SmsReceived(
        sender=first.sender.text,
        text=whole.text,
        sent_at=first.sent_at,
        sender_is_name=first.sender.is_name,
        n_missing=whole.n_missing,
    )
    return received, [place for place in whole.tokens if place is not None]
