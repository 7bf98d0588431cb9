"""What belongs to one connection and ends with it: who waits for which PUBACK, and messages in flow over it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.mqtt_epoch import EpochFacts, Publication
from firmware.sync.mqtt_thread import MqttThread
from firmware.sync.sending import Answered, Outgoing

PACKET_TOO_LARGE = 0x95
_WINDOWS_IN_HAND = 4
"""Of a sending: one under way, the others for the network thread to go on with."""
_HEADER_BYTES = 64
_PROPERTY_BYTES = 3

Settle = Callable[[int, Exception | None], None]
"""Hears the answer to a message: its token, and why it failed."""


@dataclass(slots=True)
class LiveEpoch:
    """One connection, as the loop sees it."""

    facts: EpochFacts
    waiting: dict[int, tuple[str, Settle]] = field(default_factory=dict)
    """By token: the topic of each message that was handed over, and who is told of the answer."""
    sendings: set["MqttSending"] = field(default_factory=set)
    over: str = ""
    """Why it has ended, empty while it stands."""
    _last_token: int = 0

    def expect(self, topic: str, settle: Settle) -> int:
        """Return the token of a message that is about to be handed over."""
        self._last_token += 1
        self.waiting[self._last_token] = (topic, settle)
        return self._last_token

    def give_up(self, thread: MqttThread, timeout_s: float) -> NotConnectedError:
        """End a connection on which nothing is confirmed any more."""
        reason = f"no PUBACK within {timeout_s:g} s"
        thread.drop(self.facts.epoch, reason)
        return NotConnectedError(reason)

    def break_off(self, reason: str) -> None:
        """Tell everybody that it has ended; what waited for a PUBACK does not know its fate."""
        self.over = reason or "the connection broke"
        for token, (_, settle) in self.waiting.items():
            settle(token, NotConnectedError(self.over))
        for sending in self.sendings:
            sending.look()


class MqttSending(Answered):
    """Many messages over one epoch; its window is kept by the network thread, which has some in hand."""

    def __init__(
        self, epoch: LiveEpoch, thread: MqttThread, *, timeout_s: float, on_progress: Callable[[], None]
    ) -> None:
        """`timeout_s` is how long the broker may be silent about what it was given."""
        super().__init__(on_progress)
        self._epoch = epoch
        self._thread = thread
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._heard_s = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._is_refused = False
        epoch.sendings.add(self)

    @property
    def room(self) -> int:
        """How many more messages are useful now: enough that the thread need not wait for this loop."""
        return max(0, _WINDOWS_IN_HAND * self._epoch.facts.window - self._answers.n_open)

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Hand over more, up to the first that the broker would not take for its size."""
        if self._is_refused:
            return  # what stands behind a message that does not go does not go either
        if self._epoch.over:
            self._refuse(NotConnectedError(self._epoch.over))
            return
        if not self._answers.n_open:
            self._heard_s = self._loop.time()
        publications: list[Publication] = []
        refusal: PublishRefusedError | None = None
        for message in messages:
            try:
                refuse_oversize(
                    self._epoch.facts,
                    message.topic,
                    message.payload,
                    message.properties,
                    correlation=message.correlation,
                )
            except PublishRefusedError as error:
                refusal = error
                break
            publications.append(self._publication(message))
        self._thread.publish(self._epoch.facts.epoch, publications)
        if refusal is not None:
            self._refuse(refusal)
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout_s, self._look_at_clock)

    def look(self) -> None:
        """Notice that answers came."""
        self._heard_s = self._loop.time()
        self._answers.tell()

    def abandon(self) -> None:
        """Stop caring: what was handed over may or may not still go."""
        self._epoch.sendings.discard(self)
        self._answers.forget()
        if self._watch is not None:
            self._watch.cancel()

    def _refuse(self, failure: Exception) -> None:
        self._is_refused = True
        self._answers.refuse(failure)

    def _publication(self, message: Outgoing) -> Publication:
        token = self._epoch.expect(message.topic, self._answers.settle)
        self._answers.expect(token)
        return Publication(
            token=token,
            topic=message.topic,
            payload=message.payload,
            qos=1,
            retain=False,
            properties=message.properties,
            correlation=message.correlation,
            run=id(self),
        )

    def _look_at_clock(self) -> None:
        self._watch = None
        if not self._answers.n_open:
            return
        left_s = self._heard_s + self._timeout_s - self._loop.time()
        if left_s > 0:
            self._watch = self._loop.call_later(left_s, self._look_at_clock)
        else:
            self._answers.break_off(self._epoch.give_up(self._thread, self._timeout_s))


def settle_future(reply: "asyncio.Future[None]", _token: int, failure: Exception | None) -> None:
    """Tell who waits for one answer."""
    if reply.done():
        return  # its caller has gone: the answer only made room
    if failure is None:
        reply.set_result(None)
    else:
        reply.set_exception(failure)


def refuse_oversize(
    facts: EpochFacts,
    topic: str,
    payload: bytes,
    properties: Mapping[str, str],
    *,
    response_topic: str = "",
    correlation: bytes = b"",
) -> None:
    """Raise PublishRefusedError for what the broker would not take: it ends the connection over it."""
    size = _HEADER_BYTES + len(topic.encode()) + len(payload)
    size += len(response_topic.encode()) + len(correlation) + 2 * _PROPERTY_BYTES
    size += sum(len(key.encode()) + len(value.encode()) + 5 for key, value in properties.items())
    if size > facts.maximum_packet_bytes:
        raise PublishRefusedError(
            topic, PACKET_TOO_LARGE, f"{size} bytes, the broker takes {facts.maximum_packet_bytes}"
        )
