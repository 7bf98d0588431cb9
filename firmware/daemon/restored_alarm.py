"""What the console hears of a database that had to be restored, in the transaction that forgets it was not told."""

from firmware.store import restoring
from firmware.store.connection import Connection
from firmware.sync.reports import Reports


def tell_restored(con: Connection, reports: Reports) -> None:
    """Report a restored database, once."""
    restored = restoring.to_tell(con)
    if restored is None:
        return
    age = f"the snapshot of {restored.snapshot_at:%Y-%m-%d %H:%M} UTC" if restored.snapshot_at else "nothing"
    lost = f"; parts of {', '.join(restored.unreadable)} are lost" if restored.unreadable else ""
    if restored.n_withdrawn:
        lost += f"; {restored.n_withdrawn} contacts that were being called are taken off their lists"
    reports.event(
        con,
        "database_restored",
        "alarm",
        detail=f"restored from {age} and {restored.n_salvaged} salvaged rows{lost}. Dialling is stopped: check who "
        f"was called since, send the suppressions, then resume all. The damaged file is kept in {restored.quarantine}",
    )
    restoring.told(con)
