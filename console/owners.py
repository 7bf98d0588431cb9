"""One box at a time may call a person: leases of people and numbers, and a list dealt out over several boxes.

A lease ends with the campaign that took it: a box calls nobody of a campaign that has expired. Whoever shares a number
is called by the same box, so that two boxes never ring one telephone.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, or_, select, tuple_

from console.contacts_file import FileRow
from console.errors import CampaignError
from console.ledger_engine import insert_into
from console.ledger_tables import CAMPAIGN, CONTACT
from console.payment_tables import OWNER
from firmware.clock import from_ms, to_ms

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


def release(connection: Connection, box: str, campaign: str, now: datetime) -> int:
    """Give up what a box holds for a campaign alone: it refused it, or will call nobody of it any more.

    Returns how many leases ended.
    """
    here = (CONTACT.c.box == box) & (CONTACT.c.campaign == campaign)
    others = (
        select(CONTACT.c.person, CONTACT.c.number)
        .join(CAMPAIGN, (CAMPAIGN.c.box == CONTACT.c.box) & (CAMPAIGN.c.campaign == CONTACT.c.campaign))
        .where(
            (CONTACT.c.box == box) & (CONTACT.c.campaign != campaign) & (CAMPAIGN.c.expires_at > to_ms(now))
        )
    )
    still = {
        key for row in connection.execute(others) for key in (("person", row.person), ("number", row.number))
    }
    mine = connection.execute(select(CONTACT.c.person, CONTACT.c.number).where(here))
    free = {key for row in mine for key in (("person", row.person), ("number", row.number))} - still
    ended = 0
    for part in _parts(sorted(free)):
        gone = delete(OWNER).where((OWNER.c.box == box) & tuple_(OWNER.c.kind, OWNER.c.value).in_(part))
        ended += connection.execute(gone).rowcount
    return ended


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
