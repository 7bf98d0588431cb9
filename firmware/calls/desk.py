"""Every transaction about a call: what the gate said, the reservation, the outcome. The calls' only way to the disk."""

from collections.abc import Callable, Set
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Literal

import structlog

from firmware.calls.closing import CallResult, Closing
from firmware.calls.judging import Judge, Judged, debt_of
from firmware.calls.office_hours import OfficeHours
from firmware.calls.reports import Reports
from firmware.compliance.call import Point
from firmware.compliance.decision import Decision
from firmware.compliance.decision import Outcome as Verdict
from firmware.dialogue.flow import Flow
from firmware.lines.line import LineReport
from firmware.store import attempts, campaigns, suppressions
from firmware.store.campaigns import CampaignState, ContactState, StoredCampaign, StoredContact
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.values import E164, AttemptId, CampaignId, ContactId, Disposition, LineId, PersonId

log = structlog.get_logger()

CLOSED = "outside the hours that the console set"
PUT_OFF = timedelta(minutes=5)
"""How long a contact waits when the box itself was not ready for it."""


class Standing(StrEnum):
    """What became of looking at a contact."""

    CALLABLE = "callable"
    PUT_AWAY = "put_away"
    """It waits or is done; it will not be found again now."""
    OTHER_LINE = "other_line"
    """Its campaign may not use this line, or the person knows another of our numbers."""
    BOX_UNFIT = "box_unfit"
    """Nothing against the contact: the box may not dial."""


