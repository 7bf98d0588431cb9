"""Decides who is called next, on which line; writes the reservation before the modem hears of it.

One task, woken by whatever may have made a call due. The gate is asked twice here (when a contact is looked at, and
again inside the transaction that reserves it) and once by the session at answer.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from firmware.calls.borrowing import LineBusyError
from firmware.calls.desk import CLOSED, Desk, Standing
from firmware.calls.placing import CallPlacer, Order
from firmware.lines.line import Line, LineStatus
from firmware.store.errors import StoreError
from firmware.values import AttemptId, Disposition, LineId

log = structlog.get_logger()

LOOK_AHEAD = 64
"""Contacts looked at in one round."""
SHORTEST_SLEEP_S = 0.05
STORE_PAUSE_S = 5.0
HELD = "held: "
LONGEST_SLEEP_S = 30.0
"""The world may change without a word to us (a window opens, a lease ends): look again at least this often."""


@dataclass(slots=True)
class ActiveCall:
    """A call under way, as others may see it."""

    order: Order
    stage: str = "preparing"
    doing: str = ""
    """Such as ``says opening``; never what a person said or keyed."""


class Scheduler:
    """Keeps idle lines busy with lawful calls."""

    def __init__(
        self,
        *,
        lines: Sequence[Line[Any]],
        desk: Desk,
        placer: CallPlacer,
        now: Callable[[], datetime],
        on_change: Callable[[], None],
    ) -> None:
        self.active: dict[LineId, ActiveCall] = {}
        self.dialling = "starting"
        """``yes``, or why the box does not dial."""
        self.unused_lines: AbstractSet[LineId] = frozenset()
        """Lines that the console wants no call on."""
        self.on_round: Callable[[], None] = lambda: None
        """Told each time the loop goes round, twice a minute at least."""
        self._lent: set[LineId] = set()
        self._n_borrowing = 0
        self._stirred = asyncio.Event()
        self._holds: list[str] = []
        self._lines = lines
        self._desk = desk
        self._placer = placer
        self._now = now
        self._on_change = on_change
        self._wake = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()
        self._crashed: set[AttemptId] = set()
        self._stopping = False
        self._audit_read = False

    def wake(self) -> None:
        """Look again: a line, a campaign, a suppression or the clock's trust changed."""
        self._wake.set()
        self._stirred.set()

    def why_idle(self, line: LineId) -> str:
        """Return why nobody is to be talked to on a line now, empty when nothing forbids it."""
        if self._stopping:
            return "the box is stopping"
        unused = "the console wants no call on this line" if line in self.unused_lines else ""
        return self._held_by or unused

    @contextlib.contextmanager
    def lent(self, line: LineId) -> Iterator[None]:
        """Keep calls off a line while the block uses it. Raises LineBusyError."""
        if line in self.active or line in self._lent:
            raise LineBusyError(f"line {line} is in a call: try again when it is idle")
        self._lent.add(line)
        try:
            yield
        finally:
            self._lent.discard(line)
            self.wake()

    @contextlib.asynccontextmanager
    async def taken(self, line: LineId, *, deadline_s: float) -> AsyncIterator[None]:
        """Keep calls off one line while the block uses it, as soon as who has it now lets it go.

        Raises LineBusyError when that took too long.
        """
        try:
            async with asyncio.timeout(deadline_s):
                while line in self.active or line in self._lent:
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError:
            raise LineBusyError(f"line {line} did not come idle in time") from None
        with self.lent(line):
            yield

    @contextlib.asynccontextmanager
    async def borrowed(
        self, *, deadline_s: float, among: AbstractSet[LineId] = frozenset()
    ) -> AsyncIterator[Line[Any]]:
        """Lend the next idle line to the block, before any new call gets one; `among`: one of these, if any are named.

        Raises LineBusyError when none came idle in time.
        """
        self._n_borrowing += 1
        try:
            async with asyncio.timeout(deadline_s):
                while (line := self._idle_among(among)) is None:
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError:
            raise LineBusyError("no line came idle in time: try again later") from None
        finally:
            self._n_borrowing -= 1
            self.wake()
        with self.lent(line.line_id):
            yield line

    def _idle_among(self, among: AbstractSet[LineId]) -> Line[Any] | None:
        return next((line for line in self._idle_lines() if not among or line.line_id in among), None)

    @contextlib.contextmanager
    def held(self, why: str) -> Iterator[None]:
        """Begin no further call while the block runs; those under way go on."""
        self._holds.append(f"{HELD}{why}")
        self.wake()
        try:
            yield
        finally:
            self._holds.remove(f"{HELD}{why}")
            self.wake()

    @property
    def _held_by(self) -> str:
        """Return who holds calls back, the last one first; another's end is not his."""
        return self._holds[-1] if self._holds else ""

    async def run(self) -> None:
        """Close what a crash left open, read the audit log, then place calls until cancelled."""
        recovered = await self._desk.close_open_reservations()
        if recovered:
            log.warning("reservations_recovered", count=recovered)
        try:
            while True:
                self._wake.clear()
                self.on_round()
                sleep_s = await self._round()
                try:
                    async with asyncio.timeout(sleep_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            for call in self._calls:
                call.cancel()
            if self._calls:
                await asyncio.wait(self._calls)

    async def finish(self, *, deadline_s: float) -> None:
        """Place no further call and let those under way end politely."""
        self._stopping = True
        self._set_dialling("stopping")
        if self._calls:
            _done, late = await asyncio.wait(self._calls, timeout=deadline_s)
            if late:
                for call in self.active.values():
                    call.order.stop(Disposition.CANCELLED)
                await asyncio.wait(late, timeout=deadline_s)

    async def heed_console(self) -> None:
        """End every call under way that the console's last word forbids, before it is answered if it rings yet."""
        for call in list(self.active.values()):
            reason = await self._desk.reason_to_stop(call.order.contact)
            if reason is not None:
                call.order.stop(reason)
        self.wake()

    async def _round(self) -> float:
        if self._stopping:
            return LONGEST_SLEEP_S
        try:
            for attempt in sorted(self._crashed):
                await self._desk.close_crashed(attempt)
                self._crashed.discard(attempt)
            if not self._audit_read:
                await self._desk.check_audit()
                self._audit_read = True
            reason = self._held_by or await self._desk.why_not_dialling()
            if reason:
                self._set_dialling(reason)
                return LONGEST_SLEEP_S
            return await self._place_calls()
        except StoreError as error:
            # No reservation without the disk: wait, say so, and try again.
            self._set_dialling(f"the database cannot be used: {error}")
            return STORE_PAUSE_S

    async def _place_calls(self) -> float:
        if self.dialling in {"starting", "stopped by the console", CLOSED} or self.dialling.startswith(
            ("the database", "the disk", HELD)
        ):
            self._set_dialling("yes")
        looked_at = self._now()
        for line in self._idle_lines():
            order = await self._next_order(line, looked_at)
            # Meanwhile the line may have been lent, or everything held; who waits to be handed over goes before.
            is_free = line.line_id not in self._lent and not self._held_by and not self._n_borrowing
            is_free = is_free and line.report.status is LineStatus.READY  # somebody may have begun to call in
            if order is not None and is_free:
                self._start(line, order)
        return await self._until_next_due_s(looked_at)

    def _idle_lines(self) -> list[Line[Any]]:
        return [
            line
            for line in self._lines
            if line.line_id not in self.active
            and line.line_id not in self._lent
            and line.line_id not in self.unused_lines
            and line.report.status is LineStatus.READY
        ]

    async def _next_order(self, line: Line[Any], now: datetime) -> Order | None:
        own_numbers = {each.report.number for each in self._lines if each.report.number}
        while True:
            candidates = await self._desk.due(now, LOOK_AHEAD)
            busy = {call.order.contact.person for call in self.active.values()}
            moved = 0
            for contact in candidates:
                if contact.person in busy:
                    continue
                match await self._desk.look_at(contact, line.report, own_numbers):
                    case Standing.CALLABLE:
                        self._set_dialling("yes")
                        return Order(contact=contact, line=line)
                    case Standing.PUT_AWAY:
                        moved += 1
                    case Standing.OTHER_LINE:
                        continue
                    case Standing.BOX_UNFIT:
                        # Nothing against this contact: it keeps its place, and the next one may be luckier.
                        self._set_dialling(self._desk.unfit_reason)
            if len(candidates) < LOOK_AHEAD or not moved:
                return None

    def _start(self, line: Line[Any], order: Order) -> None:
        self.active[line.line_id] = ActiveCall(order)
        task = asyncio.create_task(self._carry(line, order), name=f"call:{line.line_id}")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        self._on_change()

    async def _carry(self, line: Line[Any], order: Order) -> None:
        def stage(name: str, doing: str) -> None:
            call = self.active[line.line_id]
            call.stage, call.doing = name, doing
            self._on_change()

        try:
            await self._placer.place(order, stage)
        except asyncio.CancelledError:
            raise
        except StoreError as error:
            # Before anything was dialled: a call under way waits for the disk itself.
            self._set_dialling(f"the database cannot be used: {error}")
            await asyncio.sleep(STORE_PAUSE_S)
        except Exception:
            # One call's bug must not stop the others; its open reservation is closed at the next start.
            log.exception("call_crashed", line=line.line_id, contact=order.contact.contact)
            if order.attempt is not None:
                self._crashed.add(order.attempt)
            await asyncio.sleep(STORE_PAUSE_S)  # whatever it was, not again at full speed
        finally:
            del self.active[line.line_id]
            self._on_change()
            self.wake()

    async def _until_next_due_s(self, looked_at: datetime) -> float:
        """Return how long to sleep; who was due at `looked_at` and is not being called waits for an event."""
        due_at = await self._desk.next_due_at(looked_at)
        if due_at is None or due_at <= looked_at:
            return LONGEST_SLEEP_S
        return min(max((due_at - self._now()) / timedelta(seconds=1), SHORTEST_SLEEP_S), LONGEST_SLEEP_S)

    def _set_dialling(self, reason: str) -> None:
        if reason != self.dialling:
            self.dialling = reason
            log.info("dialling", state=reason)
            self._on_change()
