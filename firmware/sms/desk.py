"""Every transaction about a short message of ours: the gate's word, the reservation, what became of it.

Reservation, counters and audit entry are one transaction, on the disk before a modem hears of the message. Once reserved, a
message is sent or it is uncertain; only a modem that says that it sent nothing lets it wait again.
"""

from collections.abc import Callable, Set
from datetime import datetime, timedelta
from enum import StrEnum

from firmware.calls.desk import Desk
from firmware.calls.judging import Judge
from firmware.calls.placing import FlowBook
from firmware.compliance.call import Channel, Point
from firmware.compliance.decision import Outcome as Verdict
from firmware.dialogue.errors import ContactRefusedError, FlowRefusedError
from firmware.lines.line import LineReport
from firmware.sms.contracts import SmsReports, ToSend
from firmware.sms.wording import Written, written
from firmware.store import campaigns, sms
from firmware.store.campaigns import CampaignState, ContactState, StoredContact
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.insisting import transact_for_certain
from firmware.store.sms import SmsState, StoredSms
from firmware.texts.catalogue import catalogue_of

LOOK_AHEAD = 32
AGAIN_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20))
"""After a modem said that it sent nothing; then it is given up."""
WHILE_PAUSED = timedelta(minutes=5)
WHILE_IN_CALL = timedelta(minutes=1)
CUT_SHORT, NO_LINE = "cut_short", "no_line"


class Looked(StrEnum):
    """What became of looking at a message."""

    OTHER_LINE = "other_line"
    BOX_UNFIT = "box_unfit"
    """Nothing against the message: the box may not send."""
    SETTLED = "settled"
    """It waits longer, or never goes out; what follows from it is written."""


