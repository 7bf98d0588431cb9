"""Many messages over one connection, in order: handed over together, and told of by how many are confirmed."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message to publish at QoS 1."""

    topic: str
    payload: bytes
    properties: Mapping[str, str]
    correlation: bytes = b""


_NEVER = 0
"""The token of a message that was not handed over."""


class Sending(Protocol):
    """What goes out over one epoch of a connection; `on_progress` is called whenever something here changes."""

    @property
    def room(self) -> int:
        """How many more messages are useful now: those under way and some in hand."""
        ...

    @property
    def n_confirmed(self) -> int:
        """How many the broker has confirmed, from the first one on without a gap."""
        ...

    @property
    def n_open(self) -> int:
        """How many have no answer yet."""
        ...

    @property
    def failure(self) -> Exception | None:
        """Why the first message behind the confirmed ones failed: PublishRefusedError, NotConnectedError."""
        ...

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Hand over more."""
        ...

    def abandon(self) -> None:
        """Stop caring: what was handed over may or may not still go."""
        ...


class Answers:
    """The answers to messages of one sending, in whatever order they come."""

    def __init__(self, on_progress: Callable[[], None]) -> None:
        self._on_progress = on_progress
        self._open: deque[int] = deque()
        self._early: dict[int, Exception | None] = {}
        self.n_confirmed = 0
        self.failure: Exception | None = None

    @property
    def n_open(self) -> int:
        """How many have no answer yet."""
        return len(self._open) - len(self._early)

    def expect(self, token: int) -> None:
        """Note that a message was handed over."""
        self._open.append(token)

    def settle(self, token: int, failure: Exception | None) -> None:
        """Note the answer to one message."""
        if self._open and self._open[0] == token:
            self._open.popleft()
            self._count(failure)
            while self._open and self._open[0] in self._early:
                self._count(self._early.pop(self._open.popleft()))
        else:
            self._early[token] = failure

    def refuse(self, failure: Exception) -> None:
        """Note that the message behind all these was not even handed over."""
        if not self._open:
            self._count(failure)
            self._on_progress()
        else:
            self._open.append(_NEVER)
            self._early[_NEVER] = failure

    def break_off(self, failure: Exception) -> None:
        """Note that no more answers come."""
        while self._open:
            token = self._open.popleft()
            self._count(self._early.pop(token, failure))
        self._on_progress()

    def tell(self) -> None:
        """Say that something changed."""
        self._on_progress()

    def forget(self) -> None:
        """Tell nobody any more."""
        self._on_progress = _nothing

    def _count(self, failure: Exception | None) -> None:
        if self.failure is not None:
            return
        if failure is None:
            self.n_confirmed += 1
        else:
            self.failure = failure


class Answered:
    """What is known of the answers to a sending, for whoever looks at it."""

    def __init__(self, on_progress: Callable[[], None]) -> None:
        self._answers = Answers(on_progress)

    @property
    def n_confirmed(self) -> int:
        """How many the broker has confirmed without a gap."""
        return self._answers.n_confirmed

    @property
    def n_open(self) -> int:
        """How many have no answer yet."""
        return self._answers.n_open

    @property
    def failure(self) -> Exception | None:
        """Why the first message behind the confirmed ones failed."""
        return self._answers.failure


class TaskSending(Answered):
    """A sending over any `publish` that returns when the broker took the message: a task for each."""

    def __init__(
        self,
        publish: Callable[[Outgoing], Coroutine[Any, Any, None]],
        *,
        window: int,
        on_progress: Callable[[], None],
    ) -> None:
        super().__init__(on_progress)
        self._publish = publish
        self._window = window
        self._tasks: set[asyncio.Task[None]] = set()
        self._n_sent = 0

    @property
    def room(self) -> int:
        """How many more messages are useful now."""
        return max(0, self._window - self._answers.n_open)

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Hand over more."""
        for message in messages:
            self._n_sent += 1
            self._answers.expect(self._n_sent)
            task = asyncio.create_task(self._send_one(self._n_sent, message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def abandon(self) -> None:
        """Stop caring."""
        self._answers.forget()
        for task in self._tasks:
            task.cancel()

    async def _send_one(self, token: int, message: Outgoing) -> None:
        failure: Exception | None = None
        try:
            await self._publish(message)
        except Exception as error:  # whatever it is, the owner of the sending raises it
            failure = error
        self._answers.settle(token, failure)
        self._answers.tell()


def _nothing() -> None:
    """Tell nobody."""
