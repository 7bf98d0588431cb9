"""From the broker into the ledger: committed first, then acknowledged, then receipted to the box.

A message is acknowledged to the broker after its commit, so after a crash it comes again, and is kept once.
A receipt tells the box up to which number it may delete, and never passes a gap.

Any number of these may share one uplink (MQTT 5 shared subscriptions): none keeps anything that another one needs, the
ledger decides what is new and how far each box's messages have come, whichever of them had which.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog

from console.certifier import Certifier
from console.ledger import Arrival, Ledger, Recorded
from console.ledger_facts import Fact, Unread
from console.resender import Resender
from console.signed_sender import SignedSender
from firmware.clock import Clock, to_ms
from firmware.sync.connection import Connection, Received
from firmware.sync.messages import (
    MAX_AHEAD,
    BoxState,
    MalformedMessageError,
    Receipt,
    RecordingChunk,
    RecordingUnavailable,
    Request,
    SeqRange,
    Telemetry,
    Uplink,
    decode_uplink,
    encode,
)
from firmware.sync.messages_certificate import CertificateRequest
from firmware.sync.topics import BoxTopics, InvalidNameError, split_up
from firmware.values import UuidV7

log = structlog.get_logger(__name__)

MAX_IN_ONE_COMMIT = 1000
RECEIPT_AFTER_MESSAGES = 500
RECEIPT_AFTER_S = 0.2
GAP_AFTER_S = 10.0
"""A number that another reader has in its hands is not missing."""
TELEMETRY_EVERY_S = 300.0
"""How old the last word on how boxes feel may be in the ledger: alone it is worth no more commits than that."""
MAX_SEQ = 2**62
_LEAVES_NOT_KEPT = ("recording/", "request", "certificate")
"""What is no fact for the ledger; requests are answered by `Resender` and `Certifier`."""


class _Envelope(msgspec.Struct, kw_only=True, frozen=True):
    """What every durable message has, whatever else it says."""

    id: str
    at: datetime
    stream: str
    seq: int


@dataclass(slots=True, kw_only=True)
class _Gap:
    missing_from: int
    since_s: float
    is_told: bool = False


class Ingest:
    """One reader of one tenant's uplink."""

    def __init__(
        self,
        *,
        connection: Connection,
        sender: SignedSender,
        ledger: Ledger,
        tenant: str,
        clock: Clock[object],
        ids: UuidV7,
        on_recorded: Callable[[Recorded], None],
        certifier: Certifier | None = None,
    ) -> None:
        """`on_recorded` hears of each message once it is committed; without a `certifier` none is renewed here."""
        self._connection = connection
        self._sender = sender
        self._ledger = ledger
        self._tenant = tenant
        self._clock = clock
        self._ids = ids
        self._on_recorded = on_recorded
        self._received: asyncio.Queue[Received] = asyncio.Queue(maxsize=MAX_IN_ONE_COMMIT)
        self._owed: dict[tuple[str, str], int] = {}
        """Receipts to send: (box, stream) to the number committed."""
        self._came: dict[tuple[str, str], set[int]] = {}
        """The numbers that came since the last receipt."""
        self._felt: dict[str, Arrival] = {}
        self._felt_written_s = float("-inf")
        self._unreceipted = 0
        self._receipt_wanted = asyncio.Event()
        self._receipts_full = asyncio.Event()
        self._gaps: dict[tuple[str, str], _Gap] = {}
        self._resender = Resender(sender, ledger, tenant)
        self._certifier = certifier

    async def run(self) -> None:
        """Run until cancelled or the connection is closed. Raises LedgerError, BrokerError."""
        tasks = {
            asyncio.create_task(self._read(), name="ingest-read"),
            asyncio.create_task(self._keep(), name="ingest-keep"),
            asyncio.create_task(self._send_receipts(), name="ingest-receipts"),
            asyncio.create_task(self._resender.run(), name="ingest-resend"),
        }
        if self._certifier is not None:
            tasks.add(asyncio.create_task(self._certifier.run(), name="ingest-certify"))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _read(self) -> None:
        async for received in self._connection.received():
            await self._received.put(received)

    async def _keep(self) -> None:
        while True:
            batch = [await self._received.get()]
            while len(batch) < MAX_IN_ONE_COMMIT and not self._received.empty():
                batch.append(self._received.get_nowait())
            came = [arrival for received in batch if (arrival := read_arrival(received, self._tenant))]
            for arrival in came:
                if isinstance(arrival.message, BoxState):
                    self._resender.note(arrival.box, arrival.message)
            arrivals = self._to_commit(came)
            recorded: list[Recorded] = []
            if arrivals:
                recorded = await asyncio.to_thread(self._ledger.record, arrivals, seen_at=self._clock.now())
            for received in batch:
                self._resender.hear(received)
                if self._certifier is not None:
                    self._certifier.hear(received, self._tenant)
                received.ack()
            for each in recorded:
                self._owe_receipt(each)
                self._on_recorded(each)

    def _to_commit(self, arrivals: list[Arrival]) -> list[Arrival]:
        """Hold back how boxes feel, the last word of each, until something else is written or some minutes are over."""
        others = []
        for arrival in arrivals:
            if isinstance(arrival.message, Telemetry):
                self._felt[arrival.box] = arrival
            else:
                others.append(arrival)
        now_s = asyncio.get_running_loop().time()
        if not self._felt or not (others or now_s >= self._felt_written_s + TELEMETRY_EVERY_S):
            return others
        felt, self._felt, self._felt_written_s = self._felt, {}, now_s
        return [*others, *felt.values()]

    def _owe_receipt(self, recorded: Recorded) -> None:
        if recorded.stream is None:
            return
        key = (recorded.arrival.box, recorded.stream)
        # A duplicate is owed one too: the box sends again when a receipt was lost.
        self._owed[key] = max(recorded.up_to, self._owed.get(key, 0))
        message = recorded.arrival.message
        if not isinstance(message, BoxState | Telemetry):
            self._came.setdefault(key, set()).add(message.seq)
        self._unreceipted += 1
        self._receipt_wanted.set()
        if self._unreceipted >= RECEIPT_AFTER_MESSAGES:
            self._receipts_full.set()
        missing, gap = recorded.missing_from, self._gaps.get(key)
        now_s = asyncio.get_running_loop().time()
        if missing is None:
            if self._gaps.pop(key, None) is not None and gap is not None and gap.is_told:
                log.info("uplink_gap_closed", box=key[0], stream=key[1], up_to=recorded.up_to)
        elif gap is None or gap.missing_from != missing:
            self._gaps[key] = _Gap(missing_from=missing, since_s=now_s)
        elif not gap.is_told and now_s >= gap.since_s + GAP_AFTER_S:
            gap.is_told = True
            log.warning("uplink_gap", box=key[0], stream=key[1], missing_from=missing)

    async def _send_receipts(self) -> None:
        while True:
            await self._receipt_wanted.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(RECEIPT_AFTER_S):
                    await self._receipts_full.wait()
            owed, self._owed, self._unreceipted = self._owed, {}, 0
            came, self._came = self._came, {}
            self._receipt_wanted.clear()
            self._receipts_full.clear()
            for (box, stream), up_to in owed.items():
                now = self._clock.now()
                receipt = Receipt(
                    id=self._ids.new(to_ms(now)),
                    at=now,
                    stream=stream,
                    up_to=up_to,
                    # What came behind a gap is safe here too: the box need not keep it or send it again.
                    ahead=runs(number for number in came.get((box, stream), ()) if number > up_to),
                )
                await self._sender.send(BoxTopics(self._tenant, box).down("receipt"), encode(receipt))


