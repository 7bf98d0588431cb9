"""Every transaction about a call that comes in: whether it is let in, what it forbids, what came of it.

The gate is about calls of ours and is not asked here. Nothing that a caller says makes a call of ours more likely than
the lists and the gate have it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from firmware.calls.judging import Judge
from firmware.calls.office_hours import OfficeHours
from firmware.calls.outcome import CallLog, Conclusion
from firmware.calls.session import CallSession
from firmware.compliance.numbering import number_facts
from firmware.dialogue.flow import Flow
from firmware.lines.line import LineReport
from firmware.store import attempts, campaigns, elsewhere, inbound, suppressions
from firmware.store.campaigns import StoredContact
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.inbound import InboundCall, InboundResult, KnownNumber
from firmware.store.operator_events import OperatorEvents
from firmware.values import E164, AttemptId, CampaignId, ContactId, Disposition, LineId, PersonId

D = Disposition
INBOUND = "inbound"
"""Stands for a campaign and a contact where a caller has neither."""
HOUR = timedelta(hours=1)
UNKNOWN = "this line answers those alone whom the box knows"
_NO_TALK = frozenset({D.CALLBACK_SET, D.HUNG_UP_EARLY, D.SILENCE, D.WRONG_NUMBER})
"""After these a call of ours is what they asked for, or nothing was talked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundTerms:
    """How this box answers who calls in."""

    flow: Flow
    values: dict[str, dict[str, str]] = field(repr=False)
    """What the flow says of the office, by its languages."""
    language: str
    """In which it begins: one of the flow's."""
    max_per_number: int
    max_per_hour: int
    hours: OfficeHours | None
    """None: at any time."""
    lines: frozenset[LineId]
    """Empty: all."""
    zone: ZoneInfo
    """The office's; that of a caller who shows no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetIn:
    """A call that may be answered; it is on the disk."""

    call: InboundCall
    known: KnownNumber

    @property
    def contact(self) -> StoredContact:
        """Return the caller as those parts see them that know contacts alone."""
        caller = self.call.caller
        return StoredContact(
            contact=ContactId(INBOUND),
            campaign=CampaignId(INBOUND),
            person=self.known.people[0] if len(self.known.people) == 1 else PersonId(INBOUND),
            numbers=(caller,) if caller else (),
            language=self.known.language or "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When things happened in one call."""

    began_at: datetime
    began_s: float
    answered_s: float | None
    ended_at: datetime

    def instant(self, at_s: float) -> datetime:
        """Return an instant of the monotonic clock by the wall's."""
        return self.began_at + timedelta(seconds=max(0.0, at_s - self.began_s))

    @property
    def answered_at(self) -> datetime | None:
        """Return when it was answered, None if it never was."""
        return None if self.answered_s is None else self.instant(self.answered_s)

    @property
    def talk_ms(self) -> int:
        """Return how long it lasted from the answer on."""
        answered_at = self.answered_at
        return (
            0
            if answered_at is None
            else max(0, round((self.ended_at - answered_at) / timedelta(milliseconds=1)))
        )


class InboundReports(OperatorEvents, Protocol):
    """What is told to the console, written in the same transaction."""

    def inbound(self, con: Connection, result: InboundResult) -> None:
        """Report what came of a call that came in."""
        ...


