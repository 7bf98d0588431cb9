"""What an auditor looks at: how each box's audit log stands, and who looked at what here."""

from flask import Blueprint, abort, render_template
from sqlalchemy import select, tuple_

from console.command_audit import standings
from console.ledger_tables import BOX
from console.web.desk import asked, desk
from console.web.roles import May, needs
from console.web_tables import WEB_ACCESS

audit_pages = Blueprint("audit", __name__)
PAGE_ROWS = 100


@audit_pages.get("/audit")
@needs(May.SEE_AUDIT)
def show() -> str:
    """Show every box's audit log: newest signed head, entries here, findings."""
    here = desk()
    with here.ledger.reading() as rows:
        names = sorted({*here.office.boxes(), *rows.execute(select(BOX.c.box)).scalars()})
        found = standings(rows, names)
    return render_template("audit.html", boxes=found)


@audit_pages.get("/access")
@needs(May.SEE_ACCESS)
def access() -> str:
    """Show who looked at what and who ordered what, the newest first."""
    name, after = asked("name"), asked("after")
    key = (WEB_ACCESS.c.at, WEB_ACCESS.c.id)
    query = select(WEB_ACCESS)
    if name:
        query = query.where(WEB_ACCESS.c.name == name)
    if after:
        at, _mark, identity = after.partition("~")
        if not (at.isascii() and at.isdigit() and len(at) < 16 and identity):
            abort(400)
        query = query.where(tuple_(*key) < tuple_(int(at), identity))
    with desk().ledger.reading() as rows:
        found = list(rows.execute(query.order_by(*(each.desc() for each in key)).limit(PAGE_ROWS + 1)))
        names = rows.execute(select(WEB_ACCESS.c.name).distinct().order_by(WEB_ACCESS.c.name)).scalars().all()
    shown = found[:PAGE_ROWS]
    more = f"{shown[-1].at}~{shown[-1].id}" if len(found) > PAGE_ROWS else ""
    return render_template(
        "access.html", accesses=shown, name=name, names=names, next_key=more, is_first=not after
    )