class Desk:
    """Asks the gate with what the database knows, and writes what follows from it."""

    def __init__(
        self,
        *,
        database: Database,
        judge: Judge,
        reports: Reports,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        language: str,
        why_no_room: Callable[[], str] = lambda: "",
    ) -> None:
        self.unfit_reason = ""
        """Why the box may not dial, from the gate's last word about the box itself."""
        self.office_hours: OfficeHours | None = None
        """When the console lets this box dial; None: whenever the gate does."""
        self._audit_alarmed = False
        self._database = database
        self._judge = judge
        self._reports = reports
        self._closing = Closing(reports, now, new_id)
        self._now = now
        self._new_id = new_id
        self._language = language
        self._why_no_room = why_no_room

    # ---- looking ------------------------------------------------------------------------------------------

    async def why_not_dialling(self) -> str:
        """Return why nothing at all may be dialled, empty when the gate may be asked."""
        now = self._now()
        if await self._database.read(lambda con: campaigns.has_expired(con, now)):
            await self._database.transact(lambda con: campaigns.expire(con, now))
        if await self._database.read(campaigns.is_stopped):
            return "stopped by the console"
        return CLOSED if self._is_closed(now) else self._why_no_room()

    def _is_closed(self, now: datetime) -> bool:
        return self.office_hours is not None and not self.office_hours.are_open(now)

    async def due(self, now: datetime, limit: int) -> list[StoredContact]:
        """Return contacts that may be due, most urgent first."""
        return await self._database.read(lambda con: campaigns.due_contacts(con, now, limit))

    async def next_due_at(self, now: datetime) -> datetime | None:
        """Return when somebody may be due next."""
        return await self._database.read(lambda con: campaigns.next_due_at(con, now))

    async def campaign_of(self, contact: StoredContact) -> StoredCampaign:
        """Return the contact's campaign."""
        found = await self._database.read(lambda con: campaigns.get_campaign(con, contact.campaign))
        assert found is not None
        return found

    async def look_at(self, contact: StoredContact, line: LineReport, own_numbers: Set[str]) -> Standing:
        """Ask the gate about a contact; one that may not be called now is put where it belongs.

        `own_numbers` are those of all lines: a person who has seen one of them waits for that line.
        """

        def look(con: Connection) -> Judged | None:
            campaign = campaigns.get_campaign(con, contact.campaign)
            if campaign is None or (campaign.lines and line.line not in campaign.lines):
                return None
            kept = self._judge.number_to_keep(con, contact, line)
            if kept is not None and kept != line.number and kept in own_numbers:
                return None
            return self._judge.decide(con, contact, line, Point.ENQUEUE, audio_ready=True)

        judged = await self._database.read(look)
        if judged is None:
            return Standing.OTHER_LINE
        decision = judged.decision
        if decision.is_allowed:
            return Standing.CALLABLE
        if decision.about_box:
            self.unfit_reason = f"{decision.rule}: {decision.explain(self._language)}"
            if self._judge.audit_problem:
                await self._alarm_about_audit(self._judge.audit_problem)
            return Standing.BOX_UNFIT

        def put_away(con: Connection) -> None:
            self._judge.write_audit(con, judged)
            self._put_away(con, contact, decision)

        await self._database.transact(put_away)
        return Standing.PUT_AWAY

    # ---- a call -------------------------------------------------------------------------------------------

    async def reserve(
        self, contact: StoredContact, line: LineReport, *, audio_ready: bool
    ) -> AttemptId | None:
        """Write the reservation if the gate still allows the call; on the disk when this returns an id."""
        attempt = AttemptId(self._new_id())

        def work(con: Connection) -> AttemptId | None:
            if self._is_closed(self._now()):
                return None
            campaign = campaigns.get_campaign(con, contact.campaign)
            fresh = campaigns.get_contact(con, contact.campaign, contact.contact)
            if campaign is None or campaign.state is not CampaignState.READY or campaigns.is_stopped(con):
                return None
            if fresh is None or fresh.state not in {ContactState.OPEN, ContactState.WAITING}:
                return None
            judged = self._judge.decide(con, fresh, line, Point.PREDIAL, audio_ready=audio_ready)
            decision = judged.decision
            self._judge.write_audit(con, judged, attempt if decision.is_allowed else None)
            if not decision.is_allowed:
                if not decision.about_box:
                    self._put_away(con, fresh, decision)
                return None
            now = judged.inputs.now
            attempts.reserve(
                con,
                attempts.Reservation(
                    attempt=attempt,
                    campaign=fresh.campaign,
                    contact=fresh.contact,
                    person=fresh.person,
                    debt=debt_of(fresh),
                    number=fresh.numbers[0],
                    line=line.line,
                    line_number=line.number,
                    reserved_at=now,
                ),
            )
            attempts.mark_dialled(con, attempt, now)
            campaigns.set_in_call(con, fresh.campaign, fresh.contact)
            return attempt

        return await self._database.transact(work)

    async def may_test(self, number: E164, line: LineReport) -> str:
        """Ask the gate about a test call, as about any call; return why not, empty when it may be placed."""
        if reason := await self.why_not_dialling():
            return reason

        def work(con: Connection) -> str:
            judged = self._judge.decide(con, _tester(number), line, Point.PREDIAL, audio_ready=True)
            self._judge.write_audit(con, judged)
            decision = judged.decision
            return "" if decision.is_allowed else f"{decision.rule}: {decision.explain(self._language)}"

        return await self._database.transact(work)

    async def may_reach_agent(self, agent: str, line: LineId, attempt: AttemptId) -> str:
        """Write down that one of our own people is rung for a call under way; return why not, empty when they may be.

        The rules about callees do not bind a call to our own staff; the console's stop does.
        """

        def work(con: Connection) -> str:
            if campaigns.is_stopped(con):
                return "stopped by the console"
            self._judge.note(
                con, "agent_called", {"agent": agent, "line": str(line), "attempt": str(attempt)}
            )
            return ""

        return await self._database.transact(work)

    async def tell_hand_over(self, contact: StoredContact, line: LineId, detail: str) -> None:
        """Tell the console at once which agent has whom, and what is known, for the screen before the agent."""
        await self._database.transact(
            lambda con: self._reports.event(
                con, "handed_over", "info", detail=detail, line=line, campaign=contact.campaign
            )
        )

    async def at_answer(
        self, attempt: AttemptId, contact: StoredContact, line: LineReport, *, answered_at: datetime
    ) -> Decision:
        """Ask the gate once more, before the first word about a debt."""

        def work(con: Connection) -> Decision:
            judged = self._judge.decide(con, contact, line, Point.ANSWER, audio_ready=True)
            self._judge.write_audit(con, judged, attempt)
            attempts.mark_answered(con, attempt, answered_at)
            return judged.decision

        return await self._database.transact(work)

    async def suppress(self, contact: StoredContact, scope: str, reason: str) -> None:
        """Write a "do not call" that was just heard; on the disk when this returns."""
        await self._database.transact(
            partial(self._closing.suppress, contact=contact, scope=scope, reason=reason)
        )

    async def reason_to_stop(self, contact: StoredContact) -> Disposition | None:
        """Return why a call under way must end at once by the console's word, None when it may go on."""

        def look(con: Connection) -> Disposition | None:
            campaign = campaigns.get_campaign(con, contact.campaign)
            fresh = campaigns.get_contact(con, contact.campaign, contact.contact)
            if fresh is not None and fresh.state is ContactState.RECALLED:
                return Disposition.RECALLED
            if campaigns.is_stopped(con) or campaign is None or campaign.state is CampaignState.CANCELLED:
                return Disposition.CANCELLED
            entries = suppressions.for_call(con, contact.person, contact.numbers[0], debt_of(contact))
            # What this call itself has just heard must not cut off its own farewell.
            return Disposition.BLOCKED if any(entry.source == "console" for entry in entries) else None

        return await self._database.read(look)

    async def check_audit(self) -> str:
        """Read the whole audit log and say what is wrong with it, empty when it is whole; alarms the console."""
        problem = await self._database.read(self._judge.check_audit)
        if problem:
            await self._alarm_about_audit(problem)
        return problem

    async def _alarm_about_audit(self, problem: str) -> None:
        if not self._audit_alarmed:
            log.error("audit_log_broken", problem=problem)
            await self._database.transact(
                lambda con: self._reports.event(con, "audit_log_broken", "alarm", detail=problem)
            )
            self._audit_alarmed = True

    async def conclude(self, result: CallResult) -> None:
        """Write all that came of a call in one transaction, the console's message among it."""
        await self._database.transact(lambda con: self._closing.conclude(con, result))
        if result.recording.failure:
            log.warning("recording_incomplete", attempt=result.attempt, reason=result.recording.failure)

    async def close_open_reservations(self) -> int:
        """After a start: whatever is reserved and not ended was cut short by a crash, and counts as an attempt."""

        def work(con: Connection) -> int:
            cut_short = attempts.open_reservations(con)
            for attempt in cut_short:
                self._closing.close_cut_short(con, attempt)
            return len(cut_short)

        return await self._database.transact(work)

    async def close_crashed(self, attempt: AttemptId) -> None:
        """Close one reservation whose call failed by a fault of ours."""

        def work(con: Connection) -> None:
            for found in attempts.open_reservations(con):
                if found.attempt == attempt:
                    self._closing.close_cut_short(con, found)

        await self._database.transact(work)

    def unmet_demands(self, contact: StoredContact, flow: Flow) -> list[str]:
        """Return what the rules where this person is demand of a conversation and the flow does not do."""
        return self._judge.unmet_demands(contact, flow)

    async def put_away(self, contact: StoredContact, rule: str, detail: str) -> None:
        """End a contact that can never be called, without an attempt."""

        def work(con: Connection) -> None:
            campaigns.set_done(con, contact.campaign, contact.contact, Disposition.BLOCKED, rule)
            self._reports.standing(con, contact, "refuse", rule, explanation=detail)
            self._closing.finish_campaigns(con)

        await self._database.transact(work)

    async def put_off(self, contact: StoredContact, rule: str, detail: str) -> None:
        """Let a contact wait because the box was not ready for it."""

        def work(con: Connection) -> None:
            campaigns.set_waiting(con, contact.campaign, contact.contact, self._now() + PUT_OFF, None, rule)
            self._reports.event(con, rule, "alarm", detail=detail, campaign=contact.campaign)

        await self._database.transact(work)

    # ---- inside a transaction -----------------------------------------------------------------------------

    def _put_away(self, con: Connection, contact: StoredContact, decision: Decision) -> None:
        explanation = decision.explain(self._language)
        if decision.outcome is Verdict.DEFER and decision.until is not None:
            campaigns.set_waiting(con, contact.campaign, contact.contact, decision.until, None, decision.rule)
            self._reports.standing(
                con, contact, "defer", decision.rule, until=decision.until, explanation=explanation
            )
        else:
            campaigns.set_done(con, contact.campaign, contact.contact, Disposition.BLOCKED, decision.rule)
            verdict: Literal["refuse", "hold"] = "hold" if decision.outcome is Verdict.HOLD else "refuse"
            self._reports.standing(con, contact, verdict, decision.rule, explanation=explanation)
            self._closing.finish_campaigns(con)


def _tester(number: E164) -> StoredContact:
    """Return whom a test call reaches: one of ours, known by the number alone."""
    return StoredContact(
        contact=ContactId("test-call"),
        campaign=CampaignId("test-call"),
        person=PersonId(f"test-number-{number[-4:]}"),
        numbers=(number,),
        language="en",
    )
