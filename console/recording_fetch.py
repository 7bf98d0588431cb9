"""A sealed recording from a box to a file here: asked for in parts, resumed where it broke, believed when its digest fits.

What has come lies beside the target as ``….part``, an unbroken beginning; another run goes on behind it.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from console.errors import BoxSilentError, ConsoleError
from console.signed_sender import SignedSender
from firmware.clock import Clock, to_ms
from firmware.sync.connection import Connection
from firmware.sync.messages import (
    MalformedMessageError,
    RecordingChunk,
    RecordingFetch,
    RecordingReceipt,
    RecordingUnavailable,
    decode_uplink,
    encode,
)
from firmware.sync.messages_recording import CHUNK_BYTES, MAX_CHUNKS_A_FETCH
from firmware.sync.topics import BoxTopics
from firmware.values import UuidV7

ASK_AGAIN_S = 15.0
MAX_RECORDING_BYTES = 512 * 1024 * 1024


class RecordingFetcher:
    """Fetches one recording of one box into one file."""

    def __init__(
        self,
        recording: str,
        target: Path,
        *,
        connection: Connection,
        sender: SignedSender,
        topics: BoxTopics,
        clock: Clock[object],
        ids: UuidV7,
        known_sha256: str | None = None,
    ) -> None:
        """`known_sha256` is what the call's outcome said: another content is refused. `topics` are the box's."""
        self._recording = recording
        self._target = target
        self._part = target.with_name(target.name + ".part")
        self._connection = connection
        self._sender = sender
        self._topics = topics
        self._clock = clock
        self._ids = ids
        self._sha256 = known_sha256
        self._count: int | None = None
        self._n_bytes = 0
        self._ahead: dict[int, bytes] = {}
        """Chunks that came before one in front of them: at most one order's worth."""
        self._next = 0
        self._skips_first = False
        self._came = asyncio.Event()
        self._failure: ConsoleError | None = None

    async def run(self, *, patience_s: float, on_progress: Callable[[int, int], None]) -> str:
        """Return the digest of the whole, which is at the target and receipted.

        Raises BoxSilentError when nothing came for `patience_s`, ConsoleError, BrokerError.
        """
        self._target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self._part, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            self._next = os.fstat(file.fileno()).st_size // CHUNK_BYTES
            file.truncate(self._next * CHUNK_BYTES)
            file.seek(0, os.SEEK_END)
            reading = asyncio.create_task(self._read(), name="recording-read")
            try:
                await self._fill(file.write, patience_s, on_progress)
            finally:
                reading.cancel()
                await asyncio.wait([reading])
            file.flush()
            os.fsync(file.fileno())
        digest = await asyncio.to_thread(self._digest)
        if digest != self._sha256:
            self._part.unlink()
            raise ConsoleError(
                f"recording {self._recording} came whole and is not what box {self._topics.box} recorded "
                "(another digest): run the same again; if it repeats, the box's file is damaged"
            )
        os.replace(self._part, self._target)
        _sync_folder(self._target.parent)
        now = self._clock.now()
        receipt = RecordingReceipt(
            id=self._ids.new(to_ms(now)), at=now, recording=self._recording, sha256=digest
        )
        await self._sender.send(self._topics.recording(self._recording), encode(receipt))
        return digest

    async def _fill(
        self, write: Callable[[bytes], int], patience_s: float, on_progress: Callable[[int, int], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        # The first chunk also says how many there are; a resumed file asks for the last one it has.
        if self._next:
            self._next -= 1
            self._skips_first = True
        asked: set[int] = set()
        asked_s = progressed_s = loop.time()
        while self._count is None or self._next < self._count:
            missing = [index for index in self._wanted() if index not in asked]
            if missing and (len(asked) <= MAX_CHUNKS_A_FETCH // 2):
                await self._ask(missing)
                asked.update(missing)
                asked_s = loop.time()
            self._came.clear()
            try:
                async with asyncio.timeout_at(min(asked_s + ASK_AGAIN_S, progressed_s + patience_s)):
                    await self._came.wait()
            except TimeoutError:
                if loop.time() >= progressed_s + patience_s:
                    raise self._silence(patience_s) from None
                asked.clear()
            if self._failure is not None:
                raise self._failure
            if self._ahead:
                progressed_s = loop.time()
            asked -= self._ahead.keys()
            while (data := self._ahead.pop(self._next, None)) is not None:
                if self._skips_first:
                    self._skips_first = False
                else:
                    write(data)
                self._next += 1
                on_progress(self._next, self._count or 0)

    def _wanted(self) -> Iterable[int]:
        last = self._next + (1 if self._count is None else MAX_CHUNKS_A_FETCH)
        stop = last if self._count is None else min(last, self._count)
        return [index for index in range(self._next, stop) if index not in self._ahead]

    async def _ask(self, chunks: list[int]) -> None:
        now = self._clock.now()
        order = RecordingFetch(
            id=self._ids.new(to_ms(now)),
            at=now,
            recording=self._recording,
            chunks=chunks[:MAX_CHUNKS_A_FETCH],
        )
        await self._sender.send(self._topics.recording(self._recording), encode(order))

    async def _read(self) -> None:
        async for received in self._connection.received():
            if received.topic == self._topics.up(f"recording/{self._recording}"):
                try:
                    message = decode_uplink(received.payload)
                except MalformedMessageError:
                    message = None  # asked for again
                if isinstance(message, RecordingChunk):
                    self._take(message)
                elif isinstance(message, RecordingUnavailable):
                    self._failure = self._unavailable(message)
                self._came.set()
            received.ack()

    def _take(self, chunk: RecordingChunk) -> None:
        self._sha256 = self._sha256 or chunk.sha256
        if self._count is None and chunk.n_bytes <= MAX_RECORDING_BYTES:
            self._n_bytes, self._count = chunk.n_bytes, -(-chunk.n_bytes // CHUNK_BYTES)
        size = min(CHUNK_BYTES, self._n_bytes - chunk.index * CHUNK_BYTES)
        fits = (chunk.recording, chunk.n_bytes, chunk.sha256) == (
            self._recording,
            self._n_bytes,
            self._sha256,
        )
        if not fits:
            self._failure = ConsoleError(
                f"box {self._topics.box} sends another recording than the one in the outcome: look at the box's log"
            )
        elif len(chunk.data) == size and self._next <= chunk.index < self._next + 2 * MAX_CHUNKS_A_FETCH:
            self._ahead[chunk.index] = chunk.data

    def _unavailable(self, message: RecordingUnavailable) -> ConsoleError:
        box = self._topics.box
        if message.reason == "not_now":
            when = f" (from {_local(message.opens_at)})" if message.opens_at else ""
            return ConsoleError(f"box {box} sends no recordings at this hour; run the same again later{when}")
        words = {"unknown_recording": "has no such recording", "gone": "has deleted it"}
        what = words.get(message.reason, "cannot read its file")
        return ConsoleError(
            f"box {box} {what}: {message.detail}; `branchline-console outcomes --json` names recordings"
        )

    def _silence(self, patience_s: float) -> BoxSilentError:
        of = f" of {self._count}" if self._count else ""
        return BoxSilentError(
            f"box {self._topics.box} sent nothing for {patience_s:g} s; {self._next}{of} parts are kept: "
            "run the same again when the box is online"
        )

    def _digest(self) -> str:
        with self._part.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _local(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
