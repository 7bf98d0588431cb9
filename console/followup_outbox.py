"""Follow-ups in the ledger: planned once for a rule and an attempt, judged again just before they are sent."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, select, update

from console.audit_tables import TOLD
from console.elsewhere import tell_contact
from console.followup_rules import FollowupRules, Rule
from console.ledger_facts import insert_new
from console.ledger_tables import CONTACT, OUTCOME, PROMISE
from console.office_tables import FOLLOWUP, REACHABLE
from console.suppressions import add_suppression, all_suppressions
from firmware.clock import to_ms
from firmware.sync.messages_policy import ContactElsewhere

WAITING, SENDING, SENT, FAILED, DROPPED, UNSURE = "waiting", "sending", "sent", "failed", "dropped", "unsure"
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720))
LOOK_AGAIN = timedelta(hours=1)


class Due(msgspec.Struct, kw_only=True, frozen=True):
    """One follow-up that may go out now."""

    id: str
    rule: str
    channel: str
    person: str
    box: str
    attempt: str
    token: str
    tries: int
    email: str = ""
    language: str = ""
    due: str = ""
    callback: str = ""
    outcome: dict[str, Any] = {}


def plan(connection: Connection, rules: FollowupRules, now: datetime) -> int:
    """Plan what outcomes call for and was never planned. Return how many are new."""
    n_new = 0
    for rule in rules.rule:
        asked = (
            select(OUTCOME.c.box, OUTCOME.c.attempt, OUTCOME.c.person)
            .where(OUTCOME.c.disposition.in_([each.value for each in rule.after]))
            .where(OUTCOME.c.ended_at >= to_ms(now - timedelta(hours=rule.within_hours)))
            .order_by(OUTCOME.c.ended_at)
        )
        for row in connection.execute(asked).all():
            n_new += insert_new(
                connection,
                FOLLOWUP,
                {
                    "id": _id(rule, row.box, row.attempt),
                    "rule": rule.name,
                    "channel": rule.channel,
                    "person": row.person,
                    "box": row.box,
                    "attempt": row.attempt,
                    "token": secrets.token_hex(
                        16
                    ),  # no leading "-", which a command line takes for an option
                    "state": WAITING,
                    "reason": "",
                    "tries": 0,
                    "next_at": to_ms(now),
                    "ended_at": None,
                },
            )
    return n_new


def take_next(connection: Connection, rules: FollowupRules, now: datetime) -> Due | None:
    """Claim the next follow-up that may go out, and end those that may not. Return None when there is none."""
    by_name = {rule.name: rule for rule in rules.rule}
    waiting = (
        select(FOLLOWUP)
        .where((FOLLOWUP.c.state == WAITING) & (FOLLOWUP.c.next_at <= to_ms(now)))
        .order_by(FOLLOWUP.c.next_at, FOLLOWUP.c.id)
    )
    rows = connection.execute(waiting).all()
    suppressed = _suppressed(connection) if rows else frozenset()
    for row in rows:
        outcome = _outcome(connection, row)
        rule = by_name.get(row.rule)
        if rule is None or outcome is None:
            _end(connection, row.id, DROPPED, "no_rule", now)
            continue
        if now - timedelta(hours=rule.within_hours) > _at(outcome.ended_at, now):
            _end(connection, row.id, DROPPED, "too_late", now)
            continue
        reach = connection.execute(select(REACHABLE).where(REACHABLE.c.person == row.person)).first()
        if rule.channel != "webhook":
            reason = _refusal(connection, outcome, reach, rule, suppressed)
            if reason:
                _end(connection, row.id, DROPPED, reason, now)
                continue
        if rule.channel == "sms":
            # Hours, consent and the caps of the rules are the box's to judge, when it sends.
            if _contacts(connection, row.person, now, rules.frequency.days) >= rules.frequency.contacts:
                _put_off(connection, row.id, "too_often", now + LOOK_AGAIN, row.tries)
                continue
        elif rule.channel == "email":
            if rules.quiet is not None and (over_at := rules.quiet.over_at(now)) is not None:
                _put_off(connection, row.id, "quiet_hours", over_at, row.tries)
                continue
            if _contacts(connection, row.person, now, rules.frequency.days) >= rules.frequency.contacts:
                _put_off(connection, row.id, "too_often", now + LOOK_AGAIN, row.tries)
                continue
        claimed = update(FOLLOWUP).where((FOLLOWUP.c.id == row.id) & (FOLLOWUP.c.state == WAITING))
        if connection.execute(claimed.values(state=SENDING, reason="")).rowcount != 1:
            continue  # another program has it
        return Due(
            id=row.id,
            rule=row.rule,
            channel=row.channel,
            person=row.person,
            box=row.box,
            attempt=row.attempt,
            token=row.token,
            tries=row.tries,
            email=reach.email if reach else "",
            language=reach.language if reach else "",
            due=outcome.due or "",
            callback=(outcome.callback_local or "").replace("T", " "),
            outcome={
                "campaign": outcome.campaign,
                "contact": outcome.contact,
                "person": row.person,
                "box": row.box,
                "attempt": row.attempt,
                "disposition": outcome.disposition,
                "ended_at_ms": outcome.ended_at,
                "promise_due": outcome.due,
                "callback": outcome.callback_local,
            },
        )
    return None


def note_sent(connection: Connection, due: Due, now: datetime) -> None:
    """Note that it went out; every box that has this person counts it."""
    _end(connection, due.id, SENT, "", now)
    number = connection.execute(
        select(CONTACT.c.number).where(CONTACT.c.person == due.person).limit(1)
    ).scalar()
    if due.channel == "email" and number is not None:
        fact = ContactElsewhere(
            contact=due.id, person=due.person, number=number, channel="email", at=now, connected=True
        )
        tell_contact(connection, fact)


def note_failed(connection: Connection, due: Due, reason: str, now: datetime, *, may_try_again: bool) -> None:
    """Note a failure; one that may pass is tried again later, ever more rarely, and then given up."""
    if may_try_again and due.tries < len(BACK_OFF):
        _put_off(connection, due.id, reason, now + BACK_OFF[due.tries], due.tries + 1)
    else:
        _end(connection, due.id, FAILED, reason, now)


def note_unsure(connection: Connection, due: Due, reason: str, now: datetime) -> None:
    """Note that it may have gone out: it is not sent again, a person looks at it."""
    _end(connection, due.id, UNSURE, reason, now)


def end_interrupted(connection: Connection, now: datetime) -> int:
    """Settle what a program that was stopped had begun: e-mail may have gone out, a webhook can be told again."""
    begun = FOLLOWUP.c.state == SENDING
    mail = update(FOLLOWUP).where(begun & (FOLLOWUP.c.channel == "email"))
    n_mails = connection.execute(
        mail.values(state=UNSURE, reason="interrupted", ended_at=to_ms(now))
    ).rowcount
    rest = update(FOLLOWUP).where(begun & (FOLLOWUP.c.channel != "email"))
    return n_mails + connection.execute(rest.values(state=WAITING, next_at=to_ms(now))).rowcount


def unsubscribe(connection: Connection, token: str, now: datetime) -> str | None:
    """Honour an unsubscribe as an opt-out from every channel. Return whose it was, None if nobody was sent this token."""
    person = connection.execute(select(FOLLOWUP.c.person).where(FOLLOWUP.c.token == token)).scalar()
    if person is None:
        return None
    add_suppression(connection, "person", person, "opt_out", now)
    return str(person)


def listed(connection: Connection, *, state: str | None = None, limit: int = 200) -> Sequence[Row[Any]]:
    """Return follow-ups, the newest first."""
    asked = select(FOLLOWUP).order_by(FOLLOWUP.c.next_at.desc(), FOLLOWUP.c.id).limit(limit)
    return connection.execute(asked.where(FOLLOWUP.c.state == state) if state else asked).all()


def _id(rule: Rule, box: str, attempt: str) -> str:
    return hashlib.sha256(f"{rule.name}\0{box}\0{attempt}".encode()).hexdigest()[:32]


def _outcome(connection: Connection, row: Row[Any]) -> Row[Any] | None:
    same = (PROMISE.c.box == OUTCOME.c.box) & (PROMISE.c.attempt == OUTCOME.c.attempt)
    asked = select(OUTCOME, PROMISE.c.due).outerjoin_from(OUTCOME, PROMISE, same)
    return connection.execute(
        asked.where((OUTCOME.c.box == row.box) & (OUTCOME.c.attempt == row.attempt))
    ).first()


def _suppressed(connection: Connection) -> frozenset[tuple[str, str]]:
    return frozenset(
        (each.scope, each.person or each.number or each.debt or "") for each in all_suppressions(connection)
    )


def _refusal(
    connection: Connection,
    outcome: Row[Any],
    reach: Row[Any] | None,
    rule: Rule,
    suppressed: frozenset[tuple[str, str]],
) -> str:
    known = select(CONTACT.c.number, CONTACT.c.debt).where(CONTACT.c.person == outcome.person).distinct()
    keys = {("person", outcome.person)}
    for number, debt in connection.execute(known):
        # Whoever does not want calls to a number, or about a debt, is not written to about it either.
        keys |= {("number", number), ("debt", debt or "")}
    if keys & suppressed:
        return "opted_out"
    if rule.channel == "sms":
        return ""
    if reach is None:
        return "no_address"
    if rule.consent not in msgspec.json.decode(reach.consents, type=list[str]):
        return "no_consent"
    return ""


def _contacts(connection: Connection, person: str, now: datetime, days: int) -> int:
    """Count contacts of the last days over all channels: answered calls, what others told, what was written."""
    since = to_ms(now - timedelta(days=days))
    calls = select(func.count()).where(
        (OUTCOME.c.person == person) & OUTCOME.c.answered_at.is_not(None) & (OUTCOME.c.ended_at >= since)
    )
    told = connection.execute(
        select(TOLD.c.body).where((TOLD.c.person == person) & (TOLD.c.kind == "contact"))
    )
    facts = [msgspec.json.decode(body, type=ContactElsewhere) for body in told.scalars()]
    unknown = select(func.count()).where(
        (FOLLOWUP.c.person == person)
        & (FOLLOWUP.c.channel == "email")
        & FOLLOWUP.c.state.in_([SENT, UNSURE])
        & (FOLLOWUP.c.ended_at >= since)
    )
    ours = select(FOLLOWUP.c.id).where((FOLLOWUP.c.person == person) & FOLLOWUP.c.state.in_([SENT, UNSURE]))
    written = set(connection.execute(ours).scalars())
    others = sum(1 for fact in facts if to_ms(fact.at) >= since and fact.contact not in written)
    n_calls = int(connection.execute(calls).scalar_one())
    return n_calls + others + int(connection.execute(unknown).scalar_one())


def _at(at_ms: int, now: datetime) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, now.tzinfo)


def _end(connection: Connection, followup: str, state: str, reason: str, now: datetime) -> None:
    ended = update(FOLLOWUP).where(FOLLOWUP.c.id == followup)
    connection.execute(ended.values(state=state, reason=reason, ended_at=to_ms(now)))


def _put_off(connection: Connection, followup: str, reason: str, until: datetime, tries: int) -> None:
    later = update(FOLLOWUP).where(FOLLOWUP.c.id == followup)
    connection.execute(later.values(state=WAITING, reason=reason, next_at=to_ms(until), tries=tries))
