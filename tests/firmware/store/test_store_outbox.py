"""The outbox numbers without gaps whatever fails, and forgets exactly what a receipt covers."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.store import outbox
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreConflictError
from firmware.store.inline_executor import InlineExecutor
from tests.firmware.store.store_rows import Rows

steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 3)),
        st.tuples(st.sampled_from(["undo", "fail to build"]), st.integers(1, 3)),
        st.tuples(st.just("receipt"), st.integers(0, 12)),
        st.tuples(st.just("together"), st.integers(2, 5)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    max_size=12,
)


async def all_at_once(database: Database, works: list[Callable[[Connection], list[int]]]) -> list[object]:
    """Have them committed together and return what came of each."""
    return await asyncio.gather(*(database.transact(work) for work in works), return_exceptions=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=steps)
def test_numbers_have_no_gaps_and_receipts_delete_no_more_than_they_cover(
    new_database: Callable[[], Database], rows: Rows, story: list[tuple[str, int]]
) -> None:
    database = new_database()
    given_out = received = 0

    def broken(_: int) -> bytes:
        raise ValueError("cannot be built")

    def number_as_body(seq: int) -> bytes:
        return str(seq).encode()

    for action, n in story:

        def append(
            con: Connection, n: int = 1 if action == "together" else n, action: str = action
        ) -> list[int]:
            seqs = [outbox.append(con, "outcome", number_as_body, rows.now) for _ in range(n)]
            if action == "undo":
                raise ValueError("undone")
            if action == "fail to build":
                outbox.append(con, "outcome", broken, rows.now)
            return seqs

        match action:
            case "append":
                assert asyncio.run(database.transact(append)) == list(range(given_out + 1, given_out + n + 1))
                given_out += n
            case "undo" | "fail to build":
                with pytest.raises(ValueError, match=r"undone|cannot be built"):
                    asyncio.run(database.transact(append))
            case "together":
                undone = partial(append, n=2, action="undo")
                several: list[Callable[[Connection], list[int]]] = [append, *[undone] * (n - 1), append]
                first, *_, last = asyncio.run(all_at_once(database, several))
                assert first == [given_out + 1]
                assert last == [given_out + 2]
                given_out += 2
            case "receipt":
                if n > given_out:
                    with pytest.raises(StoreConflictError, match="only"):
                        asyncio.run(database.transact(lambda con: outbox.receipt(con, database.stream, n)))  # noqa: B023
                else:
                    asyncio.run(database.transact(lambda con: outbox.receipt(con, database.stream, n)))  # noqa: B023
                    received = max(received, n)
            case _:
                path = database.path
                database.close_now()
                database = Database.open(path, executor=InlineExecutor())
        pending = asyncio.run(database.read(lambda con: outbox.pending(con, 0, 100)))
        assert [(row.seq, row.body) for row in pending] == [
            (seq, str(seq).encode()) for seq in range(received + 1, given_out + 1)
        ]
        assert asyncio.run(database.read(outbox.heads)) == (received, given_out)
    database.close_now()


def test_a_receipt_for_another_database_deletes_nothing(database: Database, rows: Rows) -> None:
    asyncio.run(database.transact(lambda con: outbox.append(con, "ack", lambda _: b"x", rows.now)))
    with pytest.raises(StoreConflictError, match="another stream"):
        asyncio.run(database.transact(lambda con: outbox.receipt(con, "another", 1)))
    assert asyncio.run(database.read(lambda con: outbox.depth(con).n_waiting)) == 1


def test_depth_says_how_much_and_how_old(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> outbox.OutboxDepth:
        assert outbox.depth(con).oldest_at is None
        for minute in range(3):
            outbox.append(con, "ack", lambda _: b"12345", rows.now + timedelta(minutes=minute))
        outbox.receipt(con, database.stream, 1)
        return outbox.depth(con)

    assert asyncio.run(database.transact(work)) == outbox.OutboxDepth(
        n_waiting=2, n_bytes=10, oldest_at=rows.now + timedelta(minutes=1), last_seq=3, received_up_to=1
    )


def test_reading_a_window_does_not_read_the_rest(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> list[int]:
        for _ in range(20):
            outbox.append(con, "ack", lambda _: b"x", rows.now)
        return [row.seq for row in outbox.pending(con, 5, 3)]

    assert asyncio.run(database.transact(work)) == [6, 7, 8]
