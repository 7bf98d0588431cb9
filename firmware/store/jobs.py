"""Transactions that wait for the store thread."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from firmware.store.connection import Connection


class Job:
    """One transaction that waits, and the future of its caller: of a loop, or of a thread if there is none."""

    __slots__ = ("error", "loop", "result", "value", "work")

    def __init__(
        self, work: Callable[[Connection], Any], loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self.work = work
        self.loop = loop
        self.result: asyncio.Future[Any] | Future[Any] = loop.create_future() if loop else Future()
        self.value: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Tell the caller, on its loop."""
        if self.result.done():
            return
        if self.error is not None:
            self.result.set_exception(self.error)
        else:
            self.result.set_result(self.value)


def settle_all(jobs: Iterable[Job]) -> None:
    """Tell the callers of jobs that are over."""
    for job in jobs:
        job.settle()


def jobs_by_loop(jobs: Iterable[Job]) -> dict[asyncio.AbstractEventLoop | None, list[Job]]:
    """Return the jobs by their callers' loop: those of one are told with one call, as each wakes it by a socket."""
    found: dict[asyncio.AbstractEventLoop | None, list[Job]] = {}
    for job in jobs:
        found.setdefault(job.loop, []).append(job)
    return found
