"""Sends what waits, each line one message at a time while no call is on it, and reads what comes in.

One sending and one reading task a line. Between them a lock for each line: a report may be quicker than the transaction that
notes which reference it is about.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog

from firmware.calls.borrowing import LineBusyError
from firmware.lines.line import LineNotReadyError, LineStatus
from firmware.lines.texting import (
    TextEvent,
    TextingLine,
    TextNotSentError,
    TextReceived,
    TextUncertainError,
)
from firmware.sms.contracts import ToSend
from firmware.sms.desk import Looked, SmsDesk
from firmware.sms.inbox import SmsInbox
from firmware.store.errors import StoreError
from firmware.values import LineId

LONGEST_SLEEP_S = 60.0
STORE_PAUSE_S = 5.0
UNFIT_PAUSE_S = 30.0
SHORT_PAUSE_S = 1.0
MOST_IN_A_ROW = 5
"""Then a call may have the line first."""
LINE_WITHIN_S = 120.0
SEND_WITHIN_S = 600.0
"""Ten parts, each at a modem's worst; then nobody knows what became of them."""
CRASHED_PAUSE_S = 60.0

log = structlog.get_logger()


class Taken(Protocol):
    """How a line is kept from calls."""

    def __call__(self, line: LineId, *, deadline_s: float) -> AbstractAsyncContextManager[None]:
        """Keep calls off the line inside the block, as soon as who has it lets it go. Raises LineBusyError."""
        ...


