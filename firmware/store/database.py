"""One SQLite file, one thread that writes it: a transaction is on the disk when `transact` returns.

Repositories are modules of functions that take a `Connection` inside a transaction. Transactions that wait
while the disk is busy are committed together, each in a savepoint of its own: one fsync for all, and one that
fails takes nothing of the others with it.
"""

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import IO, TypeVar

import structlog

from firmware.store.connection import Connection, store_errors
from firmware.store.errors import StoreBusyError, StoreClosedError, StoreDamagedError, StoreFailedError
from firmware.store.file_lock import locked
from firmware.store.jobs import Job, jobs_by_loop, settle_all
from firmware.store.migrating import create, migrate
from firmware.store.old_pages import overwrite_old_pages
from firmware.store.snapshot import forget_snapshots, require_room, take_snapshot
from firmware.store.soundness import LONGEST_AT_START_S, LaterLook, problems_within, suspect, suspicion_of
from firmware.values import UuidV7

log = structlog.get_logger(__name__)
T = TypeVar("T")
MAX_WAITING = 256
"""Transactions and reads that may wait for the store thread."""
_MAX_A_COMMIT = 64


class Database:
    """The box's database. `transact` and `read` are for the asyncio loop, the rest is the store thread's."""

    def __init__(
        self, path: Path, executor: Executor, owns_executor: bool, check_within_s: float = LONGEST_AT_START_S
    ) -> None:
        self.path = path
        self._check_within_s = check_within_s
        self.is_checked = False
        """Every page has been looked at since it was opened."""
        self._later: LaterLook | None = None
        self._executor = executor
        self._owns_executor = owns_executor
        self._waiting: deque[Job] = deque()
        self._n_waiting = 0
        self._asking_on: asyncio.AbstractEventLoop | None = None
        """The loop that will ask for a commit at the end of its turn."""
        self._commit_is_asked = False
        self._ask_lock = threading.Lock()
        self._listeners: list[tuple[asyncio.AbstractEventLoop, Callable[[frozenset[str]], None]]] = []
        self._closed = False
        self._lock_file: IO[bytes] | None = None
        self._sqlite: sqlite3.Connection
        self.stream = ""
        """The id of this database, made once: sequence numbers of the outbox count within it."""

    @classmethod
    def open(
        cls, path: Path, *, executor: Executor | None = None, check_within_s: float = LONGEST_AT_START_S
    ) -> "Database":
        """Return the database, migrated and checked; a large one as far as that goes in time (`is_checked`).

        Raises StoreDamagedError, StoreNewerError, StoreLockedError, StoreFailedError.
        `executor` must run one job at a time; None makes a store thread of its own.
        """
        owns = executor is None
        chosen = executor or ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        database = cls(path, chosen, owns, check_within_s)
        try:
            chosen.submit(database._open).result()
        except BaseException:
            if owns:
                chosen.shutdown()
            raise
        return database

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one IMMEDIATE transaction: on the disk when this returns, undone if it raises.

        If the caller is cancelled meanwhile the transaction is still all or nothing, but which is not known.
        Raises StoreBusyError, StoreFailedError, and whatever `work` raises.
        """
        self._count_one()
        loop = asyncio.get_running_loop()
        job = Job(work, loop)
        self._waiting.append(job)
        if self._asking_on is not loop:
            # At the end of the loop's turn: who else writes in it shares the commit, and the store thread does not
            # wake only to wait for the interpreter.
            self._asking_on = loop
            loop.call_soon(self._ask_commit)
        assert isinstance(job.result, asyncio.Future)
        result: T = await job.result
        return result

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which only reads, on one state of the database."""
        self._count_one()
        if self._waiting:
            self._ask_commit()  # what was asked for before is read
        future = asyncio.wrap_future(self._executor.submit(self._read, work))
        future.add_done_callback(self._discount_read)
        result: T = await asyncio.shield(future)
        return result

    def run_now(self, work: Callable[[Connection], T]) -> T:
        """Run one transaction from outside any loop, waiting for it; otherwise like `transact`."""
        job = Job(work)
        self._waiting.append(job)
        self._ask_commit()
        assert isinstance(job.result, Future)
        result: T = job.result.result()
        return result

    async def snapshot(self, *, at: datetime) -> Path:
        """Copy the whole database beside it, for `restoring`; ask when no call is up, all else waits for it.

        Raises StoreFailedError.
        """
        return await asyncio.shield(
            asyncio.wrap_future(self._executor.submit(take_snapshot, self._sqlite, self.path, at))
        )

    async def check_rest(self) -> None:
        """Look at the whole file on a thread of its own while work goes on, if that was cut short when it was opened.

        Raises StoreDamagedError; the next `open` then looks to the end, however long that takes.
        """
        if self.is_checked or self._closed:
            return
        later = self._later = LaterLook(self.path)
        looking: Future[list[str] | None] = Future()
        threading.Thread(
            target=lambda: looking.set_result(later.run()), name="store-check", daemon=True
        ).start()
        try:
            problems = await asyncio.wrap_future(looking)
        finally:
            later.end()
        if problems:
            suspect(self.path)
            raise StoreDamagedError(f"{self.path}: {'; '.join(problems)}")
        self.is_checked = problems is not None

    async def leave_no_trace(self, *, at: datetime) -> None:
        """Have nothing of what was deleted left in the log file or in a copy beside; ask when no call is up.

        Raises StoreFailedError; asking again then changes nothing that is done already.
        """
        await asyncio.shield(asyncio.wrap_future(self._executor.submit(self._leave_no_trace, at)))

    async def close(self) -> None:
        """Finish what waits, fold the log into the file and release it."""
        if self._closed:
            return
        self._closed = True
        if self._later is not None:
            self._later.end()
        await asyncio.wrap_future(self._executor.submit(self._close))
        if self._owns_executor:
            self._executor.shutdown(wait=False)

    def close_now(self) -> None:
        """Close from outside any loop, waiting for it."""
        if not self._closed:
            self._closed = True
            self._executor.submit(self._close).result()
            if self._owns_executor:
                self._executor.shutdown()

    def subscribe(self, listener: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Call `listener` on this loop after commits that touched something; returns how to stop that."""
        entry = (asyncio.get_running_loop(), listener)
        self._listeners.append(entry)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(entry)

        return unsubscribe

    def _count_one(self) -> None:
        # On the loop, as are both discounts: no lock.
        if self._closed:
            raise StoreClosedError("the database is closed")
        if self._n_waiting >= MAX_WAITING:
            raise StoreBusyError(f"{MAX_WAITING} transactions wait for the disk already")
        self._n_waiting += 1

    def _discount_read(self, _: object) -> None:
        self._n_waiting -= 1

    def _settle_here(self, jobs: list[Job]) -> None:
        self._n_waiting -= len(jobs)
        settle_all(jobs)

    def _ask_commit(self) -> None:
        # One order to the thread for all that wait: sixty-four of them cost more than the commit.
        self._asking_on = None
        with self._ask_lock:
            if self._commit_is_asked or not self._waiting:
                return
            self._commit_is_asked = True
        self._executor.submit(self._commit_waiting)

    # ---- on the store thread ----

    @staticmethod
    @contextlib.contextmanager
    def lock(path: Path) -> Iterator[None]:
        """Keep every other process from this database. Raises StoreLockedError."""
        file = locked(path)
        try:
            yield
        finally:
            file.close()

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock_file = locked(self.path)
        try:
            self._open_locked()
        except sqlite3.DatabaseError as error:
            self._release()
            if isinstance(error, sqlite3.OperationalError):
                raise StoreFailedError(f"{self.path}: {error}") from None
            raise StoreDamagedError(
                f"{self.path} is not a sound database ({error}): keep it, call support"
            ) from None
        except BaseException:
            self._release()
            raise

    def _open_locked(self) -> None:
        if mark_of(self.path).exists():
            raise StoreDamagedError(f"{self.path} was damaged, and its restoring was cut off")
        if not self.path.exists():
            create(self.path)
        sqlite = sqlite3.connect(self.path, isolation_level=None, timeout=10.0)
        self._sqlite = sqlite
        for pragma, expected in (
            ("journal_mode=WAL", "wal"),
            ("synchronous=FULL", 2),
            ("foreign_keys=ON", 1),
            ("trusted_schema=OFF", 0),
            # What is deleted is overwritten: a name must not outlive its row on the disk.
            ("secure_delete=ON", 1),
        ):
            name = pragma.partition("=")[0]
            sqlite.execute(f"PRAGMA {pragma}")
            found = sqlite.execute(f"PRAGMA {name}").fetchone()[0]
            if found != expected:
                # A PRAGMA that does not apply is silent, and without these an acknowledged row can be lost.
                raise StoreFailedError(f"{self.path}: {pragma} is not to be had here (got {found})")
        suspicion = suspicion_of(self.path)
        problems = problems_within(sqlite, None if suspicion.exists() else self._check_within_s)
        if problems:
            raise sqlite3.DatabaseError("; ".join(problems))
        self.is_checked = problems is not None
        suspicion.unlink(missing_ok=True)
        migrate(sqlite, self.path)
        found = sqlite.execute("SELECT value FROM setting WHERE key = 'stream'").fetchone()
        if found is None:
            # Only its being unique matters, not its time.
            found = (UuidV7().new(int(os.stat(self.path).st_mtime * 1000)),)
            sqlite.execute("INSERT INTO setting VALUES ('stream', ?)", found)
        self.stream = found[0]

    def _release(self) -> None:
        if hasattr(self, "_sqlite"):
            self._sqlite.close()
        if self._lock_file:
            self._lock_file.close()

    def _close(self) -> None:
        self._commit_waiting()
        with contextlib.suppress(sqlite3.Error):
            self._sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._release()

    def _leave_no_trace(self, at: datetime) -> None:
        require_room(self.path)
        with store_errors():
            overwrite_old_pages(self._sqlite)
            busy = self._sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise StoreFailedError("somebody reads the database: the log cannot be emptied now")
        only = take_snapshot(self._sqlite, self.path, at)
        forget_snapshots(self.path, but=only)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with store_errors():
            self._sqlite.execute("BEGIN")
        try:
            return work(Connection(self._sqlite))
        finally:
            self._roll_back()

    def _commit_waiting(self) -> None:
        with self._ask_lock:
            self._commit_is_asked = False
            jobs = [self._waiting.popleft() for _ in range(len(self._waiting))]
        for first in range(0, len(jobs), _MAX_A_COMMIT):
            together = jobs[first : first + _MAX_A_COMMIT]
            touched: frozenset[str] = frozenset()
            try:
                touched = self._commit(together)
            finally:
                self._settle(together)
            if touched:
                self._tell(touched)

    def _settle(self, jobs: list[Job]) -> None:
        for loop, settled in jobs_by_loop(jobs).items():
            if loop is None:
                settle_all(settled)
                continue
            try:
                loop.call_soon_threadsafe(self._settle_here, settled)
            except RuntimeError:  # that loop is closed
                self._n_waiting -= len(settled)

    def _commit(self, jobs: list[Job]) -> frozenset[str]:
        """Commit together; each job knows what came of it. Return what was touched, once it is on the disk."""
        connection = Connection(self._sqlite)
        try:
            with store_errors():
                self._sqlite.execute("BEGIN IMMEDIATE")
            if len(jobs) == 1:
                jobs[0].value = jobs[0].work(connection)  # what fails takes nothing with it
            else:
                for job in jobs:
                    self._in_savepoint(job, connection)
            connection.write_numbers()
            with store_errors():
                self._sqlite.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            for job in jobs:
                job.error = job.error or error
            if not isinstance(error, Exception):
                raise
            return frozenset()
        # From here the transactions are on the disk, and only from here anyone may hear of them.
        return frozenset(connection.touched)

    def _in_savepoint(self, job: Job, connection: Connection) -> None:
        """Do the work and note what came of it; what failed is undone. Raises if all is lost."""
        mark = connection.mark()
        self._sqlite.execute("SAVEPOINT job")
        try:
            job.value = job.work(connection)
        except Exception as error:
            if not self._sqlite.in_transaction:
                # A full disk or an I/O error undoes the whole transaction, its neighbours included.
                raise StoreFailedError(f"the transaction is lost: {error}") from error
            self._sqlite.execute("ROLLBACK TO job")
            self._sqlite.execute("RELEASE job")
            connection.go_back(mark)
            job.error = error
            return
        self._sqlite.execute("RELEASE job")

    def _roll_back(self) -> None:
        if self._sqlite.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._sqlite.execute("ROLLBACK")

    def _tell(self, touched: frozenset[str]) -> None:
        for loop, listener in list(self._listeners):
            with contextlib.suppress(RuntimeError):  # that loop is closed
                loop.call_soon_threadsafe(listener, touched)


def mark_of(path: Path) -> Path:
    """Return the file that says, while it is there, that this database is being replaced (`restoring`)."""
    return path.with_name(f"{path.name}.restoring")
