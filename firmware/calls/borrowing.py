"""How one call gets a second line: a contract between the scheduler, who has the lines, and whoever needs one."""

from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from firmware.lines.line import Line
from firmware.values import LineId


class LineBusyError(Exception):
    """The line cannot be borrowed: a call is up on it, or something else has it."""


class Borrow(Protocol):
    """Lends lines."""

    def __call__(
        self, *, deadline_s: float, among: AbstractSet[LineId]
    ) -> AbstractAsyncContextManager[Line[Any]]:
        """Lend the next idle line to the block; one of `among`, if it names any. Raises LineBusyError."""
        ...
