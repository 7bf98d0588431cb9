"""How many outcomes a second one console reader keeps: PostgreSQL and SQLite on this machine's disk, nothing careless.

    python -m benchmarks.console_ingest [--n 50000] [--boxes 20] [--readers 1]

From the bytes that came off the wire to the commit: decoding, rows, marks, fsync. What a broker costs is not in it. The
limit beside it is what the same rows cost when they are only written, by COPY, unchecked and in one transaction.
"""

import argparse
import multiprocessing
import platform
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from console.ingest import MAX_IN_ONE_COMMIT, read_arrival
from console.ledger import Ledger
from console.ledger_tables import OUTCOME
from firmware.sync.connection import Received
from firmware.sync.messages import MoneyWire, OutcomeMessage, PromiseWire, encode
from firmware.values import Disposition
from tests.console.throwaway_postgresql import ThrowawayPostgresql, throwaway_postgresql

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
GOAL = 5000
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")


def deliveries(boxes: range, n_each: int) -> list[tuple[str, bytes]]:
    """Return topics and payloads as boxes send them, dealt like a broker deals: one of each box in turn."""
    made = []
    for seq in range(1, n_each + 1):
        for number in boxes:
            is_promise = seq % 10 == 0
            at = NOW + timedelta(seconds=40 * seq)
            message = OutcomeMessage(
                id=f"019a0000-{number:04x}-7000-8000-{seq:012x}",
                at=at,
                stream=f"019a0000-{number:04x}-7000-9000-000000000000",
                seq=seq,
                attempt=f"019a0000-{number:04x}-7000-a000-{seq:012x}",
                campaign="november",
                contact=f"contact-{number}-{seq // 3}",
                person=f"person-{number}-{seq // 3}",
                line=f"line-{seq % 4}",
                disposition=Disposition.PROMISE_FULL if is_promise else Disposition.NO_ANSWER,
                reached=is_promise,
                right_party=is_promise,
                final=is_promise,
                reserved_at=at,
                answered_at=at + timedelta(seconds=9) if is_promise else None,
                ended_at=at + timedelta(seconds=35),
                talk_ms=26_000 if is_promise else 0,
                cause="released_by_callee" if is_promise else "no_answer",
                promise=PromiseWire(due=date(2026, 11, 20), amount=MoneyWire(128050, "CNY"), confirmed=True)
                if is_promise
                else None,
                flow="reminder",
                flow_version=3,
            )
            made.append((f"branchline/1/demo/box-{number}/up/outcome", encode(message)))
    return made


def keep(place: Path | str, boxes: range, n_each: int, ready: object) -> float:
    """Keep everything in commits of the size that the console uses; return the seconds it took."""
    sent = deliveries(boxes, n_each)
    ledger = Ledger(place)
    if ready is not None:
        ready.wait()  # type: ignore[attr-defined]
    began_s = time.perf_counter()
    for start in range(0, len(sent), MAX_IN_ONE_COMMIT):
        part = sent[start : start + MAX_IN_ONE_COMMIT]
        read = (
            read_arrival(Received(topic=topic, payload=payload, properties={}), "demo")
            for topic, payload in part
        )
        ledger.record([each for each in read if each is not None], seen_at=NOW)
    took_s = time.perf_counter() - began_s
    ledger.close()
    return took_s


def _reader(place: str, boxes: range, n_each: int, ready: object, done: object) -> None:
    done.put(keep(place, boxes, n_each, ready))  # type: ignore[attr-defined]


def readers_at_once(place: str, n_readers: int, n_boxes: int, n_each: int) -> float:
    """Return the seconds until the last of several processes is done, each with its own part of the messages."""
    context = multiprocessing.get_context("spawn")
    Ledger(place).close()
    ready, done = context.Barrier(n_readers + 1), context.Queue()
    shares = [range(index * n_boxes, (index + 1) * n_boxes) for index in range(n_readers)]
    running = [
        context.Process(target=_reader, args=(place, share, n_each, ready, done), daemon=True)
        for share in shares
    ]
    for process in running:
        process.start()
    ready.wait(60)
    took_s = max(float(done.get(timeout=600)) for _ in running)
    for process in running:
        process.join(30)
    return took_s


def copy_limit(server: ThrowawayPostgresql, place: str) -> float:
    """Return the seconds that COPY takes for the rows that are there, into a table of the same columns and keys."""
    schema = place.partition("search_path%3D")[2].partition("%20")[0]
    server.sql(f"CREATE TABLE {schema}.copied (LIKE {schema}.outcome INCLUDING ALL)")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        path = f"{folder}/outcomes"
        server.sql(f"COPY {schema}.outcome TO '{path}'")
        began_s = time.perf_counter()
        server.sql(f"COPY {schema}.copied FROM '{path}'")
        return time.perf_counter() - began_s


def main() -> int:
    """Print outcomes a second; exit 1 when PostgreSQL does not reach the goal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=50_000, help="outcomes in all")
    parser.add_argument("--boxes", type=int, default=20)
    parser.add_argument("--readers", type=int, default=1, help="processes at once, on PostgreSQL")
    given = parser.parse_args()
    n_each = given.n // given.boxes
    n = n_each * given.boxes
    print(f"{platform.machine()}, Python {platform.python_version()}, {MAX_IN_ONE_COMMIT} messages a commit")
    with tempfile.TemporaryDirectory() as folder:
        took_s = keep(Path(folder) / "ledger.db", range(given.boxes), n_each, None)
    print(f"SQLite, durable:     {n / took_s:8.0f} outcomes/s ({n} in {took_s:.1f} s)")
    with throwaway_postgresql(*DURABLE) as server:
        place = server.new_ledger()
        took_s = keep(place, range(given.boxes), n_each, None)
        rate = n / took_s
        print(f"PostgreSQL, durable: {rate:8.0f} outcomes/s ({n} in {took_s:.1f} s)")
        again_s = keep(place, range(given.boxes), n_each, None)
        print(f"  all of them again: {n / again_s:8.0f} duplicates/s")
        ledger = Ledger(place)
        with ledger.reading() as rows:
            assert rows.execute(select(func.count()).select_from(OUTCOME)).scalar_one() == n
        assert set(ledger.high_water().values()) == {n_each}
        ledger.close()
        print(f"  COPY, for the limit: {n / copy_limit(server, place):6.0f} rows/s")
        if given.readers > 1:
            took_s = readers_at_once(server.new_ledger(), given.readers, given.boxes, n_each)
            print(f"  {given.readers} readers at once: {given.readers * n / took_s:8.0f} outcomes/s together")
    print(f"goal {GOAL}: {'reached' if rate >= GOAL else 'MISSED'}")
    return int(rate < GOAL)


if __name__ == "__main__":
    sys.exit(main())
