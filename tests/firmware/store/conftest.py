"""A database of its own for each test, and rows to put into it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from tests.firmware.store.store_rows import Rows


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def new_database(tmp_path: Path) -> Callable[[], Database]:
    """Open a fresh database without a thread, each time it is called."""
    count = iter(range(10_000))
    return lambda: Database.open(tmp_path / f"{next(count)}" / "box.db", executor=InlineExecutor())


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Iterator[Database]:
    opened = new_database()
    yield opened
    opened.close_now()
