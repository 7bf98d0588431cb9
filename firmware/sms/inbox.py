"""What comes in by SMS: reports of the network about our messages, and what people write.

A report names a part by one octet, which is used again after 256 messages: so the number it went to counts as well, and of
several the newest that was not reported yet. A message of somebody else may come twice, and has the same name both times.
"""

import hashlib
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal
from unicodedata import category

import structlog

from firmware.calls.judging import Judge
from firmware.compliance.numbering import shown_number
from firmware.lines.line import LineReport
from firmware.lines.texting import Delivery, TextReceived, TextReported
from firmware.sms.contracts import ReplyReceived, SmsReports
from firmware.store import inbound, sms, suppressions
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.sms import SmsState, StoredSms
from firmware.texts.replies import is_opt_out
from firmware.values import E164, Disposition, PersonId, mask

REPORTS_WITHIN = timedelta(days=3)
"""A message is valid for a day; a report later than this is about another one."""
CLOCKS_APART = timedelta(minutes=10)
MOST_IN_AN_HOUR = 120
"""What people write beyond that is not passed on, unless it asks us to stop."""
HOUR = timedelta(hours=1)
MAX_TEXT_CHARS = 1600
SOURCE = "sms"
_OPEN = ("", Delivery.PENDING.value)
_FINAL = frozenset({Delivery.DELIVERED.value, Delivery.FAILED.value})

log = structlog.get_logger()


class SmsInbox:
    """What lines bring in: its only way to the disk."""

    def __init__(
        self,
        *,
        database: Database,
        judge: Judge,
        reports: SmsReports,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._judge = judge
        self._reports = reports
        self._now = now
        self._new_id = new_id
        self._taken: deque[datetime] = deque(maxlen=MOST_IN_AN_HOUR)

    # ---- reports

    async def reported(self, line: LineReport, report: TextReported) -> None:
        """Take what the network says of one part into the message it is about."""
        number = shown_number(report.recipient, line.number) or report.recipient

        def work(con: Connection) -> bool:
            since = self._now() - REPORTS_WITHIN
            message = _about(sms.reportable(con, line.line, number, since), report)
            if message is None:
                return False
            parts = _with(message, report)
            if parts == message.parts:
                return True
            state, rule = _follows(message, parts, report)
            is_news = state is not message.state
            at = self._now() if is_news else message.ended_at
            sms.set_reported(con, message.sms, parts, state, rule, at)
            if is_news:
                changed = sms.get(con, message.sms)
                assert changed is not None
                self._reports.sms(con, changed)
            return True

        if not await self._database.transact(work):
            log.info("report_about_no_message", line=line.line, to=mask(number))

    # ---- what people write

    async def received(self, line: LineReport, text: TextReceived) -> None:
        """Obey what asks us to stop; pass on what somebody writes whom this box knows."""
        home = line.number or await self._database.read(inbound.number_last_called)
        shown = None if text.is_from_word else shown_number(text.sender, home)
        number = E164(shown) if shown is not None else None
        wants_stop = number is not None and is_opt_out(_readable(text.text))
        if not wants_stop and not self._has_room():
            return
        await self._database.transact(lambda con: self._receive(con, line, text, number, wants_stop))
        log.info(
            "text_received",
            line=line.line,
            sender=mask(number) if number else "a word",
            n_chars=len(text.text),
            stops=wants_stop,
        )

    def _receive(
        self, con: Connection, line: LineReport, text: TextReceived, number: E164 | None, wants_stop: bool
    ) -> None:
        people: tuple[PersonId, ...] = ()
        if number is not None:
            known = {*inbound.known_number(con, number).people, *sms.people_at(con, number)}
            people = tuple(sorted(known))
        suppressed: Literal["person", "number"] | None = None
        if wants_stop and number is not None:
            suppressed = "person" if people else "number"
            for person in people:
                self._suppress(con, "person", person=person)
            self._suppress(con, "number", number=number)
            fields = {"line": str(line.line), "number": self._judge.person_ref(f"number:{number}")}
            self._judge.note_when_dated(con, "sms_opt_out", fields)
        self._reports.sms_reply(
            con,
            ReplyReceived(
                reply=_name(line, text),
                line=line.line,
                number=number,
                people=people,
                text=_readable(text.text)[:MAX_TEXT_CHARS] if people else "",
                received_at=text.sent_at or self._now(),
                is_opt_out=wants_stop,
                suppressed=suppressed,
            ),
        )

    def _suppress(
        self,
        con: Connection,
        scope: Literal["person", "number"],
        *,
        person: PersonId | None = None,
        number: E164 | None = None,
    ) -> None:
        entry = suppressions.Suppression(
            id=self._new_id(),
            scope=scope,
            person=person,
            number=number,
            reason=Disposition.OPT_OUT.value,
            source=SOURCE,
            at=self._now(),
        )
        suppressions.add(con, entry)

    def _has_room(self) -> bool:
        now = self._now()
        if len(self._taken) == MOST_IN_AN_HOUR and now - self._taken[0] < HOUR:
            log.warning("texts_not_passed_on", reason=f"more than {MOST_IN_AN_HOUR} within an hour")
            return False
        self._taken.append(now)
        return True


def _about(sent: list[StoredSms], report: TextReported) -> StoredSms | None:
    """Return which message, the newest first, a report is about; None: none of ours."""
    told = [
        each
        for each in sent
        if any(reference == report.reference and state in _OPEN for reference, state in each.parts)
    ]
    on_time = [each for each in told if _was_before(each, report)] or told
    if on_time:
        return on_time[0]
    again = [each for each in sent if any(reference == report.reference for reference, _ in each.parts)]
    if again:
        return again[0]  # said twice
    # One that may have gone out before we heard its reference: now we know that it did.
    unknown = [each for each in sent if each.state is SmsState.UNCERTAIN and len(each.parts) < each.n_parts]
    return unknown[0] if unknown else None


def _was_before(message: StoredSms, report: TextReported) -> bool:
    return report.at is None or message.reserved_at is None or message.reserved_at <= report.at + CLOCKS_APART


def _with(message: StoredSms, report: TextReported) -> tuple[tuple[int, str], ...]:
    """Return the parts with what is reported; the first final word on a part stays."""
    if all(reference != report.reference for reference, _ in message.parts):
        return (*message.parts, (report.reference, report.delivery.value))
    return tuple(
        (reference, report.delivery.value)
        if reference == report.reference and state not in _FINAL
        else (reference, state)
        for reference, state in message.parts
    )


def _follows(
    message: StoredSms, parts: tuple[tuple[int, str], ...], report: TextReported
) -> tuple[SmsState, str]:
    """Return what the parts make of the message: whole only with all of them, failed with any."""
    states = [state for _, state in parts]
    if message.state in {SmsState.DELIVERED, SmsState.FAILED}:
        return message.state, message.rule
    if Delivery.FAILED.value in states:
        return SmsState.FAILED, f"network_status_{report.status:02x}"
    if len(parts) >= message.n_parts and set(states) == {Delivery.DELIVERED.value}:
        return SmsState.DELIVERED, ""
    return message.state, message.rule


def _name(line: LineReport, text: TextReceived) -> str:
    said = f"{line.line}\0{text.sender}\0{text.sent_at}\0{text.text}"
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _readable(text: str) -> str:
    """Return a stranger's text without what no message and no database can carry: half letters, control characters."""
    return "".join(letter for letter in text if letter == "\n" or category(letter) not in {"Cc", "Cs"})
