"""An engine in a process of its own: its memory, its crash and its hang stay there; the daemon loses one phrase."""

import os
import select
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import IO

import numpy as np
import structlog

from audio.errors import SynthesisError
from audio.frame import Clip
from audio.speech.engine_wire import MAX_LINE_BYTES, Reply, Request, line_of, reply_of
from audio.speech.synthesis import to_prompt

log = structlog.get_logger()

START_TIMEOUT_S = 90.0
"""A Raspberry Pi loads 90 MB of model from an SD card in about 20 s."""
RENDER_BASE_S, RENDER_S_PER_CHARACTER = 15.0, 1.0
"""Deadline of a phrase: five times what the slowest machine meant for this needs."""
MAX_FAILURES = 3
REST_S = 300.0
"""After so many failures in a row the engine is left alone for a while: a box has calls to prepare."""
PHRASE_REST_S = 3600.0
MOST_BAD_PHRASES = 256
MAX_TEXT_CHARS = 2000


class EngineProcess:
    """A `Synthesizer` whose work is done by a low-priority process that is started when first needed.

    Thread-safe; one phrase at a time. The process ends by itself when it has had nothing to do for a while.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        name: str,
        program: Sequence[str] = (sys.executable, "-m", "audio.speech.engine_worker"),
        start_timeout_s: float = START_TIMEOUT_S,
        render_base_s: float = RENDER_BASE_S,
        render_s_per_character: float = RENDER_S_PER_CHARACTER,
    ) -> None:
        self._arguments = [*program, *arguments]
        self._name = name
        self._start_timeout_s = start_timeout_s
        self._render_base_s = render_base_s
        self._render_s_per_character = render_s_per_character
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pending = b""
        self._is_closed = False
        self._n_failures = 0
        self._rests_until_s = 0.0
        self._bad_phrases: OrderedDict[int, float] = OrderedDict()

    @property
    def name(self) -> str:
        """Engine, model and voice."""
        return self._name

    @property
    def pid(self) -> int | None:
        """The process now running, None between processes."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def render(self, text: str, language: str) -> Clip:
        """Return `text` spoken. Raises SynthesisError: at once while the engine rests or when it failed at this phrase."""
        if not text.strip() or len(text) > MAX_TEXT_CHARS:
            raise SynthesisError(f"a phrase of 1 to {MAX_TEXT_CHARS} characters can be spoken")
        with self._turn:
            if self._is_closed:
                raise SynthesisError(f"{self._name} was closed")
            phrase, now_s = hash((text, language)), time.monotonic()
            if now_s < self._rests_until_s:
                raise SynthesisError(
                    f"{self._name} failed {MAX_FAILURES} times in a row and rests for some minutes"
                )
            if self._bad_phrases.get(phrase, 0.0) > now_s:
                raise SynthesisError(f"{self._name} failed at this phrase before")
            try:
                clip = self._rendered(text, language)
            except _EngineDiedError as error:
                self._stop()
                self._bad_phrases[phrase] = time.monotonic() + PHRASE_REST_S
                while len(self._bad_phrases) > MOST_BAD_PHRASES:
                    self._bad_phrases.popitem(last=False)
                self._n_failures += 1
                if self._n_failures >= MAX_FAILURES:
                    self._n_failures = 0
                    self._rests_until_s = time.monotonic() + REST_S
                raise SynthesisError(f"{self._name}: {error}") from None
            self._n_failures = 0
            return clip

    def close(self) -> None:
        """End the process at once, under whatever is being rendered, and render nothing more."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.kill()  # no lock: whoever renders finds it dead and lets go
        with self._turn:
            self._stop()

    def _rendered(self, text: str, language: str) -> Clip:
        fresh = self._process is None
        process = self._started()
        allowed_s = self._render_base_s + self._render_s_per_character * len(text)
        deadline_s = time.monotonic() + allowed_s
        try:
            self._write(process, line_of(Request(text=text, language=language)))
            reply = self._reply(process, deadline_s)
        except _EngineEndedError:
            if fresh or self._is_closed:
                raise
            # It may have ended for want of work, or for want of memory, just before: a new one is asked once.
            self._stop()
            process = self._started()
            deadline_s = time.monotonic() + allowed_s
            self._write(process, line_of(Request(text=text, language=language)))
            reply = self._reply(process, deadline_s)
        if reply.error:
            raise SynthesisError(f"{self._name}: {reply.error}")
        if not reply.n_samples:
            raise _EngineDiedError("the speech process gave no sound")
        sound = np.frombuffer(self._bytes(process, 4 * reply.n_samples, deadline_s), dtype="<f4")
        if not np.isfinite(sound).all() or not sound.any():
            raise SynthesisError(f"{self._name}: the phrase came out silent or damaged")
        return to_prompt(np.clip(sound, -1.0, 1.0).astype(np.float32), reply.rate_hz)

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._stop()
        try:
            # stderr is dropped: a library's traceback may quote the text.
            self._process = process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise _EngineDiedError(f"the speech process does not start: {error.strerror}") from None
        if self._is_closed:
            raise _EngineDiedError("closed")
        reply = self._reply(process, time.monotonic() + self._start_timeout_s)
        if reply.error:
            self._stop()
            raise _EngineDiedError(reply.error)
        if not reply.ready:
            raise _EngineDiedError("the speech process does not speak our language: reinstall the firmware")
        return process

    def _stop(self) -> None:
        process, self._process = self._process, None
        self._pending = b""
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _write(self, process: "subprocess.Popen[bytes]", data: bytes) -> None:
        # A request is smaller than a pipe's buffer, and the process reads it before it works: this never blocks.
        try:
            _pipe(process.stdin).write(data)
        except OSError:
            raise _EngineEndedError("the speech process died") from None

    def _reply(self, process: "subprocess.Popen[bytes]", deadline_s: float) -> Reply:
        while b"\n" not in self._pending:
            if len(self._pending) > MAX_LINE_BYTES:
                raise _EngineDiedError("the speech process talks nonsense")
            self._pending += self._some(process, deadline_s)
        line, _, self._pending = self._pending.partition(b"\n")
        try:
            return reply_of(line)
        except ValueError:
            raise _EngineDiedError("the speech process talks nonsense") from None

    def _bytes(self, process: "subprocess.Popen[bytes]", n_bytes: int, deadline_s: float) -> bytes:
        data = bytearray(self._pending)
        while len(data) < n_bytes:
            data += self._some(process, deadline_s)
        self._pending = bytes(data[n_bytes:])
        return bytes(data[:n_bytes])

    def _some(self, process: "subprocess.Popen[bytes]", deadline_s: float) -> bytes:
        """Return what the process has said by now. Raises _EngineDiedError at the deadline, _EngineEndedError at its end."""
        pipe = _pipe(process.stdout)
        poll = select.poll()  # not select(): a daemon may hold more than 1024 files
        poll.register(pipe, select.POLLIN)
        if not poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000):
            raise _EngineDiedError("the speech process did not finish in time")
        data = os.read(pipe.fileno(), 1 << 18)
        if not data:
            raise _EngineEndedError("the speech process died")
        return data


class _EngineDiedError(Exception):
    """The process must be replaced."""


class _EngineEndedError(_EngineDiedError):
    """It is gone, as opposed to stuck."""


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
