"""One box at a time may call a person: leases of people and numbers, and a list dealt out over several boxes.

A lease ends with the campaign that took it: a box calls nobody of a campaign that has expired. Whoever shares a number
is called by the same box, so that two boxes never ring one telephone.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, Connection, Delete, Update, delete, or_, select, tuple_, update

from console.contacts_file import FileRow
from console.errors import CampaignError
from console.ledger_engine import insert_into
from console.ledger_tables import BOX, CAMPAIGN, CONTACT, CONTACT_NUMBER, ENDED
from console.payment_tables import OWNER
from firmware.clock import from_ms, to_ms
from firmware.sync.messages_state import LineWire

LONGEST_CALL = timedelta(minutes=15)
_SAME_CONTACT = (
    (CONTACT_NUMBER.c.box == CONTACT.c.box)
    & (CONTACT_NUMBER.c.campaign == CONTACT.c.campaign)
    & (CONTACT_NUMBER.c.contact == CONTACT.c.contact)
)
_AT_ONCE = 500
_NAMED = 10
"""Rows that a refusal names; the rest are counted."""

Key = tuple[str, str]
"""``person`` or ``number``, and which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Whose somebody is now."""

    box: str
    until_ms: int


def leases(connection: Connection, rows: Iterable[FileRow], now: datetime) -> dict[Key, Lease]:
    """Return the leases that people and numbers of a list are under now."""
    found: dict[Key, Lease] = {}
    for part in _parts(sorted({key for row in rows for key in keys_of(row)})):
        asked = select(OWNER).where(tuple_(OWNER.c.kind, OWNER.c.value).in_(part))
        for row in connection.execute(asked.where(OWNER.c.until > to_ms(now))):
            found[row.kind, row.value] = Lease(box=row.box, until_ms=row.until)
    return found


def deal(
    rows: Sequence[FileRow], boxes: Sequence[str], known: Mapping[Key, Lease]
) -> dict[str, list[FileRow]]:
    """Return each box's rows, in the list's order. The same people go to the same of these boxes every time.

    Raises CampaignError naming the rows whose people another box may call, or two boxes at once.
    """
    groups = _groups(rows)
    shares: dict[str, list[FileRow]] = {box: [] for box in boxes}
    refused: list[str] = []
    owners: dict[str, dict[str, int]] = {}
    for row in rows:
        for key in keys_of(row):
            if (lease := known.get(key)) is not None:
                of_group = owners.setdefault(groups[row.contact.contact], {})
                of_group[lease.box] = max(lease.until_ms, of_group.get(lease.box, 0))
    for row in rows:
        group = groups[row.contact.contact]
        held = owners.get(group, {})
        if len(held) > 1 or not set(held) <= set(boxes):
            until = f"{from_ms(max(held.values())):%Y-%m-%d %H:%M}Z"
            refused.append(f"row {row.row}: {' and '.join(sorted(held))} may call this person until {until}")
            continue
        box = next(iter(held)) if held else max(boxes, key=lambda each: _weight(each, group))
        shares[box].append(row)
    if refused:
        others = sorted({box for held in owners.values() for box in held} - set(boxes))
        way_out = (
            f"push with --box {' --box '.join((*boxes, *others))}, or" if others else "keep one of them,"
        )
        more = [f"and {len(refused) - _NAMED} more rows"] if len(refused) > _NAMED else []
        raise CampaignError(
            f"{len(refused)} row(s) are people whom another box may call; {way_out} leave them out",
            details=[*refused[:_NAMED], *more],
        )
    return shares


def claim(
    connection: Connection, box: str, rows: Sequence[FileRow], *, until: datetime, now: datetime
) -> None:
    """Give a box the people of its rows, in the transaction that notes the campaign.

    Raises CampaignError if another push was faster.
    """
    until_ms, now_ms = to_ms(until), to_ms(now)
    wanted = sorted({key for row in rows for key in keys_of(row)})
    for part in _parts(wanted):
        adding = insert_into(connection, OWNER)
        may_take = or_(OWNER.c.box == adding.excluded.box, OWNER.c.until <= now_ms)
        is_mine = OWNER.c.box == adding.excluded.box
        connection.execute(
            adding.on_conflict_do_update(
                index_elements=["kind", "value"],
                set_={"box": adding.excluded.box, "until": adding.excluded.until},
                # A shorter campaign does not shorten the lease of a longer one.
                where=may_take & ~(is_mine & (OWNER.c.until > adding.excluded.until)),
            ),
            [{"kind": kind, "value": value, "box": box, "until": until_ms} for kind, value in part],
        )
    taken = leases(connection, rows, now)
    if lost := sorted({lease.box for lease in taken.values() if lease.box != box}):
        raise CampaignError(
            f"meanwhile {', '.join(lost)} got some of these people; push again to see which rows"
        )


def release(
    connection: Connection, box: str, campaign: str, now: datetime, *, contact: str | None = None
) -> int:
    """Give up what a box holds for a campaign alone, or for one contact of it: it will call nobody of that any more.

    Returns how many leases ended. While the call may still be up they end with the longest one.
    """
    adding = insert_into(connection, ENDED).on_conflict_do_nothing()
    ended = {"box": box, "campaign": campaign, "contact": contact or "", "at": to_ms(now)}
    connection.execute(adding, ended)
    theirs = (CONTACT.c.box == box) & (CONTACT.c.campaign == campaign)
    if contact is not None:
        theirs &= CONTACT.c.contact == contact
    free = sorted(_keys_where(connection, theirs))
    is_calling = _may_be_calling(connection, box, campaign, contact)
    n_ended = 0
    for part in _parts(free):
        gone = sorted(set(part) - _still_called(connection, box, part, to_ms(now)))
        here = (OWNER.c.box == box) & tuple_(OWNER.c.kind, OWNER.c.value).in_(gone)
        if is_calling:
            last = to_ms(now + LONGEST_CALL)
            change: Delete | Update = update(OWNER).where(here & (OWNER.c.until > last)).values(until=last)
        else:
            change = delete(OWNER).where(here)
        n_ended += connection.execute(change).rowcount
    return n_ended


def _keys_where(connection: Connection, which: ColumnElement[bool]) -> set[Key]:
    rows = connection.execute(select(CONTACT.c.person, CONTACT.c.number).where(which))
    found = {key for row in rows for key in (("person", row.person), ("number", row.number))}
    others = select(CONTACT_NUMBER.c.number).join(CONTACT, _SAME_CONTACT).where(which)
    return found | {("number", number) for number in connection.execute(others).scalars()}


def _still_called(connection: Connection, box: str, keys: Sequence[Key], now_ms: int) -> set[Key]:
    """Return which of these people and numbers another contact of the box may be called for."""
    ended = (
        select(ENDED.c.at)
        .where((ENDED.c.box == CONTACT.c.box) & (ENDED.c.campaign == CONTACT.c.campaign))
        .where(ENDED.c.contact.in_(("", CONTACT.c.contact)))
    )
    is_open = (CONTACT.c.box == box) & (CAMPAIGN.c.expires_at > now_ms) & ~ended.exists()
    of_campaign = (CAMPAIGN.c.box == CONTACT.c.box) & (CAMPAIGN.c.campaign == CONTACT.c.campaign)
    found: set[Key] = set()
    for kind, column in (("person", CONTACT.c.person), ("number", CONTACT.c.number)):
        wanted = [value for of, value in keys if of == kind]
        asked = select(column).join(CAMPAIGN, of_campaign).where(is_open & column.in_(wanted))
        found |= {(kind, value) for value in connection.execute(asked).scalars()}
    others = (
        select(CONTACT_NUMBER.c.number)
        .join(CONTACT, _SAME_CONTACT)
        .join(CAMPAIGN, of_campaign)
        .where(is_open & CONTACT_NUMBER.c.number.in_([value for of, value in keys if of == "number"]))
    )
    return found | {("number", value) for value in connection.execute(others).scalars()}


def _may_be_calling(connection: Connection, box: str, campaign: str, contact: str | None) -> bool:
    """Say whether the box was in a call of it when it last spoke: such a call goes on to its end."""
    lines = connection.execute(select(BOX.c.lines).where(BOX.c.box == box)).scalar_one_or_none()
    return any(
        line.campaign == campaign and contact in (None, line.contact)
        for line in msgspec.json.decode(lines or "[]", type=list[LineWire])
    )


def keys_of(row: FileRow) -> list[Key]:
    """Return whom and what a row would ring."""
    return [("person", row.contact.person), *(("number", number) for number in row.contact.numbers)]


def _parts(keys: Sequence[Key]) -> Iterable[Sequence[Key]]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))


def _groups(rows: Iterable[FileRow]) -> dict[str, str]:
    """Return, for each contact, the name of its group: those joined by a person or a number, however indirectly."""
    parent: dict[Key, Key] = {}

    def root(key: Key) -> Key:
        while (above := parent.setdefault(key, key)) != key:
            parent[key] = parent.get(above, above)
            key = parent[key]
        return key

    rows = list(rows)
    for row in rows:
        first, *more = keys_of(row)
        for key in more:
            one, other = sorted((root(first), root(key)))
            parent[one] = other  # "person" sorts after "number": groups are named by a person
    names: dict[Key, str] = {}
    for row in rows:
        top = root(("person", row.contact.person))
        names[top] = min(names.get(top, row.contact.person), row.contact.person)
    return {row.contact.contact: names[root(("person", row.contact.person))] for row in rows}


def _weight(box: str, group: str) -> bytes:
    """Order boxes for a group at random, always the same: another box takes over no more than its share."""
    return hashlib.sha256(f"{box}\0{group}".encode()).digest()
