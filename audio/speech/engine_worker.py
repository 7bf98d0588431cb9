"""The speech process: `python -m audio.speech.engine_worker ENGINE FOLDER VOICE`, spoken to as `engine_wire` says.

It runs at low priority with one thread of arithmetic, and ends when its standard input does or when it is idle.
"""

import os
import select
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from audio.errors import AudioError
from audio.speech.engine_wire import MAX_LINE_BYTES, MAX_SAMPLES, NICENESS, Reply, Request, line_of

IDLE_S = 900.0
"""Half a gigabyte is not held for a box that has nothing to prepare."""
ENGINES = {"kokoro": "audio.speech.kokoro:Kokoro", "piper": "audio.speech.piper_voice:PiperVoice"}


class Engine(Protocol):
    """Renders speech inside the process."""

    def speak(self, text: str, language: str) -> tuple[NDArray[np.float32], int]:
        """Return mono samples (1.0 = full scale) and their rate in Hz. Raises AudioError."""
        ...


def serve(start: Callable[[], Engine], requests: int, replies: BinaryIO, *, idle_s: float = IDLE_S) -> None:
    """Answer the requests that come over a file descriptor until it ends or nothing comes."""
    try:
        engine = start()
    except AudioError as error:
        _tell(replies, Reply(error=str(error)))
        return
    except Exception as error:  # whatever a library raises, the daemon hears of it in words
        _tell(replies, Reply(error=f"the engine does not start ({type(error).__name__}): reinstall it"))
        return
    _tell(replies, Reply(ready=True))
    pending = b""
    while True:
        if b"\n" not in pending:
            if len(pending) > MAX_LINE_BYTES or not select.select([requests], [], [], idle_s)[0]:
                return
            data = os.read(requests, MAX_LINE_BYTES)
            if not data:
                return
            pending += data
            continue
        line, _, pending = pending.partition(b"\n")
        _answer(engine, line, replies)


def _answer(engine: Engine, line: bytes, replies: BinaryIO) -> None:
    try:
        request = msgspec.json.decode(line, type=Request)
        samples, rate_hz = engine.speak(request.text, request.language)
    except AudioError as error:
        _tell(replies, Reply(error=str(error)))
    except Exception as error:  # the name of the error only: its text may quote the phrase
        _tell(replies, Reply(error=f"the engine failed at this phrase ({type(error).__name__})"))
    else:
        data = np.ascontiguousarray(samples[:MAX_SAMPLES], dtype="<f4")
        _tell(replies, Reply(n_samples=len(data), rate_hz=rate_hz) if len(data) else Reply(error="silence"))
        replies.write(data.tobytes())
        replies.flush()


def _tell(replies: BinaryIO, reply: Reply) -> None:
    replies.write(line_of(reply))
    replies.flush()


def main(arguments: list[str]) -> None:
    """Serve on the standard streams."""
    engine, folder, voice = arguments
    os.nice(NICENESS)
    # Whatever a library prints goes to stderr: the standard output is ours alone.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    module, name = ENGINES[engine].split(":")

    def start() -> Engine:
        made: Engine = getattr(import_module(module), name)(Path(folder), voice)
        return made

    serve(start, 0, replies)


if __name__ == "__main__":
    main(sys.argv[1:])
