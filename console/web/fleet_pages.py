"""The boxes: their lines and signal, what waits there, clock, version, and what they raised an alarm about."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec
from flask import Blueprint, Response, render_template
from sqlalchemy import Connection, Row, select

from console.ledger_tables import BOX, EVENT
from console.web.desk import desk
from console.web.live import live
from console.web.roles import May, needs
from console.web_tables import ALARMING
from firmware.sync.messages_state import LineWire

fleet_pages = Blueprint("fleet", __name__)
N_EVENTS = 30
SILENT_AFTER_MS = 10 * 60 * 1000
WEAK_DBM = -105
LATEST_ALARMS = select(EVENT).where(ALARMING).order_by(EVENT.c.at.desc(), EVENT.c.id.desc()).limit(N_EVENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxView:
    """One box as a person sees it."""

    box: str
    state: Row[Any] | None
    """None: issued, and never heard of."""
    lines: list[LineWire]
    is_silent: bool


@fleet_pages.get("/")
@needs(May.SEE_FLEET)
def show() -> str:
    """Show every box."""
    return render_template("fleet.html", **_fleet())


@fleet_pages.get("/fleet/part")
@needs(May.SEE_FLEET)
def part() -> str:
    """Show the part that changes."""
    return render_template("fleet_part.html", **_fleet())


@fleet_pages.get("/fleet/live")
@needs(May.SEE_FLEET)
def stream() -> Response:
    """Keep the part up to date."""
    return live(part)


def _fleet() -> dict[str, object]:
    here = desk()
    with here.ledger.reading() as rows:
        boxes = _boxes(rows, here.office.boxes(), here.now_ms())
        events = rows.execute(LATEST_ALARMS).all()
    lines = [line for box in boxes for line in box.lines]
    return {
        "boxes": boxes,
        "events": events,
        "n_online": sum(1 for box in boxes if box.state is not None and box.state.status == "online"),
        "n_lines": len(lines),
        "n_ready": sum(1 for line in lines if line.status in {"ready", "in_call"}),
        "weak_dbm": WEAK_DBM,
        "bars": bars,
    }


def _boxes(rows: Connection, issued: list[str], now_ms: int) -> list[BoxView]:
    known = {row.box: row for row in rows.execute(select(BOX))}
    names = sorted({*issued, *known}, key=_by_number)
    return [
        BoxView(
            box=name,
            state=(state := known.get(name)),
            lines=_lines(state.lines) if state is not None else [],
            is_silent=state is not None
            and state.status == "online"
            and now_ms - state.seen_at > SILENT_AFTER_MS,
        )
        for name in names
    ]


def _lines(text: str) -> list[LineWire]:
    try:
        return msgspec.json.decode(text, type=list[LineWire])
    except msgspec.MsgspecError:
        return []  # a newer box's: its page says the rest


def bars(rssi_dbm: int | None) -> int:
    """Return the signal as 0 to 4 bars, as telephones draw it."""
    if rssi_dbm is None:
        return 0
    return sum(rssi_dbm >= least for least in (-109, WEAK_DBM, -93, -79))


def _by_number(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]
