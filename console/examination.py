"""Examine a call list as a whole: what no single cell shows, such as one person under two ids.

A bad row cannot be sent. A doubtful one can; somebody should look at it first. No finding repeats a value of the list.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from statistics import median

import phonenumbers
from phonenumbers import timezone as number_zones

from console.contacts_file import ContactsFile, FileRow
from console.known_people import NOTHING_KNOWN, KnownPeople

FAR_FROM_MEDIAN = 1000
"""Times: a point in the wrong place makes 100, another 100 is a different kind of debt."""
ENOUGH_AMOUNTS = 5
MAX_YEARS_AGO, MAX_YEARS_AHEAD = 20, 5
MANY_NUMBERS = 3
"""So many numbers of one person: most of them are somebody else's by now."""
_ANY_ZONE = {"Etc/Unknown"}


class Severity(StrEnum):
    """What becomes of the row."""

    BAD = "bad"
    """It is left out."""
    DOUBTFUL = "doubtful"
    """It is sent unless the person pushing says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing about one row."""

    row: int
    """As the spreadsheet shows it: the header is row 1."""
    column: str
    reason: str
    severity: Severity
    detail: str
    """What to do; never the value itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What is right and wrong with a list."""

    contacts: ContactsFile
    rows: tuple[FileRow, ...]
    """What can be sent."""
    findings: tuple[Finding, ...]
    bad_rows: frozenset[int] = field(default_factory=frozenset)
    doubtful_rows: frozenset[int] = field(default_factory=frozenset)
    """Rows that can be sent and that somebody should look at."""

    @property
    def n_read(self) -> int:
        """Return how many rows with content the list has."""
        return self.contacts.n_read

    @property
    def bad_share(self) -> float:
        """Return the share of rows that are left out, 0 to 1."""
        return len(self.bad_rows) / self.n_read if self.n_read else 0.0

    def of(self, severity: Severity) -> list[Finding]:
        """Return the findings of one severity."""
        return [each for each in self.findings if each.severity is severity]

    def rows_by_reason(self, severity: Severity) -> dict[str, int]:
        """Return how many rows each reason concerns, the most frequent first."""
        pairs = {(each.reason, each.row) for each in self.of(severity)}
        return dict(Counter(reason for reason, _ in sorted(pairs)).most_common())

    def without_doubt(self) -> tuple[FileRow, ...]:
        """Return the rows of which nothing at all was found."""
        return tuple(each for each in self.rows if each.row not in self.doubtful_rows)


def examine(contacts: ContactsFile, *, today: date, known: KnownPeople = NOTHING_KNOWN) -> Examination:
    """Return what is wrong with a list, by row and reason. `known` is what the ledger says of its people."""
    found = [
        Finding(
            row=each.row, column=each.column, reason=each.reason, severity=Severity.BAD, detail=each.detail
        )
        for each in contacts.problems
    ]
    found += _two_ids(contacts.rows)
    bad = frozenset(each.row for each in found)
    rows = tuple(each for each in contacts.rows if each.row not in bad)
    doubts = [
        *_shared_numbers(rows),
        *_shared_debts(rows),
        *_alike(rows),
        *_far_amounts(rows),
        *_by_row(rows, today),
        *_by_ledger(rows, known),
    ]
    ordered = sorted([*found, *doubts], key=lambda each: (each.row, each.severity, each.column, each.reason))
    return Examination(
        contacts=contacts,
        rows=rows,
        findings=tuple(ordered),
        bad_rows=bad,
        doubtful_rows=frozenset(each.row for each in doubts),
    )


def digest(content: bytes) -> str:
    """Return the name of a file's content: the same list examined twice counts once."""
    return hashlib.sha256(content).hexdigest()


def _doubt(row: FileRow, column: str, reason: str, detail: str) -> Finding:
    return Finding(row=row.row, column=column, reason=reason, severity=Severity.DOUBTFUL, detail=detail)


def _name(row: FileRow) -> str:
    return "".join(str(row.contact.vars.get("callee_name", "")).split()).casefold()


def _two_ids(rows: Iterable[FileRow]) -> list[Finding]:
    """Find people who are on the list twice by number and name: caps count by person, so one id must do."""
    first: dict[tuple[str, str], FileRow] = {}
    found = []
    for row in rows:
        if not (name := _name(row)):
            continue
        before = first.setdefault((row.contact.numbers[0], name), row)
        if before is not row:
            detail = f"row {before.row} has the same number and name under another id; give both the same, keep one"
            found.append(
                Finding(
                    row=row.row,
                    column="person",
                    reason="one_person_two_ids",
                    severity=Severity.BAD,
                    detail=detail,
                )
            )
    return found


def _others(rows: list[FileRow], row: FileRow) -> str:
    return ", ".join([str(each.row) for each in rows if each is not row][:5])


