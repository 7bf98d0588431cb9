"""Asks the daemon through its Unix socket; for programs of their own, one question at a time, never without a deadline."""

import socket
from pathlib import Path
from typing import Any, Self

import msgspec

from firmware.local.wire import MAX_REPLY_BYTES, Reply, Request

CONNECT_S = 3.0
ANSWER_S = 40.0


class BoxSilentError(Exception):
    """The daemon does not answer: it is not running, or it hangs."""


class BoxRefusedError(Exception):
    """The daemon did not do it; the text says what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail


class BoxClient:
    """A connection to the daemon; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, what: str, *, timeout_s: float = ANSWER_S, **arguments: Any) -> Any:
        """Return the daemon's answer. Raises BoxSilentError, BoxRefusedError."""
        given = {name: value for name, value in arguments.items() if value is not None}
        body = msgspec.json.encode(Request(do=what, arguments=msgspec.Raw(msgspec.json.encode(given))))
        try:
            reply = self._exchange(body, timeout_s)
        except (OSError, msgspec.MsgspecError) as error:
            self.close()
            raise BoxSilentError(f"{self._path}: {error}") from None
        if not reply.ok:
            raise BoxRefusedError(reply.reason, reply.detail)
        return reply.result

    def _exchange(self, body: bytes, timeout_s: float) -> Reply:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(CONNECT_S)
            self._socket.connect(str(self._path))
        self._socket.settimeout(timeout_s)
        self._socket.sendall(body + b"\n")
        received = bytearray()
        while not received.endswith(b"\n"):
            part = self._socket.recv(65536)
            if not part:
                raise ConnectionResetError("the daemon hung up")
            received += part
            if len(received) > MAX_REPLY_BYTES + 1:
                raise ConnectionResetError("an endless answer")
        return msgspec.json.decode(received, type=Reply)
