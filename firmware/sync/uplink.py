"""The outbox, in order, to the console; a row goes when the console's receipt covers it, not before.

A PUBACK proves only that the broker took a message. So at most `max_unreceipted` messages are out beyond the
last receipt (a broker's queue for an absent console is finite and drops silently), more while receipts keep
coming, and after a silence the oldest ones are sent again: as a probe of one window, ever more rarely, until a receipt moves.
"""

import asyncio
import functools
from collections import deque
from collections.abc import Mapping, Sequence

import structlog

from firmware.store import outbox
from firmware.store.connection import Connection as StoreConnection
from firmware.store.database import Database
from firmware.store.errors import StoreBusyError
from firmware.store.outbox import OutboxRow
from firmware.sync.byte_budget import ByteBudget, Thrift
from firmware.sync.connection import Connection
from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.sending import Outgoing, Sending
from firmware.sync.topics import BoxTopics

log = structlog.get_logger(__name__)
_RETRY_CAP_S = 3600.0
_REFUSED_CAP_S = 300.0
_BUSY_RETRY_S = 0.5
_SHORTEST_WAIT_S = 0.01
_ROWS_AT_ONCE = 128
"""Read ahead: at most twice so many wait in memory beside those handed over."""
_GROWTH = 8
"""So many times the first limit may be out to a console that receipts all the while."""
_THRIFT_LOOK_S = 60.0
"""How soon a renewed budget is noticed."""
URGENT_LEAVES = ("outcome", "ack", "response")
"""What goes up even when the byte budget is spent."""


