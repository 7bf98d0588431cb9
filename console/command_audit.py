"""`audit`: what the boxes' audit logs have vouched for, and whether they still say the same."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy import Connection, func, select, tuple_

from console.arguments import JsonOption, NowOption, OfficeOption, clock_for, office_at
from console.audit_ledger import note_findings, pin_key
from console.audit_tables import ANCHOR, AUDIT_ENTRY, BOX_KEY, FINDING, SEGMENT
from console.authority import load_signing_key
from console.broker import connected
from console.command_evidence import evidence
from console.errors import BoxSilentError, ConsoleError
from console.ingest import read_arrival
from console.ledger import Ledger
from console.ledger_tables import ACK
from console.office import Office
from console.signed_sender import SignedSender
from console.tables import table
from console.terminal import say, say_json
from firmware.clock import Clock, to_ms
from firmware.sync.messages import encode
from firmware.sync.messages_audit import MAX_ENTRIES_A_REQUEST, AuditRequest
from firmware.sync.topics import BoxTopics
from firmware.values import UuidV7

audit_app = typer.Typer(
    help="The boxes' audit logs: signed heads, and whether they agree.", no_args_is_help=True
)


class AuditAlarmError(ConsoleError):
    """A log contradicts what its box has signed."""


@audit_app.command()
def status(context: typer.Context, *, as_json: JsonOption = False, folder: OfficeOption = None) -> None:
    """Show how far each box's log reaches, by which key, and what was ever found wrong with it."""
    here = office_at(folder or context.obj)
    with Ledger(here.ledger).reading() as rows:
        found = [standing(rows, box) for box in here.boxes()]
    if as_json:
        say_json(found)
        return
    names = ("box", "key", "log", "entries", "signed at", "heads", "findings")
    lines = [
        (
            each["box"],
            each["key"],
            str(each["log"])[-8:],
            each["entries"],
            each["signed_at"],
            each["heads"],
            len(each["findings"]),
        )
        for each in found
    ]
    Console().print(table("Audit logs", names, lines))
    for each in found:
        for finding in each["findings"]:
            say(f"{finding['severity']}: {each['box']}: {finding['what']}")


@audit_app.command()
def check(
    context: typer.Context,
    box: Annotated[str | None, typer.Argument(help="A box; none: all.")] = None,
    *,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="First ask the box for the entries that are not here yet.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds without an answer before giving up.")] = 60.0,
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Hold heads and entries against each other again. Exit 1 when a log contradicts its own box."""
    here = office_at(folder or context.obj)
    clock = clock_for(now)
    boxes = [here.require_box(box)] if box else here.boxes()
    if fetch:
        for name in boxes:
            n_entries = asyncio.run(fetch_entries(here, name, patience_s=wait, clock=clock))
            say(f"{name}: {n_entries} entries came", box=name, entries=n_entries)
    alarms: list[str] = []
    ledger = Ledger(here.ledger)
    with ledger.transaction() as rows:
        for name in boxes:
            found = note_findings(rows, name, clock.now())
            for each in found:
                say(f"{each.severity}: {name}: {each.what}", box=name, severity=each.severity, what=each.what)
            alarms += [f"{name}: {each.what}" for each in found if each.severity == "alarm"]
            held = standing(rows, name)
            told = f"{name}: {held['heads']} heads, {held['here']} of {held['entries']} entries are here"
            say(told, **{key: held[key] for key in ("box", "heads", "here", "entries")})
    if alarms:
        raise AuditAlarmError(
            f"{len(alarms)} alarm(s); take the box off the lists, keep its disk, and compare with "
            "`branchline audit verify --anchors` there"
        )


@audit_app.command()
def anchors(
    context: typer.Context,
    box: Annotated[str, typer.Argument(help="The box.")],
    to: Annotated[Path, typer.Option("--to", help="The file to write.")],
    folder: OfficeOption = None,
) -> None:
    """Write a box's signed heads to a file, for `branchline audit verify --anchors` and for auditors."""
    here = office_at(folder or context.obj)
    name = here.require_box(box)
    with Ledger(here.ledger).reading() as rows:
        keys = [row.key for row in rows.execute(select(BOX_KEY.c.key).where(BOX_KEY.c.box == name))]
        heads = [
            {
                column: getattr(row, column)
                for column in ("chain", "entry", "hash", "signed_at", "key", "signature")
            }
            for row in rows.execute(
                select(ANCHOR).where(ANCHOR.c.box == name).order_by(ANCHOR.c.at, ANCHOR.c.entry)
            )
            if row.key in keys
        ]
    text = json.dumps({"format": "branchline-anchors-1", "box": name, "keys": keys, "heads": heads}, indent=1)
    try:
        with to.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise ConsoleError(f"{to} is there already; name a new file") from None
    say(f"{len(heads)} heads of {name} are in {to}", box=name, heads=len(heads), file=str(to))


@audit_app.command()
def trust(
    context: typer.Context,
    box: Annotated[str, typer.Argument(help="The box.")],
    kid: Annotated[str, typer.Argument(help="The key's id, as `branchline audit key` says on the box.")],
    now: NowOption = None,
    folder: OfficeOption = None,
) -> None:
    """Take another key for a box's own, after you have asked at the box; what was found stays on record."""
    here = office_at(folder or context.obj)
    name = here.require_box(box)
    with Ledger(here.ledger).transaction() as rows:
        key = rows.execute(
            select(ANCHOR.c.key).where((ANCHOR.c.box == name) & (ANCHOR.c.kid == kid)).limit(1)
        ).scalar()
        if key is None:
            raise ConsoleError(f"no head of {name} is signed by a key {kid}; `audit status` shows what came")
        pin_key(rows, name, kid, key, at=clock_for(now).now(), how="accepted")
    say(f"{name}: heads by {kid} are believed from now on", box=name, key=kid)


