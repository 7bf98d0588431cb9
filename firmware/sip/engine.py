"""The contract of an engine inside its process: what `engine_worker` asks of baresip and of pjsua2 alike."""

from collections.abc import Callable
from typing import Protocol

from firmware.sip.wire import Account, Happening, Up

Tell = Callable[[Happening], None]


class EngineError(Exception):
    """The engine cannot do what was ordered; the text says why and holds no number."""


class Engine(Protocol):
    """One SIP stack with one account. Happenings go to the `tell` that it was made with, on the running loop."""

    max_calls: int
    """At once, in one process."""

    async def open(self, account: Account) -> Up:
        """Start the stack and begin to register. Raises EngineError."""
        ...

    async def dial(self, call: int, uri: str, headers: dict[str, str]) -> None:
        """Send the INVITE; `Over` follows whatever becomes of it. Raises EngineError."""
        ...

    async def answer(self, call: int) -> None:
        """Take an incoming call. Raises EngineError."""
        ...

    async def hang_up(self, call: int) -> None:
        """End a call in whatever state it is; one that is over already is no error."""
        ...

    async def send_keys(self, call: int, keys: str) -> None:
        """Press keys as RFC 4733 events. Raises EngineError."""
        ...

    async def refer(self, call: int, uri: str) -> None:
        """Ask the far end to call `uri`; `Referred` follows. Raises EngineError."""
        ...

    async def ping(self) -> None:
        """Return when the SIP thread answers. Raises EngineError when it does not."""
        ...

    def read(self, call: int) -> bytes:
        """Return whatever sound came since the last read: 8 kHz s16 mono, b"" for none."""
        ...

    def queued(self, call: int) -> int:
        """Return the bytes that wait to be sent; -1 where nothing is sent yet."""
        ...

    def write(self, call: int, pcm: bytes) -> None:
        """Queue sound to be sent; without effect where nothing is sent yet."""
        ...

    def flush(self, call: int) -> None:
        """Throw away what is queued and not sent."""
        ...

    async def close(self) -> None:
        """End every call, leave the registrar and stop."""
        ...