def runs(numbers: Iterable[int]) -> list[SeqRange]:
    """Return numbers as runs without gaps, the newest of them if there are more than a receipt may hold."""
    found: list[SeqRange] = []
    for number in sorted(set(numbers)):
        if found and found[-1].last == number - 1:
            found[-1] = SeqRange(first=found[-1].first, last=number)
        else:
            found.append(SeqRange(first=number, last=number))
    return found[-MAX_AHEAD:]


def read_arrival(received: Received, tenant: str) -> Arrival | None:
    """Return what came, None for what is not kept; what cannot be read is kept as it is if it is numbered."""
    parts = split_up(received.topic)
    if parts is None or parts[0] != tenant:
        return None
    _, box, leaf = parts
    if leaf.startswith(_LEAVES_NOT_KEPT) or (leaf == "state" and not received.payload):
        return None
    try:
        BoxTopics(tenant, box)
    except InvalidNameError:
        log.warning("uplink_of_no_box", topic=received.topic)
        return None
    try:
        message = _kept(leaf, decode_uplink(received.payload))
    except MalformedMessageError as error:
        if leaf == "telemetry":
            return None  # the next one is a minute away
        unread = _unread(received.payload, str(error))
        if unread is None:
            log.warning("uplink_unreadable", box=box, leaf=leaf, problem=str(error)[:200])
            return None
        log.warning("uplink_kept_unread", box=box, leaf=leaf, seq=unread.seq, problem=unread.problem[:200])
        return Arrival(box=box, message=unread)
    return Arrival(box=box, message=message)


def _kept(leaf: str, message: Uplink) -> Fact | BoxState | Telemetry:
    if isinstance(message, Telemetry) != (leaf == "telemetry"):
        raise MalformedMessageError("telemetry, and nothing else, belongs on up/telemetry - at `$.type`")
    if isinstance(message, Request | RecordingChunk | RecordingUnavailable | CertificateRequest):
        raise MalformedMessageError("this message belongs on another topic - at `$.type`")
    if not isinstance(message, BoxState | Telemetry):
        if message.seq >= MAX_SEQ:
            raise MalformedMessageError(f"seq is above {MAX_SEQ} - at `$.seq`")
        if not is_storable(message.id) or not is_storable(message.stream):
            raise MalformedMessageError(
                "a name holds a letter that no database keeps - at `$.id`, `$.stream`"
            )
    return message


def is_storable(name: str) -> bool:
    """Say whether every database can hold the name: PostgreSQL has no NUL, UTF-8 no half letters."""
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False


def _unread(payload: bytes, problem: str) -> Unread | None:
    try:
        envelope = msgspec.json.decode(payload, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not (1 <= envelope.seq < MAX_SEQ and 0 < len(envelope.id) <= 64 and 0 < len(envelope.stream) <= 64):
        return None
    if not is_storable(envelope.id) or not is_storable(envelope.stream):
        return None
    return Unread(
        id=envelope.id,
        at=envelope.at,
        stream=envelope.stream,
        seq=envelope.seq,
        payload=payload,
        problem=problem,
    )
