"""What every wire message is made of: ids, instants with an offset, bounded text, and the two kinds of message."""

from datetime import datetime
from typing import Annotated

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
MAX_TEXT = 2000
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
PositiveInt = Annotated[int, msgspec.Meta(ge=1)]
NonNegativeInt = Annotated[int, msgspec.Meta(ge=0)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant without an offset could be anybody's noon: refused."""


class Message(msgspec.Struct, kw_only=True, frozen=True):
    """What every message has."""

    id: Id
    at: Instant


class Durable(Message, frozen=True, kw_only=True):
    """A message that waits in the outbox until a receipt covers it."""

    stream: Id
    seq: PositiveInt