def _shared_numbers(rows: Iterable[FileRow]) -> list[Finding]:
    groups: dict[str, list[FileRow]] = defaultdict(list)
    for row in rows:
        groups[row.contact.numbers[0]].append(row)
    return [
        _doubt(
            row,
            "number",
            "number_of_several_persons",
            f"row {_others(group, row)} has the same number for somebody else; find out whose it is",
        )
        for group in groups.values()
        if len({each.contact.person for each in group}) > 1
        for row in group
    ]


def _shared_debts(rows: Iterable[FileRow]) -> list[Finding]:
    groups: dict[str, list[FileRow]] = defaultdict(list)
    for row in rows:
        if row.contact.debt:
            groups[row.contact.debt].append(row)
    return [
        _doubt(
            row,
            "debt",
            "debt_of_several_persons",
            f"row {_others(group, row)} has the same debt for somebody else; name the one who owes it",
        )
        for group in groups.values()
        if len({each.contact.person for each in group}) > 1
        for row in group
    ]


def _alike(rows: Iterable[FileRow]) -> list[Finding]:
    """Find rows with the same name and last four digits but other numbers: perhaps one person."""
    groups: dict[tuple[str, str], list[FileRow]] = defaultdict(list)
    for row in rows:
        name, last4 = _name(row), str(row.contact.vars.get("last4", ""))
        if name and last4:
            groups[name, last4].append(row)
    return [
        _doubt(
            row,
            "person",
            "perhaps_one_person",
            f"row {_others(group, row)} has the same name and last digits; if it is one person, use one id",
        )
        for group in groups.values()
        if len(group) > 1
        for row in group
    ]


def _far_amounts(rows: Iterable[FileRow]) -> list[Finding]:
    groups: dict[tuple[str, str], list[tuple[int, FileRow]]] = defaultdict(list)
    for row in rows:
        for var, value in row.contact.vars.items():
            if isinstance(value, dict) and "minor" in value:
                groups[var, value["currency"]].append((value["minor"], row))
    found = []
    for (var, _currency), amounts in groups.items():
        middle = median(minor for minor, _ in amounts)
        for minor, row in amounts if len(amounts) >= ENOUGH_AMOUNTS else ():
            if not middle / FAR_FROM_MEDIAN <= minor <= middle * FAR_FROM_MEDIAN:
                column = "amount" if var == "amount_due" else var
                detail = f"over {FAR_FROM_MEDIAN} times more or less than the list's middle; check the point"
                found.append(_doubt(row, column, "amount_far_from_others", detail))
    return found


def _by_row(rows: Iterable[FileRow], today: date) -> list[Finding]:
    found = []
    for row in rows:
        contact = row.contact
        if not contact.consents:
            detail = "fill in what the person agreed to, such as call_reminders; rules may demand it"
            found.append(_doubt(row, "consents", "no_consent", detail))
        if contact.time_zone is None and _zones(contact.numbers[0], contact.region) != 1:
            detail = "fill in an IANA name; without it calls keep to hours that fit every zone it could be"
            found.append(_doubt(row, "time_zone", "no_time_zone", detail))
        for var, value in contact.vars.items():
            day = _day(value)
            if day and not today.year - MAX_YEARS_AGO <= day.year <= today.year + MAX_YEARS_AHEAD:
                detail = f"more than {MAX_YEARS_AGO} years ago or {MAX_YEARS_AHEAD} ahead; check the year"
                found.append(_doubt(row, var, "date_far_away", detail))
    return found


def _by_ledger(rows: Iterable[FileRow], known: KnownPeople) -> list[Finding]:
    found = []
    for row in rows:
        contact, number = row.contact, row.contact.numbers[0]
        if known.persons_of.get(number, frozenset()) - {contact.person}:
            detail = "an earlier list has it for somebody else; it may have changed hands, ask before calling"
            found.append(_doubt(row, "number", "number_was_somebody_elses", detail))
        if number in known.wrong:
            detail = "an earlier call reached the wrong person or nobody; find the new number"
            found.append(_doubt(row, "number", "number_was_wrong", detail))
        if len(known.numbers_of.get(contact.person, frozenset()) | {number}) >= MANY_NUMBERS:
            detail = f"{MANY_NUMBERS} or more numbers of this person by now; find out which is theirs"
            found.append(_doubt(row, "number", "person_of_many_numbers", detail))
        keys = {("person", contact.person), ("number", number), ("debt", contact.debt or "")}
        if keys & known.suppressed:
            detail = "no box may call any more; take the row out"
            found.append(_doubt(row, "person", "suppressed", detail))
    return found


def _zones(number: str, region: str | None) -> int:
    """Return in how many time zones somebody with this number, or in this part of a country, may be."""
    if region and "-" in region:
        return 1  # the box knows a part of a country better than a number
    zones = set(number_zones.time_zones_for_number(phonenumbers.parse(number))) - _ANY_ZONE
    return len(zones)


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None


def reasons(examination: Examination) -> Mapping[str, Mapping[str, int]]:
    """Return rows by severity and reason, for programs."""
    return {severity.value: examination.rows_by_reason(severity) for severity in Severity}
