"""How the daemon and a speech process talk: one JSON line each way, sound as raw float32 behind its line.

daemon:  {"text": "…", "language": "zh-CN"}
process: {"ready": true}                        once, when its model is loaded
         {"n_samples": 48000, "rate_hz": 24000} and then the samples
         {"error": "…"}                         says what to change, never the text
"""

from typing import Any

import msgspec

MAX_LINE_BYTES = 64 * 1024
MAX_SAMPLES = 48_000 * 180
"""Three minutes at the highest rate: more is a fault of the engine."""
MIN_RATE_HZ, MAX_RATE_HZ = 8000, 48_000
NICENESS = 15


class Request(msgspec.Struct, kw_only=True):
    """Words to render."""

    text: str
    language: str


class Reply(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of a request; the first reply tells of the start."""

    ready: bool = False
    error: str = ""
    n_samples: int = 0
    rate_hz: int = 0


def line_of(message: Request | Reply) -> bytes:
    """Return a message as its line."""
    return msgspec.json.encode(message) + b"\n"


def reply_of(line: bytes) -> Reply:
    """Return the reply in a line. Raises ValueError."""
    reply: Any = msgspec.json.decode(line, type=Reply)
    if reply.n_samples and not (
        0 < reply.n_samples <= MAX_SAMPLES and MIN_RATE_HZ <= reply.rate_hz <= MAX_RATE_HZ
    ):
        raise ValueError("no sound has this length or rate")
    return reply  # type: ignore[no-any-return]
