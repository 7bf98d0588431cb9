"""A broker in memory, with sessions, outages and mishaps: for tests in virtual time."""

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware.sync.connection import NO_PROPERTIES, Received, TlsFiles, Will
from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.sending import Outgoing, Sending, TaskSending
from firmware.sync.topics import topic_matches

_RECEIVE_MAXIMUM = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishaps:
    """What this broker does to messages, each with a probability; the seed makes a run repeatable."""

    seed: int = 0
    duplicate: float = 0.0
    """A message is delivered twice."""
    lose: float = 0.0
    """A message is confirmed to its sender and never delivered."""
    hide_puback: float = 0.0
    """A message is delivered, but its sender hears of a broken connection."""
    max_delay_s: float = 0.0
    """Every hop takes up to this long, so messages overtake each other."""


@dataclass(frozen=True, slots=True)
class _Message:
    topic: str
    payload: bytes
    properties: Mapping[str, str]
    retain: bool = False
    response_topic: str = ""
    correlation: bytes = b""


@dataclass(slots=True)
class _Session:
    """What the broker keeps for one client id, connected or not."""

    subscriptions: tuple[str, ...]
    queue: deque[_Message] = field(default_factory=deque)
    in_flight: "OrderedDict[int, _Message]" = field(default_factory=OrderedDict)
    connection: "MemoryConnection | None" = None
    last_mid: int = 0


class MemoryBroker:
    """Routes QoS 1 messages between MemoryConnections on one loop."""

    def __init__(self, mishaps: Mishaps | None = None) -> None:
        self._mishaps = mishaps or Mishaps()
        self._random = random.Random(self._mishaps.seed)
        self._sessions: dict[str, _Session] = {}
        self._connections: list[MemoryConnection] = []
        self._retained: dict[str, _Message] = {}
        self.is_up = True
        self.nowhere: set[str] = set()
        """Hosts at which no broker answers."""
        self.refuse: Callable[[str, str], int | None] = lambda _client_id, _topic: None
        """An access rule: (client id, topic) to a reason code of 0x80 or more, None to allow."""
        self.refuses: Callable[[Path | None], bool] = lambda _certificate: False
        """Which certificates it does not take; a client that has not said which presents None."""
        self.log: list[tuple[str, bytes]] = []
        """Every (topic, payload) that a client published and the broker took."""

    def connect(
        self, client_id: str, subscriptions: Sequence[str] = (), *, will: Will | None = None
    ) -> "MemoryConnection":
        """Return a connection; it is up when entered, while the broker is."""
        connection = MemoryConnection(self, client_id, tuple(subscriptions), will)
        self._connections.append(connection)
        return connection

    def stop(self) -> None:
        """Break every connection; sessions and retained messages stay, as on a broker with persistence."""
        self.is_up = False
        for connection in self._connections:
            self.detach(connection)

    def start(self) -> None:
        """Take clients again."""
        self.is_up = True
        for connection in self._connections:
            if connection.is_entered:
                self.attach(connection)

    def n_unacknowledged(self, client_id: str) -> int:
        """Return how many messages a client has and has not acknowledged."""
        return len(self._sessions[client_id].in_flight)

    def attach(self, connection: "MemoryConnection") -> None:
        """Let a client in: its unacknowledged messages come again, marked dup."""
        if not self.is_up or connection.host in self.nowhere or self.refuses(connection.certificate):
            return
        session = self._sessions.get(connection.client_id)
        is_new = session is None
        if session is None:
            session = self._sessions[connection.client_id] = _Session(connection.subscriptions)
        session.subscriptions = connection.subscriptions
        if session.connection is not None and session.connection is not connection:
            self.detach(session.connection)
        session.connection = connection
        connection.on_up(session)
        for mid, message in session.in_flight.items():
            connection.on_message(mid, message, dup=True)
        if is_new:
            for message in self._retained.values():
                self._route_to(session, message)
        self._pump(session)

    def detach(self, connection: "MemoryConnection", *, politely: bool = False) -> None:
        """Break one client's connection."""
        session = self._sessions.get(connection.client_id)
        if session is None or session.connection is not connection:
            return
        session.connection = None
        connection.on_down()
        if connection.will is not None and not politely:
            self._route(_Message(connection.will.topic, connection.will.payload, NO_PROPERTIES, retain=True))

    async def take(self, connection: "MemoryConnection", message: _Message) -> None:
        """Take a publication, or refuse it, or seem to break."""
        epoch = connection.epoch
        await self._delay()
        if connection.epoch != epoch or not connection.connected:
            raise NotConnectedError("the connection broke")
        code = self.refuse(connection.client_id, message.topic)
        if code is not None:
            raise PublishRefusedError(message.topic, code, "refused by this broker's rule")
        self.log.append((message.topic, message.payload))
        if not self._happens(self._mishaps.lose):
            self._route(message)
        if self._happens(self._mishaps.hide_puback):
            self.detach(connection)
            asyncio.get_running_loop().call_soon(self._reattach, connection)
            raise NotConnectedError("the connection broke before the PUBACK")
        await self._delay()
        if connection.epoch != epoch:
            raise NotConnectedError("the connection broke before the PUBACK")

    def acked(self, session: _Session, mid: int) -> None:
        """Forget a delivered message."""
        session.in_flight.pop(mid, None)
        self._pump(session)

    def reconnect(self, connection: "MemoryConnection") -> None:
        """Break a connection and let the client in again, as after a real back-off."""
        self.detach(connection)
        asyncio.get_running_loop().call_later(1.0, self._reattach, connection)

    def _reattach(self, connection: "MemoryConnection") -> None:
        if connection.is_entered and not connection.connected:
            self.attach(connection)

    def _route(self, message: _Message) -> None:
        if message.retain:
            self._retained[message.topic] = message
        for session in self._sessions.values():
            times = 2 if self._happens(self._mishaps.duplicate) else 1
            for _ in range(times):
                delay_s = self._random.uniform(0, self._mishaps.max_delay_s)
                if delay_s:
                    asyncio.get_running_loop().call_later(delay_s, self._route_to, session, message)
                else:
                    self._route_to(session, message)

    def _route_to(self, session: _Session, message: _Message) -> None:
        if any(topic_matches(wanted, message.topic) for wanted in session.subscriptions):
            session.queue.append(message)
            self._pump(session)

    def _pump(self, session: _Session) -> None:
        while session.connection and session.queue and len(session.in_flight) < _RECEIVE_MAXIMUM:
            session.last_mid += 1
            message = session.queue.popleft()
            session.in_flight[session.last_mid] = message
            session.connection.on_message(session.last_mid, message, dup=False)

    async def _delay(self) -> None:
        await asyncio.sleep(self._random.uniform(0, self._mishaps.max_delay_s))

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability


class MemoryConnection:
    """Connection to a MemoryBroker."""

    def __init__(
        self, broker: MemoryBroker, client_id: str, subscriptions: tuple[str, ...], will: Will | None
    ) -> None:
        self.client_id = client_id
        self.subscriptions = subscriptions
        self.will = will
        self.host = ""
        self.certificate: Path | None = None
        self.epoch = 0
        self.is_entered = False
        self._broker = broker
        self._session: _Session | None = None
        self._inbox: deque[Received] = deque()
        self._changed = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Say whether messages can be sent now."""
        return self._session is not None

    async def __aenter__(self) -> Self:
        self.is_entered = True
        self._broker.attach(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_entered = False
        self._broker.detach(self, politely=error is None)
        self._tell()

    async def wait_connected(self) -> None:
        """Return when connected. Raises NotConnectedError when closed."""
        while self._session is None:
            if not self.is_entered:
                raise NotConnectedError("the connection is closed")
            await self._changed.wait()

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        properties: Mapping[str, str] = NO_PROPERTIES,
        response_topic: str = "",
        correlation: bytes = b"",
    ) -> None:
        """Return after the broker took it. Raises PublishRefusedError, NotConnectedError."""
        if self._session is None:
            raise NotConnectedError("not connected to the broker")
        await self._broker.take(
            self, _Message(topic, payload, dict(properties), retain, response_topic, correlation)
        )

    def start_sending(self, on_progress: Callable[[], None]) -> Sending:
        """Return a way to send many messages in order."""
        return TaskSending(self._publish_one, window=_RECEIVE_MAXIMUM, on_progress=on_progress)

    async def _publish_one(self, message: Outgoing) -> None:
        await self.publish(
            message.topic, message.payload, properties=message.properties, correlation=message.correlation
        )

    async def received(self) -> AsyncIterator[Received]:
        """Iterate over what arrives."""
        while True:
            while self._inbox:
                yield self._inbox.popleft()
            if not self.is_entered:
                return
            await self._changed.wait()

    def move(self, host: str, port: int) -> None:
        """Go to this address from now on."""
        del port
        if host != self.host:
            self.host = host
            if self.is_entered:
                self._broker.reconnect(self)

    def present(self, files: TlsFiles) -> None:
        """Prove who we are by these files from now on."""
        self.certificate = files.certificate
        if self.is_entered:
            self._broker.reconnect(self)

    def on_up(self, session: _Session) -> None:
        """Hear from the broker that the connection stands."""
        self.epoch += 1
        self._session = session
        self._tell()

    def on_down(self) -> None:
        """Hear from the broker that the connection broke."""
        self.epoch += 1
        self._session = None
        self._inbox.clear()
        self._tell()

    def on_message(self, mid: int, message: _Message, *, dup: bool) -> None:
        """Hear from the broker that a message arrived."""
        self._inbox.append(
            Received(
                topic=message.topic,
                payload=message.payload,
                properties=message.properties,
                retain=message.retain,
                dup=dup,
                response_topic=message.response_topic,
                correlation=message.correlation,
                acknowledge=partial(self._ack, self.epoch, mid),
                return_it=partial(self._give_back, self.epoch),
            )
        )
        self._tell()

    def _ack(self, epoch: int, mid: int) -> None:
        if epoch == self.epoch and self._session is not None:
            self._broker.acked(self._session, mid)

    def _give_back(self, epoch: int) -> None:
        if epoch == self.epoch:
            self._broker.reconnect(self)

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
