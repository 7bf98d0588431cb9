"""What the API's documents are made of: one kind of topic, and what goes over it."""

from dataclasses import dataclass
from typing import Literal

from firmware.sync.envelope import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One kind of topic, and what goes over it."""

    leaf: str
    direction: Literal["down", "up"]
    message: type[Message]
    example: Message
    is_retained: bool = False
    qos: Literal[0, 1] = 1
    reaches_all: bool = False
    """It may also be sent once for every box of the tenant."""
