"""Writes down how the lines stand, whenever that changes: after the fact nobody remembers when a modem began to fail."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from firmware.lines.line import LineReport, LineStatus
from firmware.store import line_states
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.insisting import transact_for_certain
from firmware.store.line_states import LineState
from firmware.values import LineId

MAX_UNWRITTEN = 256
"""Changes while the disk takes nothing; beyond that the oldest are given up."""


class LineHistory:
    """Hears every report of every line; a call is no change of how its line stands."""

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._last: dict[LineId, tuple[str, ...]] = {}
        self._unwritten: deque[LineState] = deque(maxlen=MAX_UNWRITTEN)
        self._changed = asyncio.Event()

    def see(self, report: LineReport) -> None:
        """Take note of a report."""
        status = LineStatus.READY if report.status is LineStatus.IN_CALL else report.status
        stands = (status.value, report.operator, report.ailment, report.treatment)
        if self._last.get(report.line) == stands:
            return
        self._last[report.line] = stands
        self._unwritten.append(
            LineState(
                line=report.line,
                since=self._now(),
                status=status.value,
                detail="" if status is LineStatus.READY else report.detail,
                operator=report.operator,
                ailment=report.ailment,
                treatment=report.treatment,
            )
        )
        self._changed.set()

    async def run(self) -> None:
        """Write until cancelled; what the disk refuses is written later."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            states = list(self._unwritten)
            self._unwritten.clear()
            await transact_for_certain(self._database, partial(_write, states=states))


def _write(con: Connection, states: Sequence[LineState]) -> None:
    for state in states:
        line_states.note(con, state)
