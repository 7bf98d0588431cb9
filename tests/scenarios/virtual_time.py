"""An asyncio loop whose time jumps to the next timer as soon as nothing is ready: an hour of calls in seconds.

Only for code without threads and without real file descriptors: there is nothing real to wait for.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from firmware.store.inline_executor import InlineExecutor

T = TypeVar("T")


class VirtualTimeIsStuckError(RuntimeError):
    """Nothing is ready and no timer is set: in real time this would wait for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: "VirtualTimeLoop") -> None:
        super().__init__()
        self._virtual_loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise VirtualTimeIsStuckError("nothing is ready and no timer is set")
        self._virtual_loop.jump(timeout)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Its `time()` is seconds of virtual time since the loop was made."""

    def __init__(self) -> None:
        self._virtual_s = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._virtual_s

    def jump(self, seconds: float) -> None:
        self._virtual_s += seconds


class InlineThreadPool(ThreadPoolExecutor):
    """The loop's default executor (`asyncio.to_thread`) without a thread: virtual time cannot run past it."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return InlineExecutor().submit(fn, *args, **kwargs)


def run_virtually(story: Coroutine[Any, Any, T]) -> T:
    """Run `story` to its end on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.get_loop().set_default_executor(InlineThreadPool(1))
        return runner.run(story)
