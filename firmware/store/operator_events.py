"""How any room has the console told what an operator must see: a contract, in the transaction of the fact."""

from collections.abc import Mapping
from typing import Literal, Protocol

from firmware.store.connection import Connection


class OperatorEvents(Protocol):
    """Tells the console."""

    def event(
        self,
        con: Connection,
        name: str,
        severity: Literal["info", "warning", "alarm"],
        *,
        detail: str = "",
        line: str | None = None,
        campaign: str | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        """Report what an operator must see."""
        ...
