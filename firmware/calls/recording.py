"""Writes a call's sealed recording on the one recording thread, so that no frame loop and no event loop waits for a disk."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

import structlog

from audio.errors import RecordingError
from audio.events import RecordingChunk
from audio.recording import RecordingSummary, SealedRecording

log = structlog.get_logger()

MOST_CHUNKS_WAITING = 30
"""A minute of sound: a disk that is further behind than that is not writing at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingResult:
    """What there is at the end of a call."""

    summary: RecordingSummary | None
    failure: str = ""


class RecordingWriter:
    """One call's recording; a failing disk costs the recording and is reported, never the call."""

    def __init__(self, path: Path, recipients: Sequence[str], *, started_at: str, executor: Executor) -> None:
        self._path = path
        self._recipients = recipients
        self._started_at = started_at
        self._executor = executor
        self._jobs: list[Future[None]] = []
        self._file: SealedRecording | None = None
        self._started = False
        self._failure = ""

    def start(self) -> None:
        """Begin the file (on the recording thread)."""
        self._started = True
        self._submit(None)

    def append(self, chunk: RecordingChunk) -> None:
        """Hand over a chunk; never blocks."""
        if self._started:
            self._submit(chunk)

    async def close(self, notes: bytes = b"") -> RecordingResult:
        """Return the finished file's digest, once it is on the disk with `notes` sealed into it."""
        if not self._started:
            return RecordingResult(summary=None)
        finished = self._executor.submit(self._close, notes)
        summary = await asyncio.wrap_future(finished)
        return RecordingResult(summary=summary, failure=self._failure)

    def _submit(self, chunk: RecordingChunk | None) -> None:
        self._jobs = [job for job in self._jobs if not job.done()]
        if len(self._jobs) >= MOST_CHUNKS_WAITING:
            self._failure = self._failure or "the disk is too slow: part of the recording is missing"
            return
        self._jobs.append(self._executor.submit(self._write, chunk))

    def _write(self, chunk: RecordingChunk | None) -> None:
        if self._failure:
            return
        try:
            if self._file is None:
                self._file = SealedRecording(self._path, self._recipients, started_at=self._started_at)
            if chunk is not None:
                self._file.append(chunk)
        except (OSError, RecordingError) as error:
            self._failure = f"recording stopped: {error}; free some disk space"
            log.error("recording_failed", reason=self._failure)

    def _close(self, notes: bytes) -> RecordingSummary | None:
        if self._file is None:
            return None
        try:
            return self._file.close(notes)
        except (OSError, RecordingError) as error:
            self._failure = f"recording not finished: {error}; free some disk space"
            log.error("recording_failed", reason=self._failure)
            return None
