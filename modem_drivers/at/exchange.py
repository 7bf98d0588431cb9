"""One command and its answer, while they are under way on an AT channel."""

import asyncio
from dataclasses import dataclass, field

from modem_drivers.at.allow_list import check_command, check_pin_entry
from modem_drivers.at.tokenizer import Final


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished command: its information response, and the result code that ended it."""

    lines: list[str]
    final: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One command to be sent, and how its answer is told from what else the modem says."""

    text: str
    timeout_s: float
    prefix: str = ""
    is_bare: bool = False
    also_final: frozenset[str] = frozenset()
    is_pin: bool = False
    pdu: str = ""
    """Typed at the prompt that the command gives."""
    mark: str = ""
    """Name of the line without which a final result code belongs to something older."""

    def check(self) -> None:
        """Raise ForbiddenCommandError or LocalProtocolError if this may not be sent; a PDU is checked before."""
        if not self.pdu:
            (check_pin_entry if self.is_pin else check_command)(self.text)


@dataclass(slots=True, eq=False)
class InFlight:
    """A command that was sent, and what has come of it so far."""

    order: Order
    done: asyncio.Future[Final]
    prompted: asyncio.Event = field(default_factory=asyncio.Event)
    lines: list[str] = field(default_factory=list)
    is_marked: bool = False
    saw_final: bool = False
