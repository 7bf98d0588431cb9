"""What came of a campaign, read from the ledger: outcomes one by one, and counts from list to promise."""

from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, distinct, func, select

from console.contact_fields import DECIMALS
from console.instalments import payments
from console.ledger_tables import (
    ACK,
    BATCH,
    CAMPAIGN,
    CONTACT,
    OUTCOME,
    PROMISE,
    REFUSAL,
    UPLINK,
    UPLINK_AHEAD,
)
from console.sent_campaigns import SETTLES
from firmware.sync.messages import RejectedRow


class OutcomeLine(msgspec.Struct, kw_only=True, frozen=True):
    """One attempt and what came of it."""

    ended_at_ms: int
    box: str
    campaign: str
    contact: str
    disposition: str
    cause: str
    talk_s: float
    promise: str
    """Such as ``2026-11-27 1280.50 CNY``, or ``2026-11-27 200.00 CNY, 6, one a month``; empty when nothing was promised."""
    payments: list[str]
    """Of a plan: each instalment, such as ``2026-11-27 200.00 CNY``, the last one what is left; else empty."""
    callback: str
    """When to ring back by the callee's own clock, such as ``2026-11-27 15:30``; empty when nothing was agreed."""
    answers: dict[str, str]
    """What the flow keeps of what was answered, by name."""
    transfer: str
    """Why a person was wished for, in the flow's own word; empty when nobody was."""
    hand_over: str
    """What became of that wish, such as ``answered`` or ``hours_closed``; empty when nobody was sought."""
    suppressed: str
    attempt: str
    recording: str
    """What `recording fetch` names; empty when nothing was recorded."""


class RejectedLine(msgspec.Struct, kw_only=True, frozen=True):
    """A row that the box did not take."""

    row: int
    """Of the spreadsheet; 0 when what was sent is not known here."""
    contact: str
    reason: str
    detail: str


class BoxAnswer(msgspec.Struct, kw_only=True, frozen=True):
    """What a box said to a push."""

    accepted: bool
    """Manifest and every batch."""
    messages: int
    answered: int
    taken: int
    refusals: list[str]
    """Reason and detail of each message refused as a whole."""
    rejected: list[RejectedLine]


class CampaignReport(msgspec.Struct, kw_only=True, frozen=True):
    """Counts of one campaign on one box."""

    box: str
    campaign: str
    sent: int
    taken: int
    rejected: int
    contacts_attempted: int
    attempts: int
    answered: int
    reached: int
    right_party: int
    promises: int
    promised: dict[str, str]
    """Currency to amount."""
    stopped: int
    """Outcomes that suppressed the person, the number or the debt."""
    mean_talk_s: float
    dispositions: dict[str, int]
    refusals: dict[str, int]
    """Gate rule to contacts that stand under it now."""
    connect_rate: float
    """Answered attempts of all attempts, 0 to 1."""


def amount_text(minor: int, currency: str) -> str:
    """Return ``1280.50`` for 128050 fen."""
    decimals = DECIMALS.get(currency, 2)
    whole, part = divmod(minor, 10**decimals)
    return f"{whole}.{part:0{decimals}d}" if decimals else str(whole)


def payments_text(row: Any) -> str:
    """Return the instalments of a plan with their days, ``2026-12-11 102.88; 2027-01-11 102.82``; "" of no plan."""
    if not row.due or not row.currency:
        return ""
    return "; ".join(f"{day} {amount_text(minor, row.currency)}" for day, minor in plan_payments(row))


def plan_payments(row: Any) -> tuple[tuple[date, int], ...]:
    """Return day and amount of each instalment of a row that has a promise's columns; none of no plan."""
    if not row.due or not row.every:
        return ()
    return payments(
        date.fromisoformat(row.due), row.instalments, row.every, row.amount_minor, row.total_minor
    )


def outcome_lines(
    connection: Connection, *, campaign: str | None = None, box: str | None = None, limit: int | None = None
) -> list[OutcomeLine]:
    """Return outcomes, the oldest first; with `limit`, the newest so many."""
    query = select(
        OUTCOME,
        PROMISE.c.due,
        PROMISE.c.amount_minor,
        PROMISE.c.currency,
        PROMISE.c.instalments,
        PROMISE.c.every,
        PROMISE.c.total_minor,
    ).outerjoin(PROMISE, (PROMISE.c.box == OUTCOME.c.box) & (PROMISE.c.attempt == OUTCOME.c.attempt))
    query = _of(query, campaign, box).order_by(OUTCOME.c.ended_at.desc(), OUTCOME.c.attempt.desc())
    rows = list(connection.execute(query.limit(limit)))
    return [_outcome_line(row) for row in reversed(rows)]


