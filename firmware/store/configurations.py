"""Configurations of the console: the one in force, the one on trial, and what became of the others."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from firmware.clock import from_ms, to_ms
from firmware.store import outbox
from firmware.store.connection import Connection, Row

_KEPT = 50


class ConfigState(StrEnum):
    """Where a configuration stands."""

    ON_TRIAL = "on_trial"
    IN_FORCE = "in_force"
    ROLLED_BACK = "rolled_back"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConfig:
    """One configuration that was taken, whatever became of it."""

    version: int
    state: ConfigState
    settings: bytes
    """Its settings, JSON."""
    message: str
    """Id of the console's message that brought it."""
    confirm_within_s: int
    received_at: datetime
    decided_at: datetime | None
    proof_seq: int | None
    """What the box sent under it: a receipt for this confirms it."""
    reason: str


def begin_trial(
    con: Connection, version: int, settings: bytes, *, message: str, confirm_within_s: int, at: datetime
) -> None:
    """Keep a configuration that is to be tried; one that was on trial gives way to it."""
    con.execute(
        "UPDATE configuration SET state = 'replaced', decided_at = ?, reason = ? WHERE state = 'on_trial'",
        (to_ms(at), f"version {version} came meanwhile"),
    )
    _insert(con, version, settings, ConfigState.ON_TRIAL, message, confirm_within_s, at)


def note_proof(con: Connection, version: int, seq: int) -> None:
    """Note what was sent under the configuration on trial."""
    con.execute(
        "UPDATE configuration SET proof_seq = ? WHERE version = ? AND state = 'on_trial'", (seq, version)
    )


def is_proved(con: Connection, trial: StoredConfig) -> bool:
    """Say whether the console has what was sent under the configuration on trial."""
    return trial.proof_seq is not None and outbox.heads(con)[0] >= trial.proof_seq


def confirm(con: Connection, version: int, at: datetime) -> bool:
    """Let the configuration on trial be the one in force; False if it is not on trial any more."""
    trial = on_trial(con)
    if trial is None or trial.version != version:
        return False
    con.execute("UPDATE configuration SET state = 'replaced' WHERE state = 'in_force'")
    _decide(con, version, ConfigState.IN_FORCE, at, "")
    return True


def roll_back(con: Connection, version: int, at: datetime, reason: str) -> bool:
    """Give up the configuration on trial; False if it is not on trial any more."""
    return _decide(con, version, ConfigState.ROLLED_BACK, at, reason)


def renew(con: Connection, version: int, settings: bytes, *, message: str, at: datetime) -> None:
    """Take an equal configuration under a higher number: nothing is tried, as nothing changes."""
    con.execute("UPDATE configuration SET state = 'replaced' WHERE state = 'in_force'")
    _insert(con, version, settings, ConfigState.IN_FORCE, message, 0, at)


def in_force(con: Connection) -> StoredConfig | None:
    """Return the last good configuration."""
    return _one(con, "WHERE state = 'in_force'")


def on_trial(con: Connection) -> StoredConfig | None:
    """Return the configuration that is being tried."""
    return _one(con, "WHERE state = 'on_trial'")


def newest(con: Connection) -> StoredConfig | None:
    """Return the configuration with the highest version ever taken, whatever became of it."""
    return _one(con, "ORDER BY version DESC LIMIT 1")


def history(con: Connection, limit: int) -> list[StoredConfig]:
    """Return configurations, the newest first."""
    return [_config(row) for row in con.rows(f"{_SELECT} ORDER BY version DESC LIMIT ?", (limit,))]


_SELECT = "SELECT * FROM configuration"


def _one(con: Connection, where: str) -> StoredConfig | None:
    row = con.row(f"{_SELECT} {where}")
    return _config(row) if row else None


def _insert(
    con: Connection,
    version: int,
    settings: bytes,
    state: ConfigState,
    message: str,
    confirm_within_s: int,
    at: datetime,
) -> None:
    con.insert(
        "configuration",
        {
            "version": version,
            "state": state,
            "settings": settings,
            "message": message,
            "confirm_within_s": confirm_within_s,
            "received_at": to_ms(at),
            "decided_at": to_ms(at) if state is ConfigState.IN_FORCE else None,
            "proof_seq": None,
            "reason": "",
        },
    )
    con.execute(
        "DELETE FROM configuration WHERE version <= ? AND state NOT IN ('in_force', 'on_trial')",
        (version - _KEPT,),
    )
    con.touch("configuration")


def _decide(con: Connection, version: int, state: ConfigState, at: datetime, reason: str) -> bool:
    con.touch("configuration")
    return bool(
        con.execute(
            """UPDATE configuration SET state = ?, decided_at = ?, reason = ?
               WHERE version = ? AND state = 'on_trial'""",
            (state, to_ms(at), reason, version),
        )
    )


def _config(row: Row) -> StoredConfig:
    decided_at = row["decided_at"]
    return StoredConfig(
        version=row["version"],
        state=ConfigState(row["state"]),
        settings=row["settings"],
        message=row["message"],
        confirm_within_s=row["confirm_within_s"],
        received_at=from_ms(row["received_at"]),
        decided_at=None if decided_at is None else from_ms(decided_at),
        proof_seq=row["proof_seq"],
        reason=row["reason"],
    )