class Uplink:
    """Sends what waits in the outbox for as long as it runs."""

    def __init__(
        self,
        database: Database,
        connection: Connection,
        topics: BoxTopics,
        *,
        window: int = 32,
        max_unreceipted: int = 256,
        resend_after_s: float = 30.0,
        refused_retry_s: float = 5.0,
        expects_receipts: bool = True,
        budget: ByteBudget | None = None,
    ) -> None:
        """`expects_receipts=False` is for a console that never sends any: then a PUBACK deletes the row."""
        self._database = database
        self._connection = connection
        self._topics = topics
        self._window = window
        self._max_unreceipted = self._may_be_out = max_unreceipted
        self._resend_after_s = resend_after_s
        self._expects_receipts = expects_receipts
        self._budget = budget
        self._urgent_sent_up_to = 0
        """Of what may go when the budget is nearly spent."""
        self._changed = asyncio.Event()
        self._sent_up_to = 0
        """The broker confirmed everything up to here, since the start or since the last probe."""
        self._receipted = 0
        self._ceiling = 0
        self._silence_s = resend_after_s
        self._quiet_since_s = 0.0
        self._refused_retry_s = self._refused_s = refused_retry_s
        self._told_refusal = ""

    async def run(self) -> None:
        """Send until cancelled."""
        unsubscribe = self._database.subscribe(self._on_commit)
        self._quiet_since_s = _now_s()
        try:
            while True:
                await self._connection.wait_connected()
                try:
                    await self._turn()
                except NotConnectedError:
                    continue
                except StoreBusyError:
                    await asyncio.sleep(_BUSY_RETRY_S)
        finally:
            unsubscribe()

    def _on_commit(self, touched: frozenset[str]) -> None:
        if "outbox" in touched:
            self._changed.set()

    async def _turn(self) -> None:
        self._changed.clear()
        receipted, _ = await self._database.read(outbox.heads)
        self._note_receipts(receipted)
        if self._sent_up_to > self._receipted and _now_s() - self._quiet_since_s >= self._silence_s:
            self._start_probe()
        if self._is_thrifty:
            await self._turn_thrifty()
            return
        self._urgent_sent_up_to = 0
        rows = await self._read(after=self._sent_up_to)
        if rows:
            await self._send(rows)
            return
        is_unreceipted = self._sent_up_to > self._receipted
        await self._wait_change(self._quiet_since_s + self._silence_s - _now_s() if is_unreceipted else None)

    @property
    def _is_thrifty(self) -> bool:
        return self._budget is not None and self._budget.thrift is Thrift.URGENT_ONLY

    async def _turn_thrifty(self) -> None:
        """Send what is urgent past events that wait; the console's receipts say which of it has arrived."""
        self._urgent_sent_up_to = max(self._urgent_sent_up_to, self._sent_up_to)
        first, last, window = self._receipted, self._urgent_sent_up_to, self._window
        n_out, rows = await self._database.read(
            lambda con: (
                outbox.n_pending(con, first, last, URGENT_LEAVES),
                outbox.pending(con, last, window, leaves=URGENT_LEAVES),
            )
        )
        if rows and n_out < self._max_unreceipted:
            answers = await asyncio.gather(*(self._publish(row) for row in rows), return_exceptions=True)
            for row, answer in zip(rows, answers, strict=True):
                if isinstance(answer, PublishRefusedError):
                    await self._stand_refusal(answer)
                    return
                if answer is not None:
                    raise answer
                self._urgent_sent_up_to = row.seq
            self._refused_s, self._told_refusal = self._refused_retry_s, ""
            self._quiet_since_s = _now_s()
            return
        if n_out and _now_s() - self._quiet_since_s >= self._silence_s:
            self._urgent_sent_up_to = self._receipted
            self._quiet_since_s = _now_s()
            self._silence_s = min(self._silence_s * 2, max(_RETRY_CAP_S, self._resend_after_s))
            return
        left_s = self._quiet_since_s + self._silence_s - _now_s() if n_out else _THRIFT_LOOK_S
        await self._wait_change(min(left_s, _THRIFT_LOOK_S))

    def _note_receipts(self, receipted: int) -> None:
        if receipted > self._receipted or self._ceiling == 0:
            if self._ceiling:  # the console keeps up: what is on its way to it may grow
                self._may_be_out = min(self._may_be_out * 2, self._max_unreceipted * _GROWTH)
            self._receipted = receipted
            self._quiet_since_s = _now_s()
            self._silence_s = self._resend_after_s
            self._ceiling = receipted + self._may_be_out
        self._sent_up_to = max(self._sent_up_to, receipted)

    def _start_probe(self) -> None:
        log.info("uplink_sends_again", from_seq=self._receipted + 1, after_s=round(self._silence_s, 1))
        self._sent_up_to = self._receipted
        self._may_be_out = self._max_unreceipted
        self._ceiling = self._receipted + self._window
        self._quiet_since_s = _now_s()
        self._silence_s = min(self._silence_s * 2, max(_RETRY_CAP_S, self._resend_after_s))

    async def _read(self, *, after: int) -> list[OutboxRow]:
        """Return what may be sent next behind `after`; a receipt that came meanwhile makes room."""

        def work(con: StoreConnection) -> tuple[int, list[OutboxRow]]:
            return outbox.heads(con)[0], outbox.pending(con, after, _ROWS_AT_ONCE)

        receipted, rows = await self._database.read(work)
        self._note_receipts(receipted)
        return [row for row in rows if row.seq <= self._ceiling]

    async def _send(self, rows: Sequence[OutboxRow]) -> None:
        """Publish in order, the window kept full; what counts as sent is the unbroken run that the broker confirmed.

        The next rows are read while these are under way.
        """
        waiting = deque(rows)
        under_way: deque[int] = deque()
        last_read = rows[-1].seq
        reading: asyncio.Task[list[OutboxRow]] | None = None
        is_all = False
        moved = asyncio.Event()
        sending = self._connection.start_sending(moved.set)
        n_counted = 0
        try:
            while (waiting or under_way) and sending.failure is None:
                moved.clear()
                if self._is_thrifty:
                    waiting.clear()  # the next turn sends what is urgent of it
                    if not under_way:
                        break
                if waiting and (room := min(self._room(sending, len(under_way)), len(waiting))):
                    batch = [waiting.popleft() for _ in range(room)]
                    under_way.extend(row.seq for row in batch)
                    await sending.send([self._outgoing(row) for row in batch])
                may_read = reading is None and len(waiting) < _ROWS_AT_ONCE and not self._is_thrifty
                if may_read and (not is_all or self._changed.is_set()):
                    self._changed.clear()
                    reading = asyncio.create_task(self._read(after=last_read))
                    reading.add_done_callback(lambda _: moved.set())
                if not moved.is_set():
                    await moved.wait()
                if reading is not None and reading.done():
                    more, reading = reading.result(), None
                    is_all = not more
                    waiting.extend(more)
                    last_read = more[-1].seq if more else last_read
                if n_new := sending.n_confirmed - n_counted:
                    n_counted += n_new
                    await self._count_confirmed(under_way, n_new)
            while sending.failure is not None and sending.n_open:
                moved.clear()  # what is under way gets its own answer first
                await moved.wait()
        finally:
            sending.abandon()
            if reading is not None:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
        match sending.failure:
            case None:
                self._refused_s, self._told_refusal = self._refused_retry_s, ""
                self._quiet_since_s = _now_s()
            case PublishRefusedError() as refusal:
                await self._stand_refusal(refusal)
            case failure:
                raise failure

    def _room(self, sending: Sending, n_under_way: int) -> int:
        """Return how many more messages may be handed over: of a limited budget no more than a window is at stake."""
        if self._budget is not None and self._budget.is_limited:
            return max(0, min(sending.room, self._window - n_under_way))
        return sending.room

    async def _count_confirmed(self, under_way: deque[int], n_new: int) -> None:
        for _ in range(n_new):
            self._sent_up_to = max(self._sent_up_to, under_way.popleft())
        if not self._expects_receipts:
            up_to, stream = self._sent_up_to, self._database.stream
            await self._database.transact(lambda con: outbox.receipt(con, stream, up_to))

    def _outgoing(self, row: OutboxRow) -> Outgoing:
        return Outgoing(
            topic=self._topics.up(row.leaf),
            payload=row.body,
            properties=_properties_of(row.leaf),
            correlation=row.correlation,
        )

    async def _publish(self, row: OutboxRow) -> None:
        await self._connection.publish(
            self._topics.up(row.leaf),
            row.body,
            qos=1,
            properties=_properties_of(row.leaf),
            correlation=row.correlation,
        )

    async def _stand_refusal(self, refusal: PublishRefusedError) -> None:
        """Keep the row, try later: an ACL or a quota is mended at the broker, and nothing may be skipped."""
        if str(refusal) != self._told_refusal:
            self._told_refusal = str(refusal)
            log.error("uplink_refused", reason=str(refusal), retry_s=self._refused_s)
        await asyncio.sleep(self._refused_s)
        self._refused_s = min(self._refused_s * 2, _REFUSED_CAP_S)

    async def _wait_change(self, timeout_s: float | None) -> None:
        try:
            # Never nothing: a rest of 1e-15 s, by rounding, would be waited for without end.
            async with asyncio.timeout(None if timeout_s is None else max(timeout_s, _SHORTEST_WAIT_S)):
                await self._changed.wait()
        except TimeoutError:
            return


@functools.lru_cache(64)
def _properties_of(leaf: str) -> Mapping[str, str]:
    return {"schema": f"{leaf.partition('/')[0]}/1"}


def _now_s() -> float:
    return asyncio.get_running_loop().time()