def box_answer(connection: Connection, box: str, campaign: str) -> BoxAnswer:
    """Return what the box answered to a campaign, rejected rows named as the spreadsheet shows them."""
    of_campaign = (BATCH.c.box == box) & (BATCH.c.campaign == campaign)
    messages = connection.execute(select(func.count()).select_from(BATCH).where(of_campaign)).scalar_one()
    answers = list(
        connection.execute(
            select(ACK)
            .join(BATCH, (BATCH.c.id == ACK.c.about) & (BATCH.c.box == ACK.c.box))
            .where(of_campaign & SETTLES)
            .order_by(BATCH.c.place, ACK.c.at, ACK.c.id)
        )
    )
    # A message that came twice is answered twice; the first answer is the one that tells what was done.
    first: dict[str, Row[Any]] = {}
    for answer in answers:
        first.setdefault(answer.about, answer)
    refusals = [
        ": ".join(part for part in (each.kind, each.reason, each.detail) if part)
        for each in first.values()
        if not each.accepted
    ]
    said = [msgspec.json.decode(each.rejected, type=list[RejectedRow]) for each in first.values()]
    known = _rows_by_place(connection, box, campaign) if any(said) else {}
    rejected = []
    for rows in said:
        for row in rows:
            number, contact = known.get(row.row, (0, row.contact or ""))
            line = RejectedLine(row=number, contact=contact, reason=row.reason, detail=row.detail)
            rejected.append(line)
    return BoxAnswer(
        accepted=len(first) == messages and not refusals,
        messages=messages,
        answered=len(first),
        taken=sum(each.taken for each in first.values() if each.kind == "contacts"),
        refusals=refusals,
        rejected=rejected,
    )


def campaign_reports(
    connection: Connection, *, campaign: str | None = None, box: str | None = None
) -> list[CampaignReport]:
    """Return the counts of every campaign that was sent or that a box reports on, by name."""
    keys: set[tuple[str, str]] = set()
    for table in (CAMPAIGN, OUTCOME, REFUSAL):
        # One after the other: each is read along its index, where a union would carry every call into one sort.
        query = select(table.c.box, table.c.campaign)
        query = query if campaign is None else query.where(table.c.campaign == campaign)
        query = query if box is None else query.where(table.c.box == box)
        # Whether one campaign of one box is there is told by the first row of it.
        query = query.distinct() if campaign is None or box is None else query.limit(1)
        keys |= {(row.box, row.campaign) for row in connection.execute(query)}
    return [_report(connection, box, name) for box, name in sorted(keys)]


def gaps(connection: Connection) -> list[tuple[str, str, int]]:
    """Return (box, stream, first missing number) where something above it has come."""
    mark = (UPLINK.c.box == UPLINK_AHEAD.c.box) & (UPLINK.c.stream == UPLINK_AHEAD.c.stream)
    query = select(UPLINK.c.box, UPLINK.c.stream, UPLINK.c.up_to).join(UPLINK_AHEAD, mark)
    return sorted({(row[0], row[1], row[2] + 1) for row in connection.execute(query)})


