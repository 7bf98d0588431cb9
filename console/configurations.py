"""The ledger's record of configurations sent to boxes, and of what became of them."""

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, select

from console.errors import OfficeError
from console.ledger_facts import insert_new
from console.ledger_tables import ACK, CONFIG
from firmware.clock import to_ms
from firmware.sync.messages_config import BoxConfig, ConfigSettings

WAITING = "not answered yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentConfig:
    """One configuration of one box."""

    version: int
    state: str
    """on_trial, in_force, rolled_back, the box's reason for a refusal, or that there is no answer yet."""
    detail: str
    settings: ConfigSettings
    sent_at_ms: int


def next_version(connection: Connection, box: str) -> int:
    """Return the number after the last one sent."""
    found = connection.execute(select(func.max(CONFIG.c.version)).where(CONFIG.c.box == box)).scalar_one()
    return int(found or 0) + 1


def keep(connection: Connection, box: str, message: BoxConfig, at: datetime) -> None:
    """Note a configuration that is about to be sent. Raises OfficeError if its version was sent before."""
    row = {
        "box": box,
        "version": message.version,
        "id": message.id,
        "settings": msgspec.json.encode(message.settings).decode(),
        "at": to_ms(at),
    }
    if not insert_new(connection, CONFIG, row):
        raise OfficeError(f"version {message.version} was sent to {box} before; leave --version out")


def sent(connection: Connection, box: str) -> list[SentConfig]:
    """Return what was sent to a box, the newest first, with its last answer."""
    rows = connection.execute(select(CONFIG).where(CONFIG.c.box == box).order_by(CONFIG.c.version.desc()))
    found = []
    for row in rows.fetchall():
        answers = select(ACK).where((ACK.c.box == box) & (ACK.c.about == row.id))
        last = connection.execute(answers.order_by(ACK.c.at.desc(), ACK.c.seq.desc())).first()
        found.append(
            SentConfig(
                version=row.version,
                state=last.reason if last else WAITING,
                detail=last.detail if last else "",
                settings=msgspec.json.decode(row.settings, type=ConfigSettings),
                sent_at_ms=row.at,
            )
        )
    return found
