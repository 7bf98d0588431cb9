"""What one box must know of what others did with the same people: it counts there too."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, Connection, Exists, and_, exists, or_, select, union

from console.audit_tables import ELSEWHERE_SENT, TOLD
from console.ledger import Ledger
from console.ledger_engine import insert_into
from console.ledger_tables import ACK, CONTACT, OUTCOME
from console.signed_sender import SignedSender
from firmware.clock import Clock, from_ms, to_ms
from firmware.sync.messages import encode
from firmware.sync.messages_policy import ContactElsewhere, PeopleElsewhere, PersonElsewhere
from firmware.sync.topics import BoxTopics
from firmware.values import Disposition, UuidV7

LOOK_EVERY_S = 60.0
SETTLE_S = 1.0
"""Calls that end together are told of together."""
TELL_AGAIN_AFTER = timedelta(minutes=10)
REACHES_BACK = timedelta(days=400)
"""Longer than any rule counts."""
MAX_IN_ONE_MESSAGE = 400


class ElsewhereFeed:
    """Tells each box of contacts and facts about the people on its lists, until it has answered."""

    def __init__(
        self, *, sender: SignedSender, ledger: Ledger, tenant: str, clock: Clock[object], ids: UuidV7
    ) -> None:
        self._sender = sender
        self._ledger = ledger
        self._tenant = tenant
        self._clock = clock
        self._ids = ids
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Note that a box reported an outcome: others may have the same person."""
        self._changed.set()

    async def run(self) -> None:
        """Tell all boxes, again and again."""
        while True:
            self._changed.clear()
            await self.tell_all()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._changed.wait()
                    await asyncio.sleep(SETTLE_S)
            except TimeoutError:
                continue

    async def tell_all(self) -> int:
        """Send every box what it has not answered yet; return how many facts. Raises BrokerError, LedgerError."""
        return sum([await self.tell(box) for box in await asyncio.to_thread(self._boxes)])

    async def tell(self, box: str) -> int:
        """Send a box what it has not answered yet; return how many facts. Raises BrokerError, LedgerError."""
        messages = await asyncio.to_thread(self._messages, box)
        for message in messages:
            await self._sender.send(BoxTopics(self._tenant, box).down("ledger"), encode(message))
        return sum(len(message.contacts) + len(message.people) for message in messages)

    def _boxes(self) -> list[str]:
        with self._ledger.reading() as connection:
            return sorted(set(connection.execute(select(CONTACT.c.box).distinct()).scalars()))

    def _messages(self, box: str) -> list[PeopleElsewhere]:
        now = self._clock.now()
        with self._ledger.transaction() as connection:
            contacts, people = untold(connection, box, now)
            messages: list[PeopleElsewhere] = []
            facts = [*contacts.items(), *people.items()]
            for start in range(0, len(facts), MAX_IN_ONE_MESSAGE):
                part = facts[start : start + MAX_IN_ONE_MESSAGE]
                message = PeopleElsewhere(
                    id=self._ids.new(to_ms(now)),
                    at=now,
                    contacts=[fact for _, fact in part if isinstance(fact, ContactElsewhere)],
                    people=[fact for _, fact in part if isinstance(fact, PersonElsewhere)],
                )
                note_sent(connection, box, [name for name, _ in part], message.id, now)
                messages.append(message)
        return messages


def tell_contact(connection: Connection, fact: ContactElsewhere) -> bool:
    """Keep a contact over another channel for the boxes that have this person. Return whether it is new."""
    return _tell(connection, fact.contact, "contact", fact.person, fact.number, msgspec.json.encode(fact))


def tell_person(connection: Connection, name: str, fact: PersonElsewhere) -> bool:
    """Keep what was learnt of a person for the boxes that have them. Return whether it is new."""
    return _tell(connection, name, "person", fact.person, None, msgspec.json.encode(fact))