class InboundDesk:
    """Calls that come in: their only way to the disk."""

    def __init__(
        self,
        terms: InboundTerms,
        *,
        database: Database,
        judge: Judge,
        reports: InboundReports,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self.terms = terms
        self._database = database
        self._judge = judge
        self._reports = reports
        self._now = now
        self._new_id = new_id
        self._told: dict[str, datetime] = {}
        """When the console last heard why callers are turned away."""

    async def let_in(self, line: LineReport, caller: E164 | None, *, is_for_all: bool = True) -> LetIn | str:
        """Write a call down that may be answered, or return why it may not.

        Without `is_for_all` only those are let in whom this box has called, or has on a list.
        """
        flow, call_id = self.terms.flow, AttemptId(self._new_id())

        def work(con: Connection) -> LetIn | str:
            now = self._now()
            known = inbound.known_number(con, caller) if caller else KnownNumber()
            if not is_for_all and not known.is_known:
                return UNKNOWN  # before all else: a flood of strangers is no business of the console's either
            if reason := self._why_not(con, line, caller, now):
                self._tell(con, reason, line, now)
                return reason
            call = InboundCall(
                call=call_id,
                line=line.line,
                caller=caller,
                rang_at=now,
                flow=flow.name,
                flow_version=flow.version,
            )
            inbound.add(con, call)
            who = self._judge.person_ref(f"number:{caller}") if caller else "withheld"
            fields = {"call": str(call_id), "line": str(line.line), "caller": who}
            self._judge.note_when_dated(con, "call_let_in", fields)
            return LetIn(call=call, known=known)

        return await self._database.transact(work)

    def _why_not(self, con: Connection, line: LineReport, caller: E164 | None, now: datetime) -> str:
        terms = self.terms
        if campaigns.is_stopped(con):
            return "stopped by the console"
        if terms.hours is not None and not terms.hours.are_open(now):
            return "outside the hours of [inbound]"
        n_all, n_from = inbound.count_since(con, now - HOUR, caller)
        if n_from >= terms.max_per_number:
            return "too many calls from one number within an hour"
        if n_all >= terms.max_per_hour:
            return "too many calls within an hour"
        number = caller or line.number
        unmet = self._judge.unmet_demands(_somebody(number), terms.flow, is_ours=False) if number else []
        return f"the rules there demand more of the flow: {unmet[0]}" if unmet else ""

    def _tell(self, con: Connection, reason: str, line: LineReport, now: datetime) -> None:
        """Tell the console why callers are turned away, once an hour: a flood of calls is no flood of messages."""
        last = self._told.get(reason)
        if last is None or now - last >= HOUR:
            self._told = {known: at for known, at in self._told.items() if now - at < HOUR} | {reason: now}
            self._reports.event(con, "callers_turned_away", "warning", detail=reason, line=line.line)

    async def knows(self, number: E164) -> bool:
        """Say whether this box has called a number, or has it on a list."""
        return (await self._database.read(lambda con: inbound.known_number(con, number))).is_known

    async def number_last_called(self) -> E164 | None:
        """Return the number this box called last: where our own is not known, it tells which country we are in."""
        return await self._database.read(inbound.number_last_called)

    async def suppress(self, let_in: LetIn, scope: str, reason: str) -> None:
        """Write a "do not call" that was just heard; on the disk when this returns."""
        await self._database.transact(lambda con: self._suppress(con, let_in, scope, reason))

    def _suppress(self, con: Connection, let_in: LetIn, scope: str, reason: str) -> None:
        """Take the number off every list, and with it everybody known at it unless only the number is meant."""
        now, caller = self._now(), let_in.call.caller
        if caller is not None:
            entry = suppressions.Suppression(
                id=self._new_id(), scope="number", number=caller, reason=reason, source=INBOUND, at=now
            )
            suppressions.add(con, entry)
        for person in let_in.known.people if scope != "number" else ():
            entry = suppressions.Suppression(
                id=self._new_id(), scope="person", person=person, reason=reason, source=INBOUND, at=now
            )
            suppressions.add(con, entry)

    async def is_stopped(self) -> bool:
        """Say whether the console has stopped everything."""
        return await self._database.read(campaigns.is_stopped)

    async def conclude(
        self, let_in: LetIn, session: CallSession, log: CallLog, conclusion: Conclusion, *, at: Times
    ) -> Disposition:
        """Write all that came of a call in one transaction, the console's message among it; return the word for it."""
        disposition = conclusion.disposition if log.answered else _never_spoken(log)
        record = [
            attempts.CallEvent(
                at=at.instant(event.at_s),
                kind=event.kind,
                detail=json.dumps(event.detail, ensure_ascii=False),
            )
            for event in session.events
        ]
        wanted = conclusion.suppressions if log.answered else frozenset[str]()
        result = InboundResult(
            call=let_in.call,
            people=let_in.known.people,
            disposition=disposition,
            reached=log.answered and conclusion.flags.reached,
            answered_at=at.answered_at,
            ended_at=at.ended_at,
            talk_ms=at.talk_ms,
            suppressed=None
            if not wanted or (let_in.call.caller is None and not let_in.known.people)
            else "number"
            if wanted == {"number"} or not let_in.known.people
            else "person",
            callback_local=conclusion.callback.isoformat(timespec="minutes") if conclusion.callback else None,
            callback_at=callback_instant(conclusion.callback, self.zones_of(let_in))
            if conclusion.callback
            else None,
            transfer=conclusion.transfer,
            hand_over=None
            if conclusion.hand_over is None
            else asdict(conclusion.hand_over) | {"result": conclusion.hand_over.result.value},
            answers=dict(conclusion.answers),
            digits_heard=sum(event.kind == "digit" for event in session.events),
            cause=log.ended.kind.value,
        )
        await self._database.transact(lambda con: self._conclude(con, let_in, result, wanted, record))
        return disposition

    def _conclude(
        self,
        con: Connection,
        let_in: LetIn,
        result: InboundResult,
        wanted: frozenset[str],
        record: Sequence[attempts.CallEvent],
    ) -> None:
        call = let_in.call
        inbound.finish(
            con,
            call.call,
            answered_at=result.answered_at,
            ended_at=result.ended_at,
            disposition=result.disposition,
            record=record,
        )
        for scope in sorted(wanted):
            self._suppress(con, let_in, scope, result.disposition.value)
        if result.reached and call.caller is not None:
            self._count_talk(con, let_in, result)
        if result.callback_at is not None:
            for campaign, contact in let_in.known.waiting:
                campaigns.set_waiting(con, campaign, contact, result.callback_at, D.CALLBACK_SET)
        self._reports.inbound(con, result)

    def _count_talk(self, con: Connection, let_in: LetIn, result: InboundResult) -> None:
        """Let the talk count for the people of that number: it may put off calls of ours, and never brings one on."""
        assert let_in.call.caller is not None
        for person in let_in.known.people:
            elsewhere.add_contact(
                con,
                elsewhere.StoredElsewhere(
                    contact=f"{let_in.call.call}:{person}",
                    person=person,
                    number=let_in.call.caller,
                    debt=None,
                    channel="inbound",
                    at=let_in.call.rang_at,
                    connected=True,
                    conversation=result.disposition not in _NO_TALK,
                    disposition=result.disposition.value,
                ),
            )

    async def close_cut_short(self) -> int:
        """After a start: end the calls that a crash cut short, and tell the console; return how many."""

        def work(con: Connection) -> int:
            cut = inbound.open_calls(con)
            for call in cut:
                ended_at = max(self._now(), call.rang_at)
                disposition = D.TECHNICAL_FAILURE
                inbound.finish(con, call.call, answered_at=None, ended_at=ended_at, disposition=disposition)
                known = inbound.known_number(con, call.caller) if call.caller else KnownNumber()
                self._reports.inbound(
                    con,
                    InboundResult(
                        call=call,
                        people=known.people,
                        disposition=disposition,
                        reached=False,
                        answered_at=None,
                        ended_at=ended_at,
                        cause="cut_short",
                        note="the box stopped in the middle of this call",
                    ),
                )
            return len(cut)

        return await self._database.transact(work)

    def zones_of(self, let_in: LetIn) -> list[ZoneInfo]:
        """Return the zones the caller may be in."""
        caller = let_in.call.caller
        names = sorted(number_facts(caller).zones) if caller else []
        return [ZoneInfo(name) for name in names] or [self.terms.zone]


def callback_instant(asked_for: datetime, zones: Sequence[ZoneInfo]) -> datetime:
    """Return when to ring back who named a local time: of all plausible instants the last, never too early."""
    return max(asked_for.replace(tzinfo=zone) for zone in zones)


def _never_spoken(log: CallLog) -> Disposition:
    if log.stopped is not None:
        return log.stopped
    return D.HUNG_UP_EARLY if log.ended.kind.value == "released_by_callee" else D.TECHNICAL_FAILURE


def _somebody(number: E164) -> StoredContact:
    """Return somebody with this number, of whom nothing else is known: whose rules hold there."""
    return StoredContact(
        contact=ContactId(INBOUND),
        campaign=CampaignId(INBOUND),
        person=PersonId(INBOUND),
        numbers=(number,),
        language="",
    )