def _report(connection: Connection, box: str, campaign: str) -> CampaignReport:
    answer = box_answer(connection, box, campaign)
    here = (CONTACT.c.box == box) & (CONTACT.c.campaign == campaign)
    sent = connection.execute(select(func.count()).select_from(CONTACT).where(here)).scalar_one()
    counts = select(
        func.count().label("attempts"),
        func.count(distinct(OUTCOME.c.contact)).label("contacts"),
        func.count(OUTCOME.c.answered_at).label("answered"),
        func.count().filter(OUTCOME.c.reached).label("reached"),
        func.count().filter(OUTCOME.c.right_party).label("right_party"),
        func.count(OUTCOME.c.suppressed).label("stopped"),
        func.coalesce(func.sum(OUTCOME.c.talk_ms).filter(OUTCOME.c.answered_at.is_not(None)), 0).label(
            "talk_ms"
        ),
    )
    total = connection.execute(_of(counts, campaign, box)).one()
    by_disposition = _of(select(OUTCOME.c.disposition, func.count()), campaign, box).group_by(
        OUTCOME.c.disposition
    )
    mine = (PROMISE.c.box == box) & (PROMISE.c.campaign == campaign)
    sums = select(PROMISE.c.currency, func.count(), func.sum(PROMISE.c.total_minor)).where(mine)
    promised = list(connection.execute(sums.group_by(PROMISE.c.currency)))
    return CampaignReport(
        box=box,
        campaign=campaign,
        sent=sent,
        taken=answer.taken,
        rejected=len(answer.rejected),
        contacts_attempted=total.contacts,
        attempts=total.attempts,
        answered=total.answered,
        reached=total.reached,
        right_party=total.right_party,
        promises=sum(row[1] for row in promised),
        promised={row[0]: amount_text(int(row[2]), row[0]) for row in promised if row[0] is not None},
        stopped=total.stopped,
        mean_talk_s=round(int(total.talk_ms) / total.answered / 1000, 1) if total.answered else 0.0,
        dispositions={row[0]: row[1] for row in connection.execute(by_disposition)},
        refusals=_standing_refusals(connection, box, campaign),
        connect_rate=round(total.answered / total.attempts, 3) if total.attempts else 0.0,
    )


def _standing_refusals(connection: Connection, box: str, campaign: str) -> dict[str, int]:
    """Count contacts by the rule they stand under: the box's last word, unless it was called since."""
    here = (REFUSAL.c.box == box) & (REFUSAL.c.campaign == campaign)
    columns = select(REFUSAL.c.contact, REFUSAL.c.rule, REFUSAL.c.at)
    last = {
        row.contact: row
        for row in connection.execute(columns.where(here).order_by(REFUSAL.c.at, REFUSAL.c.id))
    }
    called = select(OUTCOME.c.contact, func.max(OUTCOME.c.reserved_at)).group_by(OUTCOME.c.contact)
    called_at = {row[0]: row[1] for row in connection.execute(_of(called, campaign, box))}
    counts: dict[str, int] = {}
    for contact, row in last.items():
        if called_at.get(contact, -1) < row.at:
            counts[row.rule] = counts.get(row.rule, 0) + 1
    return dict(sorted(counts.items()))


def _outcome_line(row: Row[Any]) -> OutcomeLine:
    amount = f" {amount_text(row.amount_minor, row.currency)} {row.currency}" if row.amount_minor else ""
    plan = f", {row.instalments}, one a {row.every}" if row.every else ""
    listed = plan_payments(row)
    if listed and listed[-1][1] != row.amount_minor and len(listed) == row.instalments:
        plan += f", the last {amount_text(listed[-1][1], row.currency)} on {listed[-1][0]}"
    return OutcomeLine(
        ended_at_ms=row.ended_at,
        box=row.box,
        campaign=row.campaign,
        contact=row.contact,
        disposition=row.disposition,
        cause=row.cause,
        talk_s=round(row.talk_ms / 1000, 1),
        promise=f"{row.due}{amount}{plan}" if row.due else "",
        payments=[f"{day} {amount_text(minor, row.currency)} {row.currency}" for day, minor in listed],
        callback=(row.callback_local or "").replace("T", " "),
        answers=msgspec.json.decode(row.answers, type=dict[str, str]),
        transfer=row.transfer or "",
        hand_over=row.hand_over or "",
        suppressed=row.suppressed or "",
        attempt=row.attempt,
        recording=row.recording or "",
    )


def _rows_by_place(connection: Connection, box: str, campaign: str) -> dict[int, tuple[int, str]]:
    here = (CONTACT.c.box == box) & (CONTACT.c.campaign == campaign)
    rows = connection.execute(select(CONTACT.c.place, CONTACT.c.row, CONTACT.c.contact).where(here))
    return {row.place: (row.row, row.contact) for row in rows}


def _of(query: Select[Any], campaign: str | None, box: str | None) -> Select[Any]:
    if campaign is not None:
        query = query.where(OUTCOME.c.campaign == campaign)
    return query if box is None else query.where(OUTCOME.c.box == box)


def outcome_of_recording(rows: Connection, sha256: str) -> str:
    """Return what came of the call whose sealed recording has this digest, empty when no box has told."""
    asked = select(OUTCOME.c.disposition, OUTCOME.c.cause).where(OUTCOME.c.recording_sha256 == sha256)
    found = rows.execute(asked).first()
    return f"{found.disposition} ({found.cause})" if found else ""
