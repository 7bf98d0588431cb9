"""Recogniser processes for all calls of the box: bounded, with a deadline each, restarted when they fail.

Whatever a process does (hang, die, flood, answer nonsense) costs the utterance it had and nothing else.
"""

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

from audio.errors import (
    RecogniserBusyError,
    RecogniserDiedError,
    RecogniserError,
    RecogniserLateError,
)
from audio.listening.recogniser import Alternative, Recognised, primary
from audio.listening.wire import (
    HEADER_BYTES,
    Failed,
    FromWorker,
    Ready,
    Reply,
    Request,
    body_length,
    bounded,
    frame,
    is_sane,
    parse,
)

DEADLINE_S = 2.5
"""From the end of an utterance to its text, waiting included: the dialogue waits 3 s."""
UNHURRIED_S = 8.0
"""Of what nobody waits for: a slow box may take that long for both languages of a long piece."""
START_DEADLINE_S = 60.0
MOST_WAITING = 8
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
END_LIMIT_S = 5.0
"""For a process that was killed to be gone; the kernel may hold one in a stuck disk."""
MEMORY_MB = 1500


def worker_command(models: Path | None, *, memory_mb: int = MEMORY_MB, threads: int = 1) -> list[str]:
    """Return how to start a worker with the engines that this box has."""
    command = [sys.executable, "-m", "audio.listening.worker"]
    command += ["--memory-mb", str(memory_mb), "--threads", str(threads)]
    return command + (["--models", str(models)] if models else [])


@dataclass(slots=True)
class _Job:
    request: Request = field(repr=False)
    due_s: float
    answer: "asyncio.Future[Recognised]"


@dataclass(slots=True)
class PoolReport:
    """How the pool is doing, for the status page and the tests."""

    n_workers: int
    n_ready: int = 0
    n_restarts: int = 0
    n_answered: int = 0
    n_lost: int = 0
    """Utterances that got no text because a process failed, was late or was busy."""
    languages: frozenset[str] = frozenset()
    trouble: str = ""
    """Why the newest process that failed did; empty when all is well."""


