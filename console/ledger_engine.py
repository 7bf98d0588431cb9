"""How the ledger is reached: a file of SQLite by default, or PostgreSQL; both brought to the present layout on opening.

A password stands in a settings file, in the environment or in libpq's own files, never on a command line.
"""

import time
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from console import audit_tables, inbound_tables, office_tables, payment_tables, sms_tables, web_tables  # noqa: F401 - their tables belong to the ledger
from console.errors import LedgerError
from console.ledger_tables import METADATA

LAYOUT = "layout_5"
"""The last step in `migrations/versions`."""
_FILE_LAYOUT = 3
"""What a SQLite file says of itself, so that programs that knew no steps yet refuse it by its number."""
BUSY_TIMEOUT_S = 30.0
"""`push` and `watch` write to one file in turn."""
_CONNECT_TIMEOUT_S = 10
_SERVER_OPTIONS = "-c lock_timeout=30s -c statement_timeout=300s -c idle_in_transaction_session_timeout=300s"
_TURNS = 0x6272_6C6E
"""This program's turns among all advisory locks of a database."""

_STEPS = Table("alembic_version", MetaData(), Column("version_num", Text))

Place = Path | str
"""A SQLite file, or ``postgresql://…`` as libpq writes it."""


def open_engine(place: Place) -> Engine:
    """Return an engine on the ledger, made or brought up to date if need be. Raises LedgerError."""
    name = name_of(place)
    try:
        if isinstance(place, Path):
            engine = _sqlite(place)
            place.touch(mode=0o600)
        else:
            engine = _postgresql(place)
        with engine.begin() as connection:
            problem = _bring_up_to_date(connection)
    except (SQLAlchemyError, OSError) as error:
        next_step = (
            "check the disk and the file" if isinstance(place, Path) else "check the server and address"
        )
        raise LedgerError(f"{name} cannot be opened: {cause_of(error)}; {next_step}") from None
    if problem:
        raise LedgerError(f"{name} {problem}")
    return engine


def name_of(place: Place) -> str:
    """Return how a person is told of the ledger, without a password. Raises LedgerError if it is no address."""
    return str(place) if isinstance(place, Path) else _url(place).render_as_string(hide_password=True)


def has_password(place: Place) -> bool:
    """Say whether the address holds a password. Raises LedgerError if it is no address."""
    return not isinstance(place, Path) and bool(_url(place).password or "password" in _url(place).query)


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT in the words of this database: both know ON CONFLICT."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def take_turn(connection: Connection, name: str, *, is_shared: bool = False) -> None:
    """Wait until no other transaction holds this turn, and hold it to the end; those who share it go together.

    For what must see the work of others in hand, not only what is committed. A file has one writer anyhow.
    """
    if connection.dialect.name != "sqlite":
        lock = "pg_advisory_xact_lock_shared" if is_shared else "pg_advisory_xact_lock"
        connection.execute(text(f"SELECT {lock}(:turns, hashtext(:name))"), {"turns": _TURNS, "name": name})


def _url(place: str) -> URL:
    try:
        url = make_url(place)
    except ArgumentError:
        url = None
    if url is None or url.drivername not in {"postgresql", "postgres"}:
        # Never repeats what was given: it may hold a password.
        raise LedgerError("the database's address will not do; write postgresql://user@host/database")
    return url.set(drivername="postgresql+psycopg")


def _postgresql(place: str) -> Engine:
    url = _url(place)
    wishes: dict[str, Any] = {"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "branchline-console"}
    if "options" not in url.query:
        wishes["options"] = _SERVER_OPTIONS
    given = {name: value for name, value in wishes.items() if name not in url.query}
    # Whether a row was inserted is read off the count; psycopg forgets it with the cursor.
    counted = {"preserve_rowcount": True}
    return create_engine(url, connect_args=given, pool_pre_ping=True, execution_options=counted)


def _sqlite(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _bring_up_to_date(connection: Connection) -> str:
    """Make what is missing; return why it cannot be done, empty when it was."""
    is_file = connection.dialect.name == "sqlite"
    if not is_file:
        take_turn(connection, "layout")
    tables = set(inspect(connection).get_table_names())
    number = connection.exec_driver_sql("PRAGMA user_version").scalar_one() if is_file else 0
    if number > _FILE_LAYOUT:
        return f"has layout {number}, this program knows {_FILE_LAYOUT}; update it"
    if _STEPS.name in tables:
        step = connection.execute(select(_STEPS.c.version_num)).scalar_one_or_none()
    elif not tables and number == 0:
        METADATA.create_all(connection)
        step = None
    elif 1 <= number <= 2:
        step = f"layout_{number}"  # from before there were steps
    else:
        return "is no ledger; name another file or an empty database"
    if _STEPS.name not in tables:
        _STEPS.create(connection)
        connection.execute(_STEPS.insert().values(version_num=step or LAYOUT))
    if step is not None and step != LAYOUT and (problem := _walk(connection, step)):
        return problem
    if not set(METADATA.tables) <= tables:
        METADATA.create_all(connection)  # a table that is merely new needs no step
    if is_file and number != _FILE_LAYOUT:
        connection.exec_driver_sql(f"PRAGMA user_version = {_FILE_LAYOUT}")
    return ""


def _walk(connection: Connection, step: str) -> str:
    # Almost every ledger is up to date, and these take a quarter of a second to load.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    if step not in {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}:
        return f"has layout {step}, which this program does not know; update it"
    command.upgrade(config, LAYOUT)
    return ""


def cause_of(error: Exception) -> str:
    """Return the first line of what the database says."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _prepare(connection: Any, _record: object) -> None:
    # Transactions are begun by _begin alone: the driver's own habit begins them late and breaks savepoints.
    connection.isolation_level = None
    # Going over to WAL does not wait its turn, as everything else does: two that open a new file meet here.
    deadline_s = time.monotonic() + BUSY_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except connection.OperationalError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    # A writer that begins as a reader cannot wait for its turn when it first writes: it would just fail.
    is_reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")
