"""What the console tells of people outside this box, into the database; runs inside one transaction."""

import msgspec

from firmware.store import elsewhere
from firmware.store.connection import Connection
from firmware.sync.answers import Answer, rejected_row
from firmware.sync.messages import RejectedRow
from firmware.sync.messages_policy import ContactElsewhere, PeopleElsewhere, PersonElsewhere
from firmware.values import E164, InvalidNumberError, PersonId, parse_e164


def apply_elsewhere(con: Connection, message: PeopleElsewhere) -> Answer:
    """Keep every row that can be read; one that cannot is rejected by its place, contacts counted first."""
    rejected: list[RejectedRow] = []
    taken = 0
    for row, contact in enumerate(message.contacts):
        try:
            number = parse_e164(contact.number)
        except InvalidNumberError as error:
            rejected.append(rejected_row(row, "invalid_number", str(error)))
            continue
        taken += elsewhere.add_contact(con, _stored(contact, number))
    for row, person in enumerate(message.people):
        if problem := _problem(person):
            rejected.append(rejected_row(len(message.contacts) + row, "ill_typed", problem))
            continue
        fact = msgspec.json.encode(person).decode()
        elsewhere.add_person_fact(con, message.id, row, PersonId(person.person), fact)
        taken += 1
    return Answer(
        accepted=not rejected, reason="ill_typed" if rejected else "", taken=taken, rejected=rejected
    )


def _stored(wire: ContactElsewhere, number: E164) -> elsewhere.StoredElsewhere:
    return elsewhere.StoredElsewhere(
        contact=wire.contact,
        person=PersonId(wire.person),
        number=number,
        debt=wire.debt,
        channel=wire.channel,
        at=wire.at,
        connected=wire.connected,
        conversation=wire.conversation,
        disposition=wire.disposition,
    )


def _problem(wire: PersonElsewhere) -> str:
    if wire.hours is not None:
        start, _, end = wire.hours.partition("-")
        if start >= end:  # both are HH:MM
            return "hours begin before they end: write 10:00-16:00"
    if not (wire.revoked or wire.status or wire.number_reassigned_at or wire.hours):
        return "it says nothing of the person"
    return ""
