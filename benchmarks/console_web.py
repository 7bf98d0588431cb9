"""How long the console's pages take on a ledger of many outcomes.

    python -m benchmarks.console_web --outcomes 1000000 --folder /tmp/web-bench
    python -m benchmarks.console_web --outcomes 1000000 --postgresql

A folder is kept: a second run on it measures at once. A PostgreSQL server is made for the run, with the settings that
it comes with, and is gone afterwards. Each page is asked for in turn through the application, signed in, without a
browser; the first round, which fills what is remembered, is told apart.
"""

import argparse
import random
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select

from console.authority import init_office
from console.ledger import Ledger
from console.ledger_tables import BOX, CAMPAIGN, CONTACT, OUTCOME, PROMISE, REFUSAL, UPLINK
from console.month_report import month_report
from console.office import load_office
from console.web.accounts import add_user
from console.web.application import make_app
from console.web.desk import Desk
from console.web.roles import Role
from firmware.clock import SystemClock
from firmware.values import Disposition
from tests.console.throwaway_postgresql import throwaway_postgresql
from tests.console.web.web_world import PASSWORD, NotedOrders, Visitor

N_BOXES, N_CAMPAIGNS, CHUNK, N_ROUNDS = 20, 40, 10_000, 20
SPAN_MS = 180 * 24 * 3600 * 1000
LIMIT_MS = 300
OF_CALL = ("campaign", "contact", "line", "flow", "flow_version", "reserved_at")
AS_IT_COMES = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
PAGES = (
    "/", "/campaigns", "/outcomes", "/outcomes?campaign=c7", "/outcomes?disposition=complaint",
    "/outcomes?box=b3&since=2026-09-01&until=2026-09-30", "/people", "/people/one?person=p1234", "/cases",
    "/cases?kind=hardship", "/campaigns/one?box=b7&campaign=c7", "/measures?days=30", "/measures?days=90", "/audit", "/access",
)  # fmt: skip