class RecogniserPool:
    """Several worker processes behind one `transcribe`; enter it to start them, leave it to end them."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        n_workers: int = 2,
        deadline_s: float = DEADLINE_S,
        start_deadline_s: float = START_DEADLINE_S,
        most_waiting: int = MOST_WAITING,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self.report = PoolReport(n_workers=n_workers)
        self._command = list(command)
        self._deadline_s = deadline_s
        self._start_deadline_s = start_deadline_s
        self._first_pause_s = first_pause_s
        self._ids = count(1)
        self._waiting: asyncio.Queue[_Job] = asyncio.Queue(most_waiting)
        self._tasks: list[asyncio.Task[None]] = []
        self._n_at_work = 0
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._keep_worker(), name=f"recogniser:{number}")
            for number in range(self.report.n_workers)
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        while not self._waiting.empty():
            self._fail(self._waiting.get_nowait(), RecogniserError("the recognisers were stopped"))

    def hears(self, language: str) -> bool:
        """Say whether a worker is up that recognises this language."""
        return self.report.n_ready > 0 and primary(language) in self.report.languages

    async def ready(self, n_workers: int = 1) -> None:
        """Return once so many workers are ready; set a deadline of your own."""
        while self.report.n_ready < n_workers:
            self._changed.clear()
            await self._changed.wait()

    @property
    def is_idle(self) -> bool:
        """Say whether a worker has nothing to do, so that a guess costs nobody a wait."""
        return self.report.n_ready > self._n_at_work and self._waiting.empty()

    async def transcribe(self, pcm: bytes, language: str, expected: tuple[str, ...] = ()) -> Recognised:
        """Return what was said. Raises RecogniserError (busy, late, died) and never waits beyond the deadline."""
        return await self._transcribe(pcm, language, expected, self._deadline_s)

    async def transcribe_aside(self, pcm: bytes, language: str) -> Recognised:
        """Return what was said if that keeps nobody waiting. Raises RecogniserError: busy, where no worker is left over."""
        n_others = self.report.n_ready - self._n_at_work - self._waiting.qsize()
        if n_others < min(2, max(1, self.report.n_ready)):  # of several, one is left for those who wait
            raise RecogniserBusyError("every recogniser is needed for what is waited for")
        return await self._transcribe(pcm, language, (), max(UNHURRIED_S, self._deadline_s))

    async def _transcribe(
        self, pcm: bytes, language: str, expected: tuple[str, ...], deadline_s: float
    ) -> Recognised:
        loop = asyncio.get_running_loop()
        job = _Job(
            request=Request(id=next(self._ids), pcm=pcm, language=language, expected=list(bounded(expected))),
            due_s=loop.time() + deadline_s,
            answer=loop.create_future(),
        )
        try:
            self._waiting.put_nowait(job)
        except asyncio.QueueFull:
            self.report.n_lost += 1
            raise RecogniserBusyError(f"{self._waiting.qsize()} utterances wait for a recogniser") from None
        try:
            async with asyncio.timeout_at(job.due_s):
                return await job.answer
        except TimeoutError:
            self.report.n_lost += 1
            raise RecogniserLateError(f"no answer within {deadline_s} s") from None

    # ---- one worker -----------------------------------------------------------------------------------------

    async def _keep_worker(self) -> None:
        """Have one process at work, started again after longer and longer pauses while it keeps failing."""
        pause_s = self._first_pause_s
        while True:
            answered = self.report.n_answered
            process: asyncio.subprocess.Process | None = None
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    # Whatever an engine prints may hold what was said.
                    stderr=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
                await self._serve(process)
            except (OSError, RecogniserError) as error:
                self.report.trouble = str(error)
            finally:
                if process is not None:
                    await _end(process)
            self.report.n_restarts += 1
            if self.report.n_answered > answered:
                pause_s = self._first_pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _serve(self, process: asyncio.subprocess.Process) -> None:
        """Give this process one utterance after the other, until it fails. Raises RecogniserError, OSError."""
        try:
            async with asyncio.timeout(self._start_deadline_s):
                ready = await _receive(process)
        except TimeoutError:
            raise RecogniserLateError("the recogniser did not start in time") from None
        if not isinstance(ready, Ready):
            raise RecogniserDiedError("the recogniser began with an answer to nothing")
        self.report.languages = frozenset(code for one in ready.engines for code in one.languages)
        self.report.trouble = ""
        self._count_ready(+1)
        try:
            while True:
                job = await self._next_job(process)
                self._n_at_work += 1
                try:
                    await self._do(process, job)
                except (RecogniserError, OSError) as error:
                    self._fail(job, error if isinstance(error, RecogniserError) else _died())
                    raise
                except asyncio.CancelledError:
                    self._fail(job, RecogniserError("the recognisers were stopped"))
                    raise
                finally:
                    self._n_at_work -= 1
        finally:
            self._count_ready(-1)

    async def _next_job(self, process: asyncio.subprocess.Process) -> _Job:
        """Return the next utterance that is still in time. Raises RecogniserDiedError if the process ends meanwhile."""
        loop = asyncio.get_running_loop()
        gone = asyncio.create_task(process.wait(), name="recogniser-gone")
        try:
            while True:
                work = asyncio.create_task(self._waiting.get(), name="recogniser-work")
                try:
                    await asyncio.wait({gone, work}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not work.done():
                        work.cancel()
                        await asyncio.wait([work])
                if work.cancelled():
                    raise _died()
                job = work.result()
                if not job.answer.done() and job.due_s > loop.time():
                    return job
        finally:
            gone.cancel()

    async def _do(self, process: asyncio.subprocess.Process, job: _Job) -> None:
        assert process.stdin is not None
        try:
            async with asyncio.timeout_at(job.due_s):
                process.stdin.write(frame(job.request))
                await process.stdin.drain()
                reply = await _receive(process)
        except TimeoutError:
            raise RecogniserLateError("no answer in time") from None
        if not isinstance(reply, Reply | Failed) or reply.id != job.request.id:
            raise RecogniserDiedError("the recogniser answered what it was not asked")
        if isinstance(reply, Failed):
            self._fail(job, RecogniserError(reply.reason[:200]))
            return
        if not is_sane(reply):
            raise RecogniserDiedError("the recogniser's answer is out of bounds")
        self.report.n_answered += 1
        if not job.answer.done():
            job.answer.set_result(
                Recognised(
                    text=reply.text,
                    confidence=reply.confidence,
                    engine=reply.engine,
                    alternatives=tuple(
                        Alternative(text=one.text, confidence=one.confidence) for one in reply.alternatives
                    ),
                )
            )

    def _fail(self, job: _Job, error: RecogniserError) -> None:
        if not job.answer.done():
            self.report.n_lost += 1
            job.answer.set_exception(error)

    def _count_ready(self, change: int) -> None:
        self.report.n_ready += change
        self._changed.set()


def _died() -> RecogniserDiedError:
    return RecogniserDiedError("the recogniser ended")


async def _receive(process: asyncio.subprocess.Process) -> Any:
    """Return the next message of a process. Raises RecogniserDiedError."""
    assert process.stdout is not None
    try:
        header = await process.stdout.readexactly(HEADER_BYTES)
        return parse(await process.stdout.readexactly(body_length(header)), FromWorker)
    except asyncio.IncompleteReadError:
        raise _died() from None


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process for certain, and its pipes with whatever is left in them."""
    assert process.stdin is not None
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    if not process.stdin.is_closing():
        process.stdin.transport.abort()
    # asyncio tells of a process's end only when all that it wrote was read, and a flood never is: closed first, or
    # Python 3.11.2 waits for ever.
    process._transport.close()  # type: ignore[attr-defined]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_LIMIT_S):
            await process.wait()
    for _ in range(3):
        await asyncio.sleep(0)  # lets the transports take leave of the loop, which may end next