def untold(
    connection: Connection, box: str, now: datetime
) -> tuple[dict[str, ContactElsewhere], dict[str, PersonElsewhere]]:
    """Return what a box has not answered yet, by the fact's id: calls of other boxes, and what people here told."""
    # From this box's people to the others' calls, along the indexes: few people are on two boxes, calls are many.
    mine, theirs = CONTACT.alias("mine"), CONTACT.alias("theirs")
    shared = [
        select(theirs).join_from(mine, theirs, same & (theirs.c.box != box)).where(mine.c.box == box)
        for same in (theirs.c.person == mine.c.person, theirs.c.number == mine.c.number)
    ]
    known = union(*shared).subquery("known")
    calls = (
        select(OUTCOME, known.c.number, known.c.debt)
        .join_from(
            known,
            OUTCOME,
            and_(
                OUTCOME.c.contact == known.c.contact,
                OUTCOME.c.campaign == known.c.campaign,
                OUTCOME.c.box == known.c.box,
            ),
        )
        .where(OUTCOME.c.reserved_at >= to_ms(now - REACHES_BACK))
        .where(~is_told(box, OUTCOME.c.attempt, now))
        .order_by(OUTCOME.c.reserved_at)
    )
    contacts = {
        row.attempt: ContactElsewhere(
            contact=row.attempt,
            person=row.person,
            number=row.number,
            debt=row.debt,
            channel="call",
            at=from_ms(row.reserved_at),
            connected=row.answered_at is not None,
            conversation=bool(row.right_party)
            or (row.answered_at is not None and row.disposition == Disposition.TECHNICAL_FAILURE),
            disposition=row.disposition,
        )
        for row in connection.execute(calls)
    }
    people: dict[str, PersonElsewhere] = {}
    has_person = (
        select(CONTACT.c.box)
        .where(CONTACT.c.box == box)
        .where(or_(CONTACT.c.person == TOLD.c.person, CONTACT.c.number == TOLD.c.number))
    )
    of_people = TOLD.c.kind.in_(("contact", "person"))
    told = (
        select(TOLD)
        .where(of_people & exists(has_person.correlate(TOLD)))
        .where(~is_told(box, TOLD.c.fact, now))
    )
    for row in connection.execute(told):
        if row.kind == "contact":
            contacts[row.fact] = msgspec.json.decode(row.body, type=ContactElsewhere)
        else:
            people[row.fact] = msgspec.json.decode(row.body, type=PersonElsewhere)
    return contacts, people


def is_told(box: str, fact: ColumnElement[str], now: datetime) -> Exists:
    """Return whether a box has answered a fact, or was sent it just now."""
    answered = exists(
        select(ACK.c.about).where((ACK.c.box == box) & (ACK.c.about == ELSEWHERE_SENT.c.message))
    )
    is_fresh = ELSEWHERE_SENT.c.sent_at > to_ms(now - TELL_AGAIN_AFTER)
    return exists(
        select(ELSEWHERE_SENT.c.fact)
        .where((ELSEWHERE_SENT.c.box == box) & (ELSEWHERE_SENT.c.fact == fact))
        .where(or_(is_fresh, answered))
    )


def note_sent(connection: Connection, box: str, facts: Sequence[str], message: str, now: datetime) -> None:
    """Note in which message facts go to a box."""
    for fact in facts:
        row = {"box": box, "fact": fact, "message": message, "sent_at": to_ms(now)}
        connection.execute(
            insert_into(connection, ELSEWHERE_SENT)
            .values(row)
            .on_conflict_do_update(index_elements=["box", "fact"], set_=row)
        )


def _tell(connection: Connection, fact: str, kind: str, person: str, number: str | None, body: bytes) -> bool:
    row = {"fact": fact, "kind": kind, "person": person, "number": number, "body": body}
    return connection.execute(insert_into(connection, TOLD).on_conflict_do_nothing(), row).rowcount == 1
