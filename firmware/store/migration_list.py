"""Migrations by name, which become sqlite-utils' own when one of them is due: a box that has them all never loads that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database as SqliteUtils
    from sqlite_utils import Migrations

    Step = Callable[[SqliteUtils], None]


class MigrationList:
    """An append-only list; a function is added by ``@migrations(name=...)``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._steps: dict[str, Step] = {}

    def __call__(self, *, name: str) -> Callable[[Step], Step]:
        """Add the function that follows under a name that no other has."""

        def add(step: Step) -> Step:
            if name in self._steps:
                raise ValueError(f"there is a migration {name!r} already: name this one otherwise")
            self._steps[name] = step
            return step

        return add

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all."""
        return frozenset(self._steps)

    def of_library(self) -> Migrations:
        """Return what applies them: each with its record in one transaction."""
        from sqlite_utils import Migrations  # noqa: PLC0415  # see above

        found = Migrations(self.name)
        for name, step in self._steps.items():
            found(name=name)(step)
        return found