class SmsDesk:
    """Messages of ours: their only way to the disk."""

    def __init__(
        self,
        *,
        database: Database,
        judge: Judge,
        calls: Desk,
        flows: FlowBook,
        reports: SmsReports,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._judge = judge
        self._calls = calls
        self._flows = flows
        self._reports = reports
        self._now = now

    # ---- looking

    async def why_not_sending(self) -> str:
        """Return why nothing at all may be sent, empty when the gate may be asked."""
        return await self._calls.why_not_dialling()

    async def due(self) -> list[StoredSms]:
        """Return what may be due, the longest waiting first."""
        now = self._now()
        return await self._database.read(lambda con: sms.due(con, now, LOOK_AHEAD))

    async def next_due_s(self) -> float | None:
        """Return how long until a message is due, None while none waits."""
        at = await self._database.read(sms.next_due_at)
        return None if at is None else max(0.0, (at - self._now()) / timedelta(seconds=1))

    async def prepare(self, sms_id: str, line: LineReport, own_numbers: Set[str]) -> ToSend | Looked:
        """Reserve a message for a line if the gate allows it now; on the disk when this returns it."""
        return await self._database.transact(lambda con: self._prepare(con, sms_id, line, own_numbers))

    def _prepare(
        self, con: Connection, sms_id: str, line: LineReport, own_numbers: Set[str]
    ) -> ToSend | Looked:
        now = self._now()
        message = sms.get(con, sms_id)
        if message is None or message.state is not SmsState.WAITING:
            return Looked.SETTLED
        if campaigns.is_stopped(con):
            return Looked.BOX_UNFIT
        if message.expires_at <= now:
            return self._give_up(con, message, SmsState.EXPIRED, message.rule or NO_LINE)
        campaign = campaigns.get_campaign(con, message.campaign)
        contact = campaigns.get_contact(con, message.campaign, message.contact)
        if campaign is None or contact is None or contact.state is ContactState.RECALLED:
            return self._give_up(con, message, SmsState.REFUSED, "recalled")
        if campaign.state is CampaignState.CANCELLED:
            return self._give_up(con, message, SmsState.REFUSED, "cancelled")
        if contact.state is ContactState.IN_CALL:
            return self._wait(con, message, now + WHILE_IN_CALL, "in_call")
        if campaign.state is CampaignState.PAUSED:
            return self._wait(con, message, now + WHILE_PAUSED, "paused")
        if campaign.lines and line.line not in campaign.lines:
            return Looked.OTHER_LINE
        kept = self._judge.number_to_keep(con, contact, line)
        if kept is not None and kept != line.number and kept in own_numbers:
            return Looked.OTHER_LINE
        try:
            text = written(con, message, contact, self._flows.flow_of(campaign), campaign.texts)
        except (FlowRefusedError, ContactRefusedError):
            text = "unspeakable"
        if isinstance(text, str):
            return self._give_up(con, message, SmsState.REFUSED, text)
        catalogue = catalogue_of(campaign.texts)
        assert catalogue is not None
        if sms.n_to_person(con, message.campaign, message.person, message.sms) >= catalogue.per_person:
            return self._give_up(con, message, SmsState.REFUSED, "campaign-limit")
        return self._ask_gate(con, message, contact, line, text)

    def _ask_gate(
        self, con: Connection, message: StoredSms, contact: StoredContact, line: LineReport, text: Written
    ) -> ToSend | Looked:
        judged = self._judge.decide(con, contact, line, Point.PREDIAL, audio_ready=True, channel=Channel.SMS)
        decision = judged.decision
        if decision.about_box:
            return Looked.BOX_UNFIT
        self._judge.write_audit(con, judged, sms=message.sms)
        if decision.outcome is Verdict.DEFER and decision.until is not None:
            if decision.until >= message.expires_at:
                return self._give_up(con, message, SmsState.EXPIRED, decision.rule)
            return self._wait(con, message, decision.until, decision.rule)
        if not decision.is_allowed:
            return self._give_up(con, message, SmsState.REFUSED, decision.rule)
        now = judged.inputs.now
        sealed = self._judge.seal_text(con, message.person, text.text)
        # It counts from here on: the row is the counter.
        sms.reserve(con, message.sms, line=line.line, at=now, n_parts=text.n_parts, sealed=sealed)
        return ToSend(sms=message.sms, number=contact.numbers[0], text=text.text)

    # ---- what became of it

    async def sent(self, sms_id: str, references: tuple[int, ...]) -> None:
        """Note that the network took every part, however long the disk refuses."""

        def work(con: Connection) -> None:
            if self._is_being_sent(con, sms_id):
                sms.mark_sent(con, sms_id, references, self._now())
                self._report(con, sms_id)

        await transact_for_certain(self._database, work)

    async def uncertain(self, sms_id: str, references: tuple[int, ...], reason: str) -> None:
        """Note that it may have gone out: it is never sent again."""

        def work(con: Connection) -> None:
            if self._is_being_sent(con, sms_id):
                sms.mark_uncertain(con, sms_id, references, reason, self._now())
                self._report(con, sms_id)

        await transact_for_certain(self._database, work)

    async def not_sent(self, sms_id: str, reason: str, *, may_pass: bool) -> None:
        """Note that nothing went out; let it wait for another try while there may be one."""

        def work(con: Connection) -> None:
            message = sms.get(con, sms_id)
            if message is None or message.state is not SmsState.SENDING:
                return
            if not may_pass or message.tries > len(AGAIN_AFTER):
                self._give_up(con, message, SmsState.FAILED, reason)
            else:
                self._wait(con, message, self._now() + AGAIN_AFTER[message.tries - 1], reason)

        await transact_for_certain(self._database, work)

    def _is_being_sent(self, con: Connection, sms_id: str) -> bool:
        message = sms.get(con, sms_id)
        return message is not None and message.state is SmsState.SENDING

    async def close_cut_short(self) -> int:
        """After a start: what a crash left with a modem may have gone out; return how many those are."""

        def work(con: Connection) -> int:
            cut = sms.sending(con)
            for message in cut:
                sms.mark_uncertain(con, message.sms, (), CUT_SHORT, self._now())
                self._report(con, message.sms)
            return len(cut)

        if not await self._database.read(sms.sending):
            return 0
        return await self._database.transact(work)

    async def expire(self) -> None:
        """Give up what could not be sent in its time."""
        now = self._now()
        if not await self._database.read(lambda con: sms.overdue(con, now)):
            return

        def work(con: Connection) -> None:
            for message in sms.overdue(con, now):
                self._give_up(con, message, SmsState.EXPIRED, message.rule or NO_LINE)

        await self._database.transact(work)

    def _wait(self, con: Connection, message: StoredSms, until: datetime, rule: str) -> Looked:
        sms.put_off(con, message.sms, until, rule)
        return Looked.SETTLED

    def _give_up(self, con: Connection, message: StoredSms, state: SmsState, rule: str) -> Looked:
        sms.end(con, message.sms, state, rule, self._now())
        self._report(con, message.sms)
        return Looked.SETTLED

    def _report(self, con: Connection, sms_id: str) -> None:
        message = sms.get(con, sms_id)
        assert message is not None
        self._reports.sms(con, message)
