"""Chunks of sealed recordings, when the console asks for them: no faster than allowed, and in the allowed hours.

What is waited for is kept in memory alone: after a restart the console, which knows what it lacks, asks again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

import structlog

from firmware.store import recordings
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.store.recordings import StoredRecording
from firmware.sync.connection import Connection
from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.messages import RecordingChunk, RecordingFetch, RecordingUnavailable, encode
from firmware.sync.messages_recording import CHUNK_BYTES
from firmware.sync.topics import BoxTopics
from firmware.sync.upload_pace import WIRE_SHARE, UploadPace

log = structlog.get_logger(__name__)
MAX_WAITING = 256
"""Chunks asked for and not sent; beyond that the oldest orders are forgotten, and asked for again."""


class RecordingSender:
    """Sends chunks one after the other for as long as it runs."""

    def __init__(
        self,
        database: Database,
        connection: Connection,
        topics: BoxTopics,
        *,
        pace: UploadPace,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._connection = connection
        self._topics = topics
        self.pace = pace
        self._now = now
        self._new_id = new_id
        self._wanted: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._asked = asyncio.Event()

    def fetch(self, order: RecordingFetch) -> None:
        """Take an order, without waiting; a chunk that waits already is not sent twice."""
        for index in order.chunks:
            self._wanted[order.recording, index] = None
        while len(self._wanted) > MAX_WAITING:
            self._wanted.popitem(last=False)
        self._asked.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            if not self._wanted:
                self._asked.clear()
                await self._asked.wait()
            await self.pace.wait_turn()
            await self._connection.wait_connected()
            # Not before: what is asked for once more while it waits here must find itself waiting.
            (recording, index), _ = self._wanted.popitem(last=False)
            try:
                n_bytes = await self._send(recording, index)
            except (NotConnectedError, PublishRefusedError, StoreError) as error:
                log.info("recording_chunk_not_sent", recording=recording, index=index, reason=str(error))
                continue
            self.pace.took(n_bytes * WIRE_SHARE)

    async def _send(self, name: str, index: int) -> int:
        stored = await self._database.read(lambda con: recordings.get_recording(con, name))
        answer = self._answer(name, stored, index)
        if isinstance(answer, RecordingUnavailable):
            log.info("recording_unavailable", recording=name, reason=answer.reason)
            for key in [key for key in self._wanted if key[0] == name]:
                del self._wanted[key]
        await self._connection.publish(
            self._topics.up(f"recording/{name}"), encode(answer), qos=1, properties={"schema": "recording/1"}
        )
        return len(answer.data) if isinstance(answer, RecordingChunk) else 0

    def _answer(
        self, name: str, stored: StoredRecording | None, index: int
    ) -> RecordingChunk | RecordingUnavailable:
        now = self._now()

        def unavailable(reason: str, detail: str, opens_at: datetime | None = None) -> RecordingUnavailable:
            return RecordingUnavailable(
                id=self._new_id(),
                at=now,
                recording=name,
                reason=reason,  # type: ignore[arg-type]
                detail=detail,
                opens_at=opens_at,
            )

        if stored is None:
            return unavailable("unknown_recording", "this box never made it, or has forgotten it")
        if (opens_at := self.pace.opens_at(now)) is not None:
            return unavailable("not_now", "outside the hours of [recording_upload]", opens_at)
        count = -(-stored.n_bytes // CHUNK_BYTES)
        if not 0 <= index < count:
            return unavailable("unknown_recording", f"it has {count} chunks, counted from 0")
        try:
            # 32 KiB from a local disk: less than a frame's time, so no thread for it.
            with stored.path.open("rb") as file:
                file.seek(index * CHUNK_BYTES)
                data = file.read(CHUNK_BYTES)
        except FileNotFoundError:
            return unavailable("gone", "the file is deleted")
        except OSError as error:
            return unavailable("unreadable", str(error.strerror or type(error).__name__))
        if len(data) != min(CHUNK_BYTES, stored.n_bytes - index * CHUNK_BYTES):
            return unavailable("unreadable", "the file is shorter than it was")
        return RecordingChunk(
            id=self._new_id(),
            at=now,
            recording=name,
            index=index,
            count=count,
            n_bytes=stored.n_bytes,
            sha256=stored.sha256,
            data=data,
        )
