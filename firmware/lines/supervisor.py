"""Keeps a line alive: serves it, and starts it again with back-off when it is lost."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import structlog

from firmware.lines.line import Line, LineError

log = structlog.get_logger()

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


async def keep_alive(line: Line[Any], *, jitter: Callable[[], float] = random.random) -> None:
    """Serve `line` for ever; a lasting failure is logged once, its recovery once."""
    pause_s = FIRST_PAUSE_S
    said = ""
    while True:
        started_s = asyncio.get_running_loop().time()
        try:
            await line.serve()
        except LineError as error:
            if str(error) != said:
                said = str(error)
                log.warning("line_lost", line=line.line_id, reason=said)
        except Exception:
            # The one broad catch of the lines: a bug in one driver costs one line, never the daemon.
            log.exception("line_crashed", line=line.line_id)
        if asyncio.get_running_loop().time() - started_s > 2 * LONGEST_PAUSE_S:
            pause_s, said = FIRST_PAUSE_S, ""
        await asyncio.sleep(pause_s * (0.5 + jitter() / 2))
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
