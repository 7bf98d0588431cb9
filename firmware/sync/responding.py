"""Answers to commands: stored with the command and put into the outbox in one transaction, once more on demand."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from firmware.store import commands, outbox
from firmware.store.commands import StoredCommand
from firmware.store.connection import Connection
from firmware.sync.envelope import MAX_TEXT
from firmware.sync.messages import encode
from firmware.sync.messages_command import CommandStatus, Response

_MAX_RESULT_BYTES = 200 * 1024
"""The whole message must stay below what a message may have."""


class Responder:
    """Builds responses; each gets its number where it is written."""

    def __init__(self, stream: str, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._stream = stream
        self._now = now
        self._new_id = new_id

    def finish(
        self,
        con: Connection,
        command: StoredCommand,
        status: CommandStatus,
        *,
        reason: str = "",
        detail: str = "",
        result: Mapping[str, Any] | None = None,
    ) -> None:
        """Store what came of a command, and tell the console."""
        at = self._now()
        given = dict(result or {})
        if len(msgspec.json.encode(given)) > _MAX_RESULT_BYTES:
            status, reason, given = "failed", "too_large", {}
            detail = "the result is larger than a message may be: ask for less"
        response = Response(
            id=self._new_id(),
            at=at,
            stream=self._stream,
            seq=1,
            about=command.id,
            name=command.name,
            status=status,
            reason=reason,
            detail=detail[:MAX_TEXT],
            started_at=command.started_at,
            finished_at=at,
            result=given,
        )
        self._send(con, command, response)

    def again(self, con: Connection, command_id: str) -> bool:
        """Send the stored answer once more, unless it waits in the outbox; False if there is none yet."""
        found = commands.answered(con, command_id)
        if found is None:
            return False
        command, seq, answer = found
        if not outbox.is_pending(con, seq):
            response = msgspec.json.decode(answer, type=Response)
            self._send(con, command, msgspec.structs.replace(response, id=self._new_id(), at=self._now()))
        return True

    def _send(self, con: Connection, command: StoredCommand, response: Response) -> None:
        made: list[bytes] = []

        def build(seq: int) -> bytes:
            made.append(encode(msgspec.structs.replace(response, stream=self._stream, seq=seq)))
            return made[0]

        seq = outbox.append(con, command.leaf, build, response.at, correlation=command.correlation)
        commands.finish(con, command.id, seq=seq, answer=made[0])