def fill(ledger: Ledger, n_outcomes: int) -> None:
    """Insert outcomes as boxes would have reported them."""
    dice = random.Random(8)
    kinds = [each.value for each in Disposition]
    weights = [30 if each is Disposition.NO_ANSWER else 1 for each in Disposition]
    now_ms = int(time.time() * 1000)
    with ledger.transaction() as rows:
        for number in range(N_BOXES):
            state = {"status": "online", "boot": "1", "version": "1", "clock": "trusted", "dialling": "yes"}
            rows.execute(
                insert(BOX).values(box=f"b{number}", outbox=0, lines="[]", at=now_ms, seen_at=now_ms, **state)
            )
        for number in range(N_CAMPAIGNS):
            sent = {
                "box": f"b{number % N_BOXES}",
                "campaign": f"c{number}",
                "name": f"Campaign {number}",
                "digest": "",
            }
            times = {"expires_at": now_ms + SPAN_MS, "pushed_at": now_ms - SPAN_MS}
            rows.execute(
                insert(CAMPAIGN).values(contacts=n_outcomes // N_CAMPAIGNS // 3, batches=1, **sent, **times)
            )
    for first in range(0, n_outcomes, CHUNK):
        made, promised, people, held = [], [], [], []
        for seq in range(first, min(first + CHUNK, n_outcomes)):
            campaign = seq % N_CAMPAIGNS
            box, person = f"b{campaign % N_BOXES}", seq // 3
            ended = now_ms - SPAN_MS + SPAN_MS * seq // n_outcomes
            disposition = dice.choices(kinds, weights)[0]
            answered = disposition not in {"no_answer", "busy", "rejected"}
            row = {
                "box": box, "attempt": f"a{seq:08d}", "id": f"i{seq:08d}", "stream": "s", "seq": seq + 1, "at": ended,
                "campaign": f"c{campaign}", "contact": f"k{person}", "person": f"p{person}", "line": "l",
                "disposition": disposition, "reached": answered, "right_party": answered and dice.random() < 0.4,
                "final": False, "reserved_at": ended, "answered_at": ended if answered else None, "ended_at": ended,
                "talk_ms": 40_000 if answered else 0, "cause_q850": None, "cause": "", "confidence": 1.0,
                "suppressed": None, "recording": None, "recording_sha256": None, "flow": "f", "flow_version": 1,
                "digits_heard": 0, "note": "", "answers": "{}", "first_word_ms": 900 if answered else None,
            }  # fmt: skip
            made.append(row)
            if disposition.startswith("promise"):
                promise = {"due": "2026-11-20", "amount_minor": 10_000, "currency": "CNY", "confirmed": True,
                           "total_minor": 10_000, "last_due": "2026-11-20"}  # fmt: skip
                call = {name: row[name] for name in OF_CALL}
                promised.append({"box": box, "attempt": row["attempt"], **promise, **call})
            if seq % 3 == 0:
                contact = {"contact": f"k{person}", "person": f"p{person}", "number": f"+8613{person:09d}"}
                place = {"box": box, "campaign": f"c{campaign}", "place": seq, "row": seq, "status": "open"}
                people.append({**contact, **place, "debt": None})
                refusal = {
                    "box": box,
                    "id": f"r{seq:08d}",
                    "stream": "s",
                    "seq": seq,
                    "at": ended,
                    "campaign": f"c{campaign}",
                }
                rule = dice.choice(("CN-WIN-1", "CN-CAP-1", "ALL-STS-1", "suppressed"))
                held.append(
                    {**refusal, "contact": f"k{person}", "verdict": "defer", "rule": rule, "explanation": ""}
                )
        with ledger.transaction() as rows:
            for table, new in ((OUTCOME, made), (CONTACT, people), (REFUSAL, held), (PROMISE, promised)):
                put(rows, table, new)
    with ledger.transaction() as rows:
        marks = [{"box": f"b{number}", "stream": "s", "up_to": n_outcomes} for number in range(N_BOXES)]
        rows.execute(insert(UPLINK), marks)


def put(rows: Connection, table: Table, new: list[dict[str, Any]]) -> None:
    """Insert rows as fast as the database takes them."""
    if not new:
        return
    if rows.dialect.name == "sqlite":
        rows.execute(insert(table), new)
        return
    names = ", ".join(new[0])
    raw: Any = rows.connection.driver_connection
    with raw.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in new:
            copy.write_row(list(row.values()))


def main() -> None:
    """Fill if need be, ask, and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outcomes", type=int, default=1_000_000)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--folder", type=Path)
    place.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    if asked.folder is not None:
        measure(asked.folder / "office", None, asked.outcomes)
        return
    with tempfile.TemporaryDirectory() as folder, throwaway_postgresql(*AS_IT_COMES) as server:
        measure(Path(folder) / "office", server.address, asked.outcomes)


def measure(folder: Path, database: str | None, n_outcomes: int) -> None:
    """Ask for every page of an office, whose ledger is filled first if it is empty."""
    office = (
        load_office(folder)
        if folder.exists()
        else init_office(folder, "bench", "localhost", now=datetime.now(UTC))
    )
    if database is not None:
        office = replace(office, database=database)
    ledger = Ledger(office.ledger)
    with ledger.reading() as rows:
        is_empty = rows.execute(select(func.count()).select_from(BOX)).scalar_one() == 0
    if is_empty:
        begun_s = time.monotonic()
        fill(ledger, n_outcomes)
        with ledger.transaction() as rows:
            add_user(rows, "sup", Role.SUPERVISOR, PASSWORD, datetime.now(UTC))
        print(f"filled in {time.monotonic() - begun_s:.0f} s", flush=True)
    begun_s = time.monotonic()
    app = make_app(Desk(ledger=ledger, office=office, clock=SystemClock(), orders=NotedOrders()))
    print(f"indices and cases ready after {time.monotonic() - begun_s:.1f} s", flush=True)
    if database is not None:
        with ledger.transaction() as rows:
            rows.exec_driver_sql("ANALYZE")  # as the server itself does within a minute
    visitor = Visitor(app)
    visitor.sign_in("sup")
    print(f"{'page':55} {'first':>8} {'median':>8} {'p95':>8}  ms")
    slow = []
    for page in PAGES:
        took = []
        for _ in range(N_ROUNDS + 1):
            begun_s = time.monotonic()
            code = visitor.get(page).status_code
            took.append((time.monotonic() - begun_s) * 1000)
            assert code == 200, (page, code)
        first, rest = took[0], sorted(took[1:])
        p95 = rest[int(len(rest) * 0.95) - 1]
        print(f"{page:55} {first:8.0f} {statistics.median(rest):8.0f} {p95:8.0f}", flush=True)
        slow += [page] if p95 > LIMIT_MS else []
    print(f"over {LIMIT_MS} ms at p95: {', '.join(slow) or 'none'}")
    _month(ledger)


def _month(ledger: Ledger) -> None:
    begun_s = time.monotonic()
    today = datetime.now(UTC).date()
    with ledger.reading() as rows:
        found = month_report(rows, f"{today - timedelta(days=45):%Y-%m}", zone=UTC, today=today)
    print(f"the month's report of {found.calendar.total.attempts} calls: {time.monotonic() - begun_s:.1f} s")


if __name__ == "__main__":
    main()
