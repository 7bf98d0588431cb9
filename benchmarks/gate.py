"""What a decision costs with 100 000 attempts in the ledger, beside a bare SHA-256 of the same size; and the merge of packs.

Run: python benchmarks/gate.py. Each decision reads its history from SQLite as the daemon does. Times are of
this process alone: what else the machine does is not in them.
"""

import asyncio
import hashlib
import random
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.table import Table

from firmware.clock import to_ms
from firmware.compliance import (
    Approval,
    BoxState,
    CallOrder,
    Gate,
    History,
    PastAttempt,
    Point,
    SuppressionEntry,
    load_packs,
)
from firmware.compliance.merge import merge
from firmware.store import attempts, suppressions
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.values import E164, PersonId

N_ATTEMPTS = 100_000
N_PEOPLE = 30_000
N_DECISIONS = 4_000
NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
WANTED_PER_S = 2_000


def number_of(person: int) -> E164:
    return E164(f"+86138{person:08d}")


def fill(path: Path) -> None:
    """Write a ledger of five weeks; the campaigns that it belongs to do not matter here."""
    dice = random.Random(1)
    con = sqlite3.connect(path)
    con.executemany(
        """INSERT INTO attempt (attempt, campaign, contact, person, debt, number, line, line_number, reserved_at,
               dialled_at, ended_at, disposition, cause, confidence, conversation)
           VALUES (?, 'c', ?, ?, ?, ?, 'line-1', '+8613900139000', ?, ?, ?, 'no_answer', '', 1.0, 0)""",
        (
            (f"a{n}", f"k{n}", f"p{person}", f"d{person}", number_of(person), at, at, at + 30_000)
            for n in range(N_ATTEMPTS)
            for person in [dice.randrange(N_PEOPLE)]
            for at in [to_ms(NOW - timedelta(seconds=dice.randrange(60, 35 * 86400)))]
        ),
    )
    con.commit()
    con.close()


def decide(gate: Gate, con: Connection, person: int) -> str:
    """Read one person's history and ask the gate, as the daemon does."""
    who, number = PersonId(f"p{person}"), number_of(person)
    since = NOW - timedelta(days=gate.history_days)
    past = tuple(
        PastAttempt(
            person=found.person,
            debt=found.debt or found.contact,
            number=found.number,
            line_number=found.line_number,
            reserved_at=found.reserved_at,
            connected=found.connected,
            conversation=found.conversation,
            disposition=found.disposition,
        )
        for found in attempts.history_for(con, who, f"d{person}", number, since)
    )
    listed = tuple(
        SuppressionEntry(
            person=one.person, number=one.number, debt=one.debt, scope=one.scope, reason=one.reason, at=one.at
        )
        for one in suppressions.for_call(con, who, number, f"d{person}")
    )
    order = CallOrder(
        campaign="c", contact="k", person=who, debt=f"d{person}", number=number, region="CN", time_zone=None,
        status="open", consents=(), max_call_s=240, language="zh-CN", caller_number=E164("+8613900139000"),
    )  # fmt: skip
    box = BoxState(
        clock_trusted=True, clock_reason="", suppressions_confirmed_at=NOW, suppression_lease_s=86400,
        audit_healthy=True, audio_ready=True,
    )  # fmt: skip
    return gate.decide(
        order, History(attempts=past, suppressions=listed), box, NOW, Point.PREDIAL
    ).outcome.value


def main() -> int:
    """Return 0 when the gate decides fast enough."""
    library = load_packs()
    gate = Gate(library, [Approval(pack=p.pack.id, version=p.pack.version, by="x") for p in library.packs])
    out, table = Console(), Table("what", "per second of one core", "each")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box.db"
        Database.open(path, executor=InlineExecutor()).close_now()
        fill(path)
        database = Database.open(path, executor=InlineExecutor())
        dice = random.Random(2)
        people = [dice.randrange(N_PEOPLE) for _ in range(N_DECISIONS)]

        def work(con: Connection) -> tuple[float, dict[str, int]]:
            decide(gate, con, 0)
            seen: dict[str, int] = {}
            began_s = time.process_time()
            for person in people:
                outcome = decide(gate, con, person)
                seen[outcome] = seen.get(outcome, 0) + 1
            return time.process_time() - began_s, seen

        took_s, seen = asyncio.run(database.read(work))
        database.close_now()
    per_s = N_DECISIONS / took_s
    table.add_row(f"decisions over {N_ATTEMPTS} attempts {seen}", f"{per_s:.0f}", f"{1e6 / per_s:.0f} us")
    bytes_each = b"x" * 4096
    began_s = time.process_time()
    for _ in range(N_DECISIONS):
        hashlib.sha256(bytes_each).digest()
    hash_per_s = N_DECISIONS / (time.process_time() - began_s)
    table.add_row("SHA-256 of 4 KiB, for scale", f"{hash_per_s:.0f}", f"{1e6 / hash_per_s:.1f} us")
    packs = [
        pack for pack in library.packs if pack.pack.id not in ("in", "fr", "es")
    ]  # their number classes exclude each other
    began_s = time.process_time()
    for _ in range(20):
        merge(packs)
    merge_s = (time.process_time() - began_s) / 20
    table.add_row(f"merge of {len(packs)} packs", f"{1 / merge_s:.0f}", f"{merge_s * 1000:.1f} ms")
    began_s = time.process_time()
    load_packs()
    table.add_row("packs read and checked", "", f"{(time.process_time() - began_s) * 1000:.0f} ms")
    out.print(table)
    return 0 if per_s >= WANTED_PER_S else 1


if __name__ == "__main__":
    sys.exit(main())
