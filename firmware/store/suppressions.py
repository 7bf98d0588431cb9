"""Do not call: only ever added to. And the lease: until when the list may be taken for complete."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from firmware.clock import from_ms, to_ms
from firmware.store.connection import Connection, Row
from firmware.values import E164, PersonId

Scope = Literal["person", "number", "debt"]
_CONFIRMED_AT = "suppressions_confirmed_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One reason not to call; `scope` says which of the three ids it is about."""

    id: str
    scope: Scope
    person: PersonId | None = None
    number: E164 | None = field(default=None, repr=False)
    debt: str | None = None
    reason: str
    source: str
    """``console``, ``call``, ``inbound`` (who called in) or ``sms`` (who wrote)."""
    at: datetime


def add(con: Connection, suppression: Suppression) -> bool:
    """Keep a suppression; False if the same one is there already.

    Raises StoreConflictError if the id that its scope needs is missing.
    """
    values = {
        "id": suppression.id,
        "scope": suppression.scope,
        "person": suppression.person,
        "number": suppression.number,
        "debt": suppression.debt,
        "reason": suppression.reason,
        "source": suppression.source,
        "at": to_ms(suppression.at),
    }
    con.touch("suppression")
    return bool(
        con.execute(
            f"""INSERT INTO suppression ({", ".join(values)}) VALUES ({", ".join("?" * len(values))})
                ON CONFLICT (scope, ifnull(person,''), ifnull(number,''), ifnull(debt,''), reason)
                DO NOTHING""",
            tuple(values.values()),
        )
    )


def for_call(con: Connection, person: PersonId, number: E164, debt: str | None) -> list[Suppression]:
    """Return every suppression that names this person, this number or this debt, whatever its scope."""
    rows = con.rows(
        """SELECT * FROM suppression WHERE person = :person
           UNION SELECT * FROM suppression WHERE number = :number
           UNION SELECT * FROM suppression WHERE debt = :debt ORDER BY at, id""",
        {"person": person, "number": number, "debt": debt},
    )
    return [_suppression(row) for row in rows]


def all_suppressions(con: Connection) -> list[Suppression]:
    """Return the whole list, oldest first."""
    return [_suppression(row) for row in con.rows("SELECT * FROM suppression ORDER BY at, id")]


def confirm(con: Connection, at: datetime) -> None:
    """Renew the lease: the console said at this instant that the list is complete. Never goes back."""
    con.execute(
        f"""INSERT INTO setting VALUES ('{_CONFIRMED_AT}', :at) ON CONFLICT (key) DO UPDATE
            SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER)) || ''""",
        {"at": str(to_ms(at))},
    )
    con.touch("suppression")


def end_lease(con: Connection) -> None:
    """Forget that the list was ever complete: suppressions may be missing until the console sends it again."""
    con.execute("DELETE FROM setting WHERE key = ?", (_CONFIRMED_AT,))
    con.touch("suppression")


def confirmed_at(con: Connection) -> datetime | None:
    """Return when the console last said that the list is complete."""
    value = con.value("SELECT value FROM setting WHERE key = ?", (_CONFIRMED_AT,))
    return None if value is None else from_ms(int(value))


def _suppression(row: Row) -> Suppression:
    return Suppression(
        id=row["id"],
        scope=row["scope"],
        person=row["person"],
        number=row["number"],
        debt=row["debt"],
        reason=row["reason"],
        source=row["source"],
        at=from_ms(row["at"]),
    )
