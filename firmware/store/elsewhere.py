"""What others of the fleet did and learnt about people, as the console tells it: only ever added to."""

from dataclasses import dataclass, field
from datetime import datetime

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection, Row
from firmware.values import E164, PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredElsewhere:
    """One attempt or contact that this box did not make."""

    contact: str
    person: PersonId
    number: E164 = field(repr=False)
    debt: str | None
    channel: str
    at: datetime
    connected: bool
    conversation: bool
    disposition: str | None


def add_contact(con: Connection, fact: StoredElsewhere) -> bool:
    """Keep a contact; say whether it is new. One that is known stays as it was first told."""
    added = con.execute(
        "INSERT INTO contact_elsewhere VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (contact) DO NOTHING",
        (
            fact.contact,
            fact.person,
            fact.number,
            fact.debt,
            fact.channel,
            to_ms(fact.at),
            int(fact.connected),
            int(fact.conversation),
            fact.disposition,
        ),
    )
    con.touch("elsewhere")
    return bool(added)


def add_person_fact(con: Connection, message_id: str, row: int, person: PersonId, fact: str) -> None:
    """Keep what was learnt of a person, JSON; which message and row said so is its key."""
    con.insert("person_elsewhere", {"id": message_id, "row": row, "person": person, "fact": fact})
    con.touch("elsewhere")


def contacts_for(
    con: Connection, person: PersonId, debt: str | None, number: E164, since: datetime
) -> list[StoredElsewhere]:
    """Return every contact since then that touches this person, this debt or this number, oldest first."""
    rows = con.rows(
        """SELECT * FROM contact_elsewhere WHERE person = :person AND at >= :since
           UNION SELECT * FROM contact_elsewhere WHERE number = :number AND at >= :since
           UNION SELECT * FROM contact_elsewhere WHERE debt = :debt AND at >= :since
           ORDER BY at, contact""",
        {"person": person, "number": number, "debt": debt, "since": to_ms(since)},
    )
    return [_elsewhere(row) for row in rows]


def person_facts(con: Connection, person: PersonId) -> list[str]:
    """Return what was learnt of a person, in the order of the messages' ids."""
    rows = con.rows("SELECT fact FROM person_elsewhere WHERE person = ? ORDER BY id, row", (person,))
    return [str(row["fact"]) for row in rows]


def _elsewhere(row: Row) -> StoredElsewhere:
    return StoredElsewhere(
        contact=row["contact"],
        person=PersonId(row["person"]),
        number=E164(row["number"]),
        debt=row["debt"],
        channel=row["channel"],
        at=from_ms(row["at"]),
        connected=bool(row["connected"]),
        conversation=bool(row["conversation"]),
        disposition=row["disposition"],
    )
