"""Results of slow queries for a while: many who look at one page make the ledger count once, and nobody waits for a recount."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import structlog

T = TypeVar("T")
log = structlog.get_logger(__name__)

FRESH_S = 15.0
PATIENCE = 20.0
"""What took long to count is fresh that many times as long: counting takes a twentieth of a core at most."""
OLDEST_S = 1800.0
"""Older figures are not shown: who asks waits for new ones."""
MAX_REMEMBERED = 256
MAX_WAITING = 32
"""Recounts in line; more are not put there, and asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    value: object
    begun_s: float
    """When the ledger was looked at, monotonic: the figures are of then."""
    fresh_until_s: float


class Remembered:
    """Figures by key. What is no longer fresh is shown as it was, and counted anew behind the page, one thing at a time."""

    def __init__(
        self,
        *,
        fresh_s: float = FRESH_S,
        oldest_s: float = OLDEST_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fresh_s, self._oldest_s, self._now_s = fresh_s, oldest_s, now_s
        self._lock = threading.Lock()
        self._known: dict[Any, _Known] = {}
        self._making: dict[Any, threading.Lock] = {}
        self._waiting: set[Any] = set()
        self._behind: ThreadPoolExecutor | None = None
        self._is_closed = False

    def forget(self, key: Any) -> None:
        """Have it made anew the next time: it has changed."""
        with self._lock:
            self._known.pop(key, None)

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """Return what `make` returned half an hour ago at most; `make` may run in another thread, without the request."""
        now_s = self._now_s()
        with self._lock:
            known = self._known.get(key)
        if known is None or now_s - known.begun_s > self._oldest_s:
            return self._make(key, make, instead_of=known)
        if now_s >= known.fresh_until_s:
            self.prepare(key, make)
        return cast(T, known.value)

    def age_s(self, key: Any) -> float:
        """Return how old the figures are; 0 where there are none."""
        with self._lock:
            known = self._known.get(key)
        return max(self._now_s() - known.begun_s, 0.0) if known is not None else 0.0

    def prepare(self, key: Any, make: Callable[[], object]) -> None:
        """Make it behind the pages, so that whoever asks next need not wait."""
        with self._lock:
            if self._is_closed or key in self._waiting or len(self._waiting) >= MAX_WAITING:
                return
            self._waiting.add(key)
            if self._behind is None:
                self._behind = ThreadPoolExecutor(1, thread_name_prefix="recount")
            self._behind.submit(self._prepare, key, make)

    def close(self) -> None:
        """Let what is being counted end, and begin nothing more."""
        with self._lock:
            self._is_closed = True
        if self._behind is not None:
            self._behind.shutdown(cancel_futures=True)

    def _prepare(self, key: Any, make: Callable[[], object]) -> None:
        try:
            with self._lock:
                known = self._known.get(key)
            self._make(key, make, instead_of=known)
        except Exception as error:  # nobody waits for it here; who asks for it later is told
            log.warning("recount_failed", error=type(error).__name__)
        finally:
            with self._lock:
                self._waiting.discard(key)

    def _make(self, key: Any, make: Callable[[], T], *, instead_of: _Known | None) -> T:
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                newer = self._known.get(key)
            if newer is not None and newer is not instead_of:
                return cast(T, newer.value)  # somebody else made it while this one waited
            begun_s = self._now_s()
            made = make()
            end_s = self._now_s()
            fresh_until_s = end_s + max(self._fresh_s, PATIENCE * (end_s - begun_s))
            with self._lock:
                if len(self._known) >= MAX_REMEMBERED:
                    self._known.clear()
                    self._making = {key: making}
                self._known[key] = _Known(value=made, begun_s=begun_s, fresh_until_s=fresh_until_s)
            return made
