"""What boxes may become and which machines want to be boxes: looked at here, decided on the command line by those who hold the keys."""

from datetime import timedelta

import msgspec
from flask import Blueprint, render_template
from sqlalchemy import select

from console.claim_book import CODE_LIFE, ClaimBook, FileRecord, SessionRecord
from console.errors import ReleaseError
from console.ledger_tables import BOX
from console.sent_commands import update_orders
from console.web.desk import desk
from console.web.roles import May, needs

setup_pages = Blueprint("setup", __name__)
MAX_CLAIMS, MAX_ORDERS = 200, 200
RENEW_AHEAD = timedelta(days=3)
"""Before boxes stop believing what is published, somebody should be told."""


class Shelf(msgspec.Struct, kw_only=True, frozen=True):
    """What the repository of releases offers."""

    releases: list[tuple[str, str, int]]
    """Version, processors, bytes."""
    expires_at_ms: int
    is_ending: bool
    staged: dict[str, tuple[int, int]]
    """What waits (``targets``, ``root``), and how many of how many signatures it has."""


@setup_pages.get("/claims")
@needs(May.SEE_SETUP)
def claims() -> str:
    """Show who asks to be a box, and the claim files that they may ask with."""
    here = desk()
    sessions: list[SessionRecord] = []
    files: list[FileRecord] = []
    if (here.office.folder / "claims").is_dir():  # looking makes nothing
        book = ClaimBook(here.office)
        sessions, files = book.sessions(), book.files()
    now = here.clock.now()
    return render_template(
        "claims.html",
        waiting=[each for each in sessions if each.state == "waiting"][:MAX_CLAIMS],
        settled=[each for each in sessions if each.state != "waiting"][:MAX_CLAIMS],
        files=files[:MAX_CLAIMS],
        now=now,
        heard_since=now - CODE_LIFE,
    )


@setup_pages.get("/updates")
@needs(May.SEE_SETUP)
def updates() -> str:
    """Show releases, what waits for signatures, which box is what, and what came of roll-outs."""
    here = desk()
    shelf, problem = None, ""
    if here.office.releases.is_dir():
        try:
            shelf = _shelf()
        except ReleaseError as error:
            problem = str(error)
    with here.ledger.reading() as rows:
        known = {row.box: row for row in rows.execute(select(BOX))}
        orders = update_orders(rows, limit=MAX_ORDERS)
    last = {order.box: order for order in reversed(orders)}
    boxes = [(name, known.get(name), last.get(name)) for name in sorted({*here.office.boxes(), *known})]
    return render_template(
        "updates.html", shelf=shelf, problem=problem, boxes=boxes, orders=orders, now_ms=here.now_ms()
    )


def _shelf() -> Shelf:
    from console.release_repository import ReleaseRepository  # noqa: PLC0415 - starts slowly

    here = desk()
    repository = ReleaseRepository(here.office.releases)
    found = sorted(repository.releases(), key=lambda each: (each.version, each.arch), reverse=True)
    expires_at = repository.expires_at()
    return Shelf(
        releases=[(each.version, each.arch, each.size) for each in found],
        expires_at_ms=round(expires_at.timestamp() * 1000),
        is_ending=expires_at - here.clock.now() < RENEW_AHEAD,
        staged=repository.staged(),
    )
