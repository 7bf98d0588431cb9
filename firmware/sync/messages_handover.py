"""What the console is told of handing a call over to a person."""

from typing import Literal

import msgspec

from firmware.sync.envelope import NonNegativeInt


class HandOverWire(msgspec.Struct, kw_only=True, frozen=True):
    """What became of a callee's wish for a person."""

    result: Literal[
        "answered",
        "busy",
        "no_answer",
        "declined",
        "hours_closed",
        "no_agent",
        "no_line",
        "callee_left",
        "stopped",
        "failed",
    ]
    """answered: an agent took the call. no_agent: none speaks the callee's language. no_line: no second line was idle."""
    agent: str = ""
    """Who took it, or was called last: the id in the box's settings."""
    n_called: NonNegativeInt = 0
    """How many agents' telephones were called."""
    waited_ms: NonNegativeInt = 0
    """From the wish until the two were joined, or nobody was sought any more."""
    talk_ms: NonNegativeInt = 0
    """How long the two were joined."""