audit_app.command("evidence")(evidence)


async def fetch_entries(office: Office, box: str, *, patience_s: float, clock: Clock[object]) -> int:
    """Ask a box for the entries up to its last head that are not here; return how many came. Raises ConsoleError."""
    ledger, topics, ids = Ledger(office.ledger), BoxTopics(office.tenant, box), UuidV7()
    n_entries = 0
    try:
        async with connected(office, [topics.up("audit"), topics.up("ack")], lasting=False) as connection:
            sender = SignedSender(connection, load_signing_key(office))
            received = connection.received()
            with ledger.reading() as rows:
                first, last = missing_entries(rows, box)
            while first <= last:
                now = clock.now()
                request = AuditRequest(
                    id=ids.new(to_ms(now)),
                    at=now,
                    first=first,
                    last=min(last, first + MAX_ENTRIES_A_REQUEST - 1),
                )
                await sender.send(topics.down("audit"), encode(request))
                while not _is_answered(ledger, box, request.id):
                    try:
                        message = await asyncio.wait_for(anext(received), patience_s)
                    except TimeoutError:
                        raise BoxSilentError(
                            f"box {box} did not send entries {first} to {request.last} within {patience_s:g} s; "
                            "ask again when it is online"
                        ) from None
                    arrival = read_arrival(message, office.tenant)
                    if arrival is not None:
                        await asyncio.to_thread(ledger.record, [arrival], seen_at=clock.now())
                    message.ack()
                n_entries += request.last - first + 1
                first = request.last + 1
    finally:
        ledger.close()
    return n_entries


def missing_entries(rows: Connection, box: str) -> tuple[int, int]:
    """Return the first entry of the box's present log that is not here, and the last that a head names."""
    newest = rows.execute(
        select(ANCHOR.c.chain)
        .where(ANCHOR.c.box == box)
        .order_by(ANCHOR.c.at.desc(), ANCHOR.c.seq.desc())
        .limit(1)
    ).scalar()
    if newest is None:
        return 1, 0
    here = (AUDIT_ENTRY.c.box == box) & (AUDIT_ENTRY.c.chain == newest)
    known = set(rows.execute(select(AUDIT_ENTRY.c.entry).where(here)).scalars())
    last = rows.execute(
        select(func.max(ANCHOR.c.entry)).where((ANCHOR.c.box == box) & (ANCHOR.c.chain == newest))
    ).scalar_one()
    first = next((entry for entry in range(1, last + 1) if entry not in known), last + 1)
    return first, last


def _is_answered(ledger: Ledger, box: str, request: str) -> bool:
    with ledger.reading() as rows:
        refusal = rows.execute(
            select(ACK.c.detail).where((ACK.c.box == box) & (ACK.c.about == request) & ~ACK.c.accepted)
        ).scalar()
        if refusal is not None:
            raise ConsoleError(
                f"box {box} will not send these entries: {refusal}; its log is shorter than its head"
            )
        about = (SEGMENT.c.box == box) & (SEGMENT.c.about == request) & (SEGMENT.c.is_last == 1)
        return rows.execute(select(SEGMENT.c.id).where(about)).first() is not None


def standing(rows: Connection, box: str) -> dict[str, Any]:
    """Return how a box's audit log stands: its newest signed head, how much of it is here, what was found wrong."""
    return standings(rows, [box])[0]


def standings(rows: Connection, boxes: Sequence[str]) -> list[dict[str, Any]]:
    """Return how the audit logs of these boxes stand, in their order."""
    place = func.row_number().over(
        partition_by=ANCHOR.c.box, order_by=(ANCHOR.c.at.desc(), ANCHOR.c.seq.desc())
    )
    ranked = select(ANCHOR, place.label("place")).where(ANCHOR.c.box.in_(boxes)).subquery()
    newest = {row.box: row for row in rows.execute(select(ranked).where(ranked.c.place == 1))}
    counted = select(ANCHOR.c.box, func.count()).where(ANCHOR.c.box.in_(boxes)).group_by(ANCHOR.c.box)
    n_heads = {row[0]: row[1] for row in rows.execute(counted)}
    kept = select(AUDIT_ENTRY.c.box, AUDIT_ENTRY.c.chain, func.count(func.distinct(AUDIT_ENTRY.c.entry)))
    kept = kept.where(
        tuple_(AUDIT_ENTRY.c.box, AUDIT_ENTRY.c.chain).in_([(box, row.chain) for box, row in newest.items()])
    )
    n_here = {row[0]: row[2] for row in rows.execute(kept.group_by(AUDIT_ENTRY.c.box, AUDIT_ENTRY.c.chain))}
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows.execute(
        select(FINDING).where(FINDING.c.box.in_(boxes)).order_by(FINDING.c.at, FINDING.c.what)
    ):
        found.setdefault(row.box, []).append({"severity": row.severity, "what": row.what})
    return [
        {
            "box": box,
            "key": head.kid if head else "",
            "log": head.chain if head else "",
            "entries": head.entry if head else 0,
            "here": n_here.get(box, 0),
            "signed_at": _short_time(head.signed_at) if head else "",
            "heads": n_heads.get(box, 0),
            "findings": found.get(box, []),
        }
        for box in boxes
        for head in [newest.get(box)]
    ]


def _short_time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}Z"
