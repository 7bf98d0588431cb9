"""What `watch` shows of each committed message: JSON lines, live tables, or one plain line each."""

import asyncio
import json
from collections import deque
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self, TextIO, assert_never

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from console.box_health import in_short
from console.ledger import Ledger, Recorded
from console.ledger_facts import Unread
from console.reports import CampaignReport, OutcomeLine, campaign_reports, outcome_lines
from console.tables import funnel_table, outcomes_table, printable, table
from firmware.sync.messages import (
    Ack,
    BoxEvent,
    BoxState,
    InboundOutcome,
    OutcomeMessage,
    Refusals,
    Response,
    Telemetry,
)
from firmware.sync.messages_audit import AuditHead, AuditSegment
from firmware.sync.messages_sms import SmsOutcome, SmsReply
from firmware.values import mask

OUTCOMES_SHOWN = 12
NEWS_SHOWN = 6


class View(Protocol):
    """Shows what is committed; a context manager."""

    def show(self, recorded: Recorded) -> None:
        """Show one message."""
        ...

    async def tick(self) -> None:
        """Draw what has changed; called every second."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def as_json(recorded: Recorded) -> dict[str, Any]:
    """Return a committed message as it is printed by ``watch --json``."""
    message = recorded.arrival.message
    if isinstance(message, Unread):
        fields: dict[str, Any] = {"type": "unread", "id": message.id, "at": message.at.isoformat()}
        fields |= {"stream": message.stream, "seq": message.seq, "problem": message.problem}
    else:
        fields = msgspec.to_builtins(message)
    return {"type": fields.pop("type"), "box": recorded.arrival.box, **fields}


def in_words(recorded: Recorded) -> str:
    """Return a committed message as one line for a person."""
    box, message = recorded.arrival.box, recorded.arrival.message
    match message:
        case OutcomeMessage():
            promise = f", promised by {message.promise.due}" if message.promise else ""
            return f"{box} outcome {message.campaign}/{message.contact}: {message.disposition.value}{promise}"
        case InboundOutcome():
            return f"{box} call from {mask(message.caller or '')}: {message.disposition.value}"
        case SmsOutcome():
            why = f" ({message.reason})" if message.reason else ""
            return f"{box} SMS {message.text} to {message.campaign}/{message.contact}: {message.state}{why}"
        case SmsReply():
            stops = ", no more calls or messages" if message.is_opt_out else ""
            return f"{box} SMS from {mask(message.number or '')}{stops}"
        case Refusals():
            until = f" until {_clock_text(message.until)}" if message.until else ""
            return f"{box} {message.verdict} {message.campaign}/{message.contact}: {message.rule}{until}"
        case Ack():
            verdict = "accepted" if message.accepted else f"refused: {message.reason}: {message.detail}"
            rows = (
                f", {message.taken} taken, {len(message.rejected)} rejected"
                if message.kind == "contacts"
                else ""
            )
            return f"{box} {message.kind} {verdict}{rows}"
        case BoxEvent():
            return f"{box} {message.severity} {message.event} {message.detail}".rstrip()
        case BoxState():
            return f"{box} is {message.status}, dialling: {message.dialling or 'unknown'}"
        case AuditHead():
            return f"{box} audit log reaches entry {message.entry}"
        case AuditSegment():
            return f"{box} sent {len(message.entries)} entries of its audit log"
        case Unread():
            return f"{box} sent message {message.seq}, which this console cannot read: {message.problem}"
        case Telemetry():
            return f"{box}: {in_short(message)}"
        case Response():
            return f"{box}: {message.name} {message.status} {message.reason} {message.detail}".rstrip()
        case _:
            assert_never(message)


class Lines:
    """Written at once: entering, leaving and ticking need nothing."""

    async def tick(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class JsonLines(Lines):
    """One JSON object a line; a message that came before is not shown again."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, recorded: Recorded) -> None:
        """Print the message if it is new; how a box feels is told each minute, and `box status` shows it."""
        if recorded.is_new and not isinstance(recorded.arrival.message, Telemetry):
            self._out.write(json.dumps(as_json(recorded), ensure_ascii=False) + "\n")
            self._out.flush()


class PlainLines(Lines):
    """One line a message, for a terminal that is none."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, recorded: Recorded) -> None:
        """Print the message if it is new; how a box feels is told each minute, and `box status` shows it."""
        if recorded.is_new and not isinstance(recorded.arrival.message, Telemetry):
            self._console.print(printable(in_words(recorded)), soft_wrap=True)


class LiveTables:
    """Boxes, campaigns and the latest outcomes, redrawn when something has changed."""

    def __init__(self, console: Console, ledger: Ledger) -> None:
        self._ledger = ledger
        self._states: dict[str, BoxState] = {}
        self._health: dict[str, Telemetry] = {}
        self._news: deque[str] = deque(maxlen=NEWS_SHOWN)
        self._is_stale = True
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, recorded: Recorded) -> None:
        """Take the message into the next picture."""
        message = recorded.arrival.message
        if isinstance(message, Telemetry):
            self._health[recorded.arrival.box] = message
        elif isinstance(message, BoxState):
            self._states[recorded.arrival.box] = message
        elif recorded.is_new and not isinstance(message, OutcomeMessage):
            self._news.append(in_words(recorded))
        self._is_stale = True

    async def tick(self) -> None:
        """Draw what has changed."""
        if self._is_stale:
            self._is_stale = False
            reports, outcomes = await asyncio.to_thread(self._read)
            news = [printable(line) for line in self._news]
            content = Group(self._boxes(), funnel_table(reports), outcomes_table(outcomes), *news)
            self._live.update(content, refresh=True)

    def _read(self) -> tuple[list[CampaignReport], list[OutcomeLine]]:
        with self._ledger.reading() as connection:
            return campaign_reports(connection), outcome_lines(connection, limit=OUTCOMES_SHOWN)

    def _boxes(self) -> Table:
        rows = []
        for box, state in sorted(self._states.items()):
            lines = ", ".join(f"{line.line} {line.call or line.status}" for line in state.lines)
            health = (in_short(self._health[box]) if box in self._health else "",) if self._health else ()
            rows.append((box, state.status, state.dialling, state.clock, state.outbox, lines, *health))
        names = ("box", "status", "dialling", "clock", "unsent", "lines")
        return table("Boxes", (*names, "health") if self._health else names, rows)


def _clock_text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