class Carrier:
    """The short messages of all lines that carry any."""

    def __init__(
        self,
        lines: Sequence[TextingLine],
        *,
        desk: SmsDesk,
        inbox: SmsInbox,
        taken: Taken,
        why_idle: Callable[[LineId], str],
    ) -> None:
        """`why_idle` says why nothing is to be begun on a line now, empty when nothing forbids it."""
        self._lines = lines
        self._desk = desk
        self._inbox = inbox
        self._taken = taken
        self._why_idle = why_idle
        self._wakes = {line.line_id: asyncio.Event() for line in lines}
        self._locks = {line.line_id: asyncio.Lock() for line in lines}
        self._in_hand: dict[str, set[LineId]] = {}
        """What a line is looking at, and the lines that came upon it meanwhile: it may be theirs to send."""
        self._sending: set[str] = set()
        self._quiet = asyncio.Event()
        self._is_stopping = False

    @property
    def n_sending(self) -> int:
        """Return how many messages are with a modem now."""
        return len(self._sending)

    def wake(self) -> None:
        """Look again: something waits, a line is ready, or what forbade it is over."""
        for event in self._wakes.values():
            event.set()

    async def run(self) -> None:
        """Settle what a crash cut short, then send and read until cancelled."""
        while True:
            try:
                if cut := await self._desk.close_cut_short():
                    log.warning("texts_cut_short", count=cut)
                break
            except StoreError:
                await asyncio.sleep(STORE_PAUSE_S)
        tasks = [
            asyncio.create_task(work, name=f"{name}:{line.line_id}")
            for line in self._lines
            for name, work in (("texts-out", self._send_from(line)), ("texts-in", self._read(line)))
        ]
        tasks.append(asyncio.create_task(self._let_expire(), name="texts-expire"))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def finish(self, *, deadline_s: float) -> None:
        """Begin nothing more and let what is with a modem end: cut off, it would be uncertain for ever."""
        self._is_stopping = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                while self._sending:
                    self._quiet.clear()
                    await self._quiet.wait()

    # ---- out

    async def _send_from(self, line: TextingLine) -> None:
        wake = self._wakes[line.line_id]
        while True:
            wake.clear()
            pause_s = await self._guarded(line, self._round(line))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await wake.wait()

    async def _guarded(self, line: TextingLine, work: Awaitable[float]) -> float:
        try:
            return await work
        except StoreError as error:
            log.warning("texts_wait_for_disk", line=line.line_id, reason=str(error))
            return STORE_PAUSE_S
        except Exception:
            # One line's bug must not stop the others; what was reserved stays so, and is uncertain at the next start.
            log.exception("texts_crashed", line=line.line_id)
            return CRASHED_PAUSE_S

    async def _round(self, line: TextingLine) -> float:
        due_in_s = await self._desk.next_due_s()
        if due_in_s is None or due_in_s > 0:
            return min(due_in_s or LONGEST_SLEEP_S, LONGEST_SLEEP_S)
        if self._why_not(line) or await self._desk.why_not_sending():
            return UNFIT_PAUSE_S
        try:
            # The line first: what waits for a busy one may go out on another.
            async with self._taken(line.line_id, deadline_s=LINE_WITHIN_S):
                pause_s = await self._send_due(line)
        except LineBusyError:
            return SHORT_PAUSE_S
        if pause_s is not None:
            return pause_s
        due_in_s = await self._desk.next_due_s()
        # What is due still is another line's to send.
        return LONGEST_SLEEP_S if not due_in_s else min(due_in_s, LONGEST_SLEEP_S)

    async def _send_due(self, line: TextingLine) -> float | None:
        """Send what this line may send now, a few in a row; return how long to rest, None: until something is due."""
        own = frozenset(str(each.report.number) for each in self._lines if each.report.number)
        n_sent = 0
        for message in await self._desk.due():
            if message.sms in self._in_hand:
                self._in_hand[message.sms].add(line.line_id)
                continue
            if self._is_stopping or line.report.status is not LineStatus.READY:
                return UNFIT_PAUSE_S
            self._in_hand[message.sms] = set()
            try:
                async with self._locks[line.line_id]:
                    found = await self._desk.prepare(message.sms, line.report, own)
                    if isinstance(found, ToSend):
                        await self._send(line, found)
                        n_sent += 1
            finally:
                for other in self._in_hand.pop(message.sms):
                    self._wakes[other].set()
            if found is Looked.BOX_UNFIT:
                return UNFIT_PAUSE_S
            if n_sent == MOST_IN_A_ROW:
                return SHORT_PAUSE_S
        return None

    def _why_not(self, line: TextingLine) -> str:
        if self._is_stopping:
            return "the box is stopping"
        if line.report.status not in {LineStatus.READY, LineStatus.IN_CALL}:
            return line.report.status.value
        return self._why_idle(line.line_id)

    async def _send(self, line: TextingLine, message: ToSend) -> None:
        self._sending.add(message.sms)
        try:
            try:
                async with asyncio.timeout(SEND_WITHIN_S):
                    references = await line.send_text(message.number, message.text)
            except LineNotReadyError:
                await self._desk.not_sent(message.sms, "line_not_ready", may_pass=True)
            except TextNotSentError as error:
                await self._desk.not_sent(message.sms, str(error), may_pass=error.may_pass)
            except TextUncertainError as error:
                await self._desk.uncertain(message.sms, error.references, str(error))
            except TimeoutError:
                await self._desk.uncertain(message.sms, (), "no answer in time")
            except Exception:
                log.exception("text_send_crashed", line=line.line_id)
                await self._desk.uncertain(message.sms, (), "fault")
            else:
                await self._desk.sent(message.sms, references)
                log.info("text_sent", line=line.line_id, sms=message.sms, n_parts=len(references))
        finally:
            self._sending.discard(message.sms)
            self._quiet.set()

    async def _let_expire(self) -> None:
        while True:
            try:
                await self._desk.expire()
            except StoreError as error:
                log.warning("texts_wait_for_disk", line="all", reason=str(error))
            except Exception:
                log.exception("texts_crashed", line="all")
            await asyncio.sleep(LONGEST_SLEEP_S)

    # ---- in

    async def _read(self, line: TextingLine) -> None:
        while True:
            # What is not kept is not deleted from the modem, and comes again.
            pause_s = await self._guarded(line, self._read_until_lost(line))
            await asyncio.sleep(pause_s)

    async def _read_until_lost(self, line: TextingLine) -> float:
        async with contextlib.aclosing(line.texts()) as events:
            async for event in events:
                async with self._locks[line.line_id]:
                    await self._take(line, event)
        return LONGEST_SLEEP_S

    async def _take(self, line: TextingLine, event: TextEvent) -> None:
        try:
            if isinstance(event, TextReceived):
                await self._inbox.received(line.report, event)
            else:
                await self._inbox.reported(line.report, event)
        except StoreError:
            raise  # it comes again
        except Exception:
            # Whatever a stranger wrote must not keep everything behind it away, for ever.
            log.exception("text_dropped", line=line.line_id)
