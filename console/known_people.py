"""What the ledger knows of the people on a list: earlier numbers, earlier owners of a number, who may not be called."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, or_, select

from console.contacts_file import FileRow
from console.ledger_tables import CONTACT, OUTCOME
from console.suppressions import all_suppressions
from firmware.values import Disposition

AT_ONCE = 400
"""Values in one question: databases take a bounded number."""
WRONG = (Disposition.WRONG_NUMBER, Disposition.VACANT_NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPeople:
    """Facts of the people and numbers of one list."""

    persons_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By number: under whom it was sent before."""
    numbers_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By person."""
    wrong: frozenset[str] = frozenset()
    """Numbers where somebody else, or nobody, was found."""
    suppressed: frozenset[tuple[str, str]] = frozenset()
    """(scope, value)"""


NOTHING_KNOWN = KnownPeople()


def known_people(connection: Connection, rows: Iterable[FileRow]) -> KnownPeople:
    """Return what the ledger knows of the people on a list."""
    numbers, persons = set(), set()
    for listed in rows:
        numbers.add(listed.contact.numbers[0])
        persons.add(listed.contact.person)
    persons_of: dict[str, set[str]] = defaultdict(set)
    numbers_of: dict[str, set[str]] = defaultdict(set)
    for part in _parts(numbers):
        for row in connection.execute(
            select(CONTACT.c.number, CONTACT.c.person).where(CONTACT.c.number.in_(part))
        ):
            persons_of[row.number].add(row.person)
    for part in _parts(persons):
        for row in connection.execute(
            select(CONTACT.c.number, CONTACT.c.person).where(CONTACT.c.person.in_(part))
        ):
            numbers_of[row.person].add(row.number)
    return KnownPeople(
        persons_of={number: frozenset(found) for number, found in persons_of.items()},
        numbers_of={person: frozenset(found) for person, found in numbers_of.items()},
        wrong=frozenset(_wrong(connection, numbers)),
        suppressed=frozenset(
            (each.scope, value)
            for each in all_suppressions(connection)
            if (value := {"person": each.person, "number": each.number, "debt": each.debt}[each.scope])
        ),
    )


def _wrong(connection: Connection, numbers: set[str]) -> Iterator[str]:
    same = (
        (CONTACT.c.box == OUTCOME.c.box)
        & (CONTACT.c.campaign == OUTCOME.c.campaign)
        & (CONTACT.c.contact == OUTCOME.c.contact)
    )
    is_wrong = or_(*(OUTCOME.c.disposition == each.value for each in WRONG))
    for part in _parts(numbers):
        asked = select(CONTACT.c.number).join(OUTCOME, same).where(is_wrong & CONTACT.c.number.in_(part))
        yield from connection.execute(asked).scalars()


def _parts(values: set[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]
