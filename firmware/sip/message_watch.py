"""Reads along what baresip sends and receives, as it tells of a call from outside too little: not from where it came.

Only where calls from outside are wanted: each message costs a line of the stack's trace. Nothing of it is kept or logged.
"""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from firmware.sip.caller import caller_of, headers_of

LOGGER = "baresip.native.sip"
MOST_KEPT = 128
MESSAGE_LIMIT_S = 1.0
"""The stack tells of a call shortly before the message that brought it."""
_HEAD = re.compile(r"(RX|TX) ([A-Z]+) (\S+):[0-9]+ -> (\S+):[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """How a call from outside came."""

    source: str
    transport: str
    caller: str
    came_s: float


class MessageWatch(logging.Handler):
    """Has the invitations that came last, by their Call-ID; `on_server` is told whom we ask to register us."""

    def __init__(self, on_server: Callable[[str], None]) -> None:
        super().__init__(logging.DEBUG)
        self._loop = asyncio.get_running_loop()
        self._on_server = on_server
        self._came: OrderedDict[str, Invitation] = OrderedDict()
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def __enter__(self) -> "MessageWatch":
        logger = logging.getLogger(LOGGER)
        logger.addHandler(self)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False  # numbers are in it
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(LOGGER).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take one message of the trace, on whatever thread."""
        head, _, message = record.getMessage().partition("\n")
        found = _HEAD.fullmatch(head.strip())
        if found is None:
            return
        way, transport, source, target = found.groups()
        if way == "RX" and message.startswith("INVITE "):
            self._soon(self._keep, message, source, transport)
        elif way == "TX" and message.startswith("REGISTER "):
            self._soon(self._on_server, target)

    async def invitation(self, call_id: str) -> Invitation | None:
        """Return how a call came; None where the trace does not tell it in time."""
        kept = self._came.pop(call_id, None)
        if (
            kept is None or self._loop.time() - kept.came_s > MESSAGE_LIMIT_S
        ):  # an older one was another call's
            arrival = self._waiting.setdefault(call_id, self._loop.create_future())
            try:
                async with asyncio.timeout(MESSAGE_LIMIT_S):
                    await arrival
            except TimeoutError:
                return None
            finally:
                self._waiting.pop(call_id, None)
            kept = self._came.pop(call_id, None)
        return kept

    def _keep(self, message: str, source: str, transport: str) -> None:
        call_id = next(iter(headers_of(message).get("call-id", [])), "")
        self._came[call_id] = Invitation(
            source=source, transport=transport.lower(), caller=caller_of(message), came_s=self._loop.time()
        )
        self._came.move_to_end(call_id)
        while len(self._came) > MOST_KEPT:
            self._came.popitem(last=False)
        if (arrival := self._waiting.get(call_id)) is not None and not arrival.done():
            arrival.set_result(None)

    def _soon(self, work: Callable[..., None], *given: str) -> None:
        try:
            self._loop.call_soon_threadsafe(work, *given)
        except RuntimeError:
            return  # the engine is closing
