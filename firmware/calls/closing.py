"""What is written when a call is over, all of it in one transaction; also for a call that a crash cut short."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from firmware.calls.judging import debt_of
from firmware.calls.outcome import FLAGS, CallLog, Conclusion
from firmware.calls.recording import RecordingResult
from firmware.calls.reports import Reports
from firmware.calls.retry import next_try
from firmware.store import attempts, campaigns, outcomes, recordings, sms, suppressions
from firmware.store.campaigns import StoredContact
from firmware.store.connection import Connection
from firmware.texts.catalogue import catalogue_of
from firmware.texts.rendering import slots_to_text
from firmware.values import AttemptId, Disposition, LineId


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """All that is kept of a call."""

    attempt: AttemptId
    contact: StoredContact
    line: LineId
    conclusion: Conclusion
    log: CallLog
    events: tuple[tuple[datetime, str, dict[str, Any]], ...]
    reserved_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    recording: RecordingResult
    recipients: tuple[str, ...]
    flow: str
    flow_version: int
    callback_at: datetime | None = None
    """When the callee asked to be rung back."""


class Closing:
    """Closes attempts; every method runs inside a transaction of the caller."""

    def __init__(self, reports: Reports, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._reports = reports
        self._now = now
        self._new_id = new_id

    def suppress(self, con: Connection, contact: StoredContact, scope: str, reason: str) -> None:
        """Add a "do not call" that was heard in a call; the same again changes nothing."""
        entry = suppressions.Suppression(
            id=self._new_id(),
            scope="number" if scope == "number" else "debt" if scope == "debt" else "person",
            person=None if scope == "number" else contact.person,
            number=contact.numbers[0] if scope in {"number", "person"} else None,
            debt=debt_of(contact) if scope == "debt" else None,
            reason=reason,
            source="call",
            at=self._now(),
        )
        suppressions.add(con, entry)

    def conclude(self, con: Connection, result: CallResult) -> None:
        """Write all that came of a call, the console's message among it."""
        conclusion, contact = result.conclusion, result.contact
        ended = result.log.ended
        if result.answered_at is not None:
            stored = attempts.get_attempt(con, result.attempt)
            if stored is not None and stored.answered_at is None:
                attempts.mark_answered(con, result.attempt, result.answered_at)
        attempts.add_call_events(
            con,
            result.attempt,
            [
                attempts.CallEvent(at=at, kind=kind, detail=json.dumps(detail, ensure_ascii=False))
                for at, kind, detail in result.events
            ],
        )
        attempts.finish(
            con,
            result.attempt,
            ended_at=result.ended_at,
            disposition=conclusion.disposition,
            cause=ended.kind.value,
            cause_q850=ended.q850,
            confidence=ended.confidence,
            conversation=conclusion.flags.counts_as_conversation,
        )
        promise = conclusion.promise
        talk = result.ended_at - result.answered_at if result.answered_at else timedelta(0)
        outcome = outcomes.Outcome(
            attempt=result.attempt,
            campaign=contact.campaign,
            contact=contact.contact,
            person=contact.person,
            disposition=conclusion.disposition,
            reached=conclusion.flags.reached,
            right_party=conclusion.flags.right_party,
            final=conclusion.flags.final,
            ended_at=result.ended_at,
            talk_ms=max(0, round(talk / timedelta(milliseconds=1))),
            confidence=ended.confidence,
            flow=result.flow,
            flow_version=result.flow_version,
            digits_heard=sum(kind == "digit" for _at, kind, _detail in result.events),
            note=result.recording.failure or "",
            promise=None
            if promise is None
            else outcomes.Promise(
                due=promise.due,
                amount=promise.amount,
                confirmed=promise.confirmed,
                instalments=promise.instalments,
                every=promise.every,
                total=promise.total,
            ),
            answers=dict(conclusion.answers),
            callback_local=None
            if conclusion.callback is None
            else conclusion.callback.isoformat(timespec="minutes"),
            callback_at=None if conclusion.callback is None else result.callback_at,
            transfer=conclusion.transfer,
            hand_over=None
            if conclusion.hand_over is None
            else asdict(conclusion.hand_over) | {"result": conclusion.hand_over.result.value},
        )
        outcomes.add_outcome(con, outcome)
        recording = self._keep_recording(con, result)
        self._order_texts(con, result)
        self._move_on(con, contact, conclusion.disposition, result.ended_at, result.callback_at)
        for _at, kind, detail in result.events:
            if kind == "suppress":
                # Written already the moment it was heard, unless the disk refused it then.
                self.suppress(con, contact, str(detail["scope"]), str(detail["reason"]))
        suppressed = next(
            (str(detail["scope"]) for _at, kind, detail in result.events if kind == "suppress"), None
        )
        attempt = attempts.get_attempt(con, result.attempt)
        assert attempt is not None
        self._reports.outcome(
            con,
            attempt,
            outcome,
            suppressed=suppressed,
            recording=recording,
            first_word_ms=_first_word_ms(result),
        )
        self.finish_campaigns(con)

    def _order_texts(self, con: Connection, result: CallResult) -> None:
        """Keep what the dialogue ordered to be sent, to be judged when a line is free for it."""
        contact = result.contact
        campaign = campaigns.get_campaign(con, contact.campaign)
        catalogue = catalogue_of(campaign.texts) if campaign is not None else None
        if catalogue is None:
            return
        for place, wanted in enumerate(result.conclusion.texts):
            order = sms.SmsOrdered(
                sms=f"{result.attempt}.{place}",
                origin="flow",
                attempt=result.attempt,
                campaign=contact.campaign,
                contact=contact.contact,
                person=contact.person,
                number=contact.numbers[0],
                text=wanted.text,
                language=wanted.language,
                slots=slots_to_text(wanted.slots),
                may_tell_debt=wanted.may_tell_debt,
                ordered_at=result.ended_at,
                expires_at=result.ended_at + catalogue.valid_for,
            )
            sms.add(con, order)

    def _keep_recording(self, con: Connection, result: CallResult) -> recordings.StoredRecording | None:
        summary = result.recording.summary
        if summary is None:
            return None
        notice_at = next((at for at, kind, _detail in result.events if kind == "recording_started"), None)
        recording = recordings.StoredRecording(
            recording=result.attempt,
            attempt=result.attempt,
            path=summary.path,
            sha256=summary.sha256,
            duration_ms=summary.duration_ms,
            n_bytes=summary.n_bytes,
            recipients=result.recipients,
            notice_at=notice_at,
            delete_after=None,
        )
        recordings.add(con, recording)
        return recording

    def close_cut_short(self, con: Connection, attempt: attempts.StoredAttempt) -> None:
        """Close a reservation whose call a crash cut short: it counts, and is never dialled again."""
        now = self._now()
        disposition = Disposition.TECHNICAL_FAILURE
        attempts.finish(
            con,
            attempt.attempt,
            ended_at=max(now, attempt.reserved_at),
            disposition=disposition,
            cause="cut_short",
            confidence=1.0,
            # Nobody knows what was said before the power went: count it, to be on the callee's side.
            conversation=attempt.answered_at is not None,
        )
        flags = FLAGS[disposition]
        outcome = outcomes.Outcome(
            attempt=attempt.attempt,
            campaign=attempt.campaign,
            contact=attempt.contact,
            person=attempt.person,
            disposition=disposition,
            reached=flags.reached,
            right_party=flags.right_party,
            final=flags.final,
            ended_at=max(now, attempt.reserved_at),
            note="the box stopped in the middle of this call",
        )
        outcomes.add_outcome(con, outcome)
        contact = campaigns.get_contact(con, attempt.campaign, attempt.contact)
        if contact is not None:
            self._move_on(con, contact, disposition, now)
        finished = attempts.get_attempt(con, attempt.attempt)
        assert finished is not None
        self._reports.outcome(con, finished, outcome)
        self.finish_campaigns(con)

    def _move_on(
        self,
        con: Connection,
        contact: StoredContact,
        disposition: Disposition,
        ended_at: datetime,
        callback_at: datetime | None = None,
    ) -> None:
        fresh = campaigns.get_contact(con, contact.campaign, contact.contact)
        tries = fresh.attempts if fresh else contact.attempts + 1
        again_at = None if FLAGS[disposition].final else next_try(disposition, tries, ended_at)
        if again_at is not None and callback_at is not None and callback_at > ended_at:
            # The time the person asked for; the gate still has the last word when it comes.
            again_at = callback_at
        if again_at is None:
            campaigns.set_done(con, contact.campaign, contact.contact, disposition)
        else:
            campaigns.set_waiting(con, contact.campaign, contact.contact, again_at, disposition)

    def finish_campaigns(self, con: Connection) -> None:
        """End campaigns in which nobody is left to call, and say so."""
        for campaign in campaigns.finish_completed(con, self._now()):
            self._reports.event(con, "campaign_done", "info", campaign=campaign)


def _first_word_ms(result: CallResult) -> int | None:
    """Return the time from the answer to the first prompt that began; None for a call without one."""
    began = next((at for at, kind, _detail in result.events if kind == "prompt_started"), None)
    if began is None or result.answered_at is None:
        return None
    return max(0, round((began - result.answered_at) / timedelta(milliseconds=1)))
