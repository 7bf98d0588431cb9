"""Slow figures: counted once for many, shown as they were while they are counted anew, and never older than is said."""

import threading
from collections.abc import Callable, Iterator

import pytest

from console.web.remembered import Remembered

DEADLINE_S = 10.0


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Counting:
    """Counts how often it was asked; a recount may be held up, take its time, or fail."""

    def __init__(self, clock: Clock) -> None:
        self.n = 0
        self.takes_s = 0.0
        self.fails = False
        self.done = threading.Event()
        self._clock = clock

    def __call__(self) -> int:
        self._clock.now_s += self.takes_s
        self.n += 1
        try:
            if self.fails:
                raise OSError("the server is away")
            return self.n
        finally:
            self.done.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def remembered(clock: Clock) -> Iterator[Remembered]:
    made = Remembered(now_s=clock)
    yield made
    made.close()


@pytest.fixture
def counting(clock: Clock) -> Counting:
    return Counting(clock)


def behind(remembered: Remembered) -> None:
    """Wait until everything behind the pages is counted: it is done in turn."""
    turn = threading.Event()
    remembered.prepare("turn", turn.set)
    assert turn.wait(DEADLINE_S)


def test_it_is_counted_once_while_it_is_fresh(
    remembered: Remembered, clock: Clock, counting: Counting
) -> None:
    assert [remembered.get("a", counting) for _ in range(3)] == [1, 1, 1]
    clock.now_s = 14.9
    assert remembered.get("a", counting) == 1
    remembered.forget("a")
    assert remembered.get("a", counting) == 2


def test_what_is_no_longer_fresh_is_shown_and_counted_behind_the_page(
    remembered: Remembered, clock: Clock, counting: Counting
) -> None:
    assert remembered.get("a", counting) == 1
    clock.now_s = 1800.0
    assert remembered.age_s("a") == 1800.0
    assert remembered.get("a", counting) == 1, "nobody waits"
    behind(remembered)
    assert (remembered.get("a", counting), counting.n, remembered.age_s("a")) == (2, 2, 0.0)


def test_what_is_too_old_is_not_shown(remembered: Remembered, clock: Clock, counting: Counting) -> None:
    remembered.get("a", counting)
    clock.now_s = 1801.0
    assert remembered.get("a", counting) == 2


def test_what_took_long_is_fresh_for_longer_and_as_old_as_its_look_at_the_ledger(
    remembered: Remembered, clock: Clock, counting: Counting
) -> None:
    counting.takes_s = 4.0
    remembered.get("a", counting)
    assert remembered.age_s("a") == 4.0
    clock.now_s = 83.9  # twenty times four seconds after it was done
    remembered.get("a", counting)
    behind(remembered)
    assert counting.n == 1
    clock.now_s = 84.0
    remembered.get("a", counting)
    behind(remembered)
    assert counting.n == 2


def test_a_recount_that_fails_leaves_what_was_known(
    remembered: Remembered, clock: Clock, counting: Counting
) -> None:
    remembered.get("a", counting)
    clock.now_s, counting.fails = 100.0, True
    assert remembered.get("a", counting) == 1
    behind(remembered)
    assert (remembered.get("a", counting), remembered.age_s("a")) == (1, 100.0)
    clock.now_s = 1801.0
    with pytest.raises(OSError, match="away"):
        remembered.get("a", counting)


def test_many_who_ask_at_once_make_it_count_once(remembered: Remembered) -> None:
    begun, may_end, n = threading.Event(), threading.Event(), []

    def slow() -> int:
        n.append(1)
        begun.set()
        assert may_end.wait(DEADLINE_S)
        return 7

    found: list[int] = []
    ask: Callable[[], None] = lambda: found.append(remembered.get("a", slow))  # noqa: E731
    askers = [threading.Thread(target=ask, daemon=True) for _ in range(5)]
    remembered.prepare("a", slow)  # as the server does before anybody asks
    assert begun.wait(DEADLINE_S)
    for asker in askers:
        asker.start()
    may_end.set()
    for asker in askers:
        asker.join(DEADLINE_S)
    assert (found, len(n)) == ([7] * 5, 1)


def test_nothing_begins_after_the_end(remembered: Remembered, clock: Clock, counting: Counting) -> None:
    remembered.get("a", counting)
    remembered.close()
    clock.now_s = 100.0
    assert (remembered.get("a", counting), counting.n) == (1, 1)
