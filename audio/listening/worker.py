"""A recogniser process: `python -m audio.listening.worker`, requests on its standard input, replies on its output.

It holds the engines' memory and does the computing, so a library that crashes, leaks or hangs takes only itself along.
"""

import argparse
import os
import resource
import sys
from pathlib import Path
from typing import BinaryIO

from audio.errors import AudioError
from audio.frame import frame_from_bytes, freeze
from audio.listening.engines import LANGUAGES, EngineChain, load_engines
from audio.listening.wire import (
    HEADER_BYTES,
    Engine,
    Failed,
    Guess,
    Ready,
    Reply,
    Request,
    body_length,
    frame,
    parse,
)

NICENESS = 5
"""The frame loops of the calls go before."""
_PROBE = ("yes", "no")


def main() -> None:
    """Serve until the standard input ends."""
    options = argparse.ArgumentParser()
    options.add_argument("--models", type=Path, default=None)
    options.add_argument("--memory-mb", type=int, default=0)
    options.add_argument("--threads", type=int, default=1)
    given = options.parse_args()
    # Native libraries print to descriptor 1 whenever they like: it is no longer the pipe.
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    limit(given.memory_mb)
    os.nice(NICENESS)
    serve(load_engines(given.models, threads=given.threads), sys.stdin.buffer, replies)


def limit(memory_mb: int) -> None:
    """Bound what this process may allocate, and leave no core file with somebody's voice in it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_mb:
        n_bytes = memory_mb << 20
        resource.setrlimit(resource.RLIMIT_DATA, (n_bytes, n_bytes))


def serve(chain: EngineChain, requests: BinaryIO, replies: BinaryIO) -> None:
    """Say what is there, then answer every request in turn."""
    engines = [
        Engine(name=engine.name, languages=[code for code in LANGUAGES if engine.hears(code, _PROBE)])
        for engine in chain.engines
    ]
    replies.write(frame(Ready(engines=engines, missing=list(chain.missing))))
    while header := requests.read(HEADER_BYTES):
        request: Request = parse(requests.read(body_length(header)), Request)
        replies.write(frame(_answer(chain, request)))


def _answer(chain: EngineChain, request: Request) -> Reply | Failed:
    try:
        found = chain.transcribe(
            freeze(frame_from_bytes(request.pcm)), request.language, tuple(request.expected)
        )
    except (AudioError, RuntimeError, ValueError, MemoryError) as error:
        # What an engine raises may quote what was said: only our own words go back.
        reason = str(error) if isinstance(error, AudioError) else type(error).__name__
        return Failed(id=request.id, reason=reason)
    return Reply(
        id=request.id,
        text=found.text,
        confidence=found.confidence,
        engine=found.engine,
        alternatives=[Guess(text=one.text, confidence=one.confidence) for one in found.alternatives],
    )


if __name__ == "__main__":
    main()
