"""How many bytes went up on each day: counted before they are sent, so a crash never makes it less."""

from firmware.store.connection import Connection

_KEPT_DAYS = 400


def spend(con: Connection, day: str, n_bytes: int) -> None:
    """Count bytes on a day (``YYYY-MM-DD``)."""
    con.execute(
        """INSERT INTO uplink_use (day, bytes) VALUES (?, ?)
           ON CONFLICT (day) DO UPDATE SET bytes = bytes + excluded.bytes""",
        (day, n_bytes),
    )
    con.execute(
        "DELETE FROM uplink_use WHERE day NOT IN (SELECT day FROM uplink_use ORDER BY day DESC LIMIT ?)",
        (_KEPT_DAYS,),
    )


def used(con: Connection, day: str) -> tuple[int, int]:
    """Return the bytes of a day, and of its month."""
    of_day = con.value("SELECT bytes FROM uplink_use WHERE day = ?", (day,))
    of_month = con.value("SELECT ifnull(sum(bytes), 0) FROM uplink_use WHERE day LIKE ?", (f"{day[:7]}-%",))
    return int(of_day or 0), int(of_month)
