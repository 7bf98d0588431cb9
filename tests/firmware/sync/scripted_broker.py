"""An MQTT 5 broker that misbehaves to order, on the test's own event loop; its codec shares nothing with paho.

It keeps sessions and routes QoS 1 like a real one, and `Tricks` says what it does wrong. Properties of a PUBLISH
are passed on as the bytes they came in.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from firmware.sync.topics import topic_matches

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = (
    1,
    2,
    3,
    4,
    8,
    9,
    12,
    13,
    14,
)
NOT_AUTHORIZED, QUOTA_EXCEEDED, PACKET_TOO_LARGE, RECEIVE_MAXIMUM_EXCEEDED = 0x87, 0x97, 0x95, 0x93


def varint(value: int) -> bytes:
    """Return a variable byte integer (MQTT 5 §1.5.5)."""
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return (value, where it ends)."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def read_text(data: bytes, at: int) -> tuple[str, int]:
    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    return data[at + 2 : end].decode(), end


def packet(kind: int, flags: int, body: bytes) -> bytes:
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def user_properties(pairs: dict[str, str]) -> bytes:
    """Return a property block of user properties alone."""
    block = b"".join(b"\x26" + text(key) + text(value) for key, value in pairs.items())
    return varint(len(block)) + block


@dataclass(frozen=True, slots=True)
class Publish:
    """One message as it went over the wire."""

    topic: str
    payload: bytes
    properties: bytes = b"\x00"
    """The block with its length."""
    retain: bool = False

    def packed(self, mid: int, *, qos: int, dup: bool) -> bytes:
        flags = dup << 3 | qos << 1 | self.retain
        head = text(self.topic) + (mid.to_bytes(2, "big") if qos else b"")
        return packet(PUBLISH, flags, head + self.properties + self.payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tricks:
    """What this broker does wrong, or grants; probabilities are of each message."""

    seed: int = 0
    receive_maximum: int | None = None
    maximum_packet_bytes: int | None = None
    puback: Callable[[str, str], int] = lambda _client, _topic: 0
    """(client id, topic) to the reason code; a message with a failure is not taken."""
    duplicate: float = 0.0
    """Delivered twice, under two packet ids."""
    lose: float = 0.0
    """Confirmed and never delivered."""
    cut_before_puback: float = 0.0
    cut_after_puback: float = 0.0
    hold_pubacks: int = 0
    """Confirm only when so many wait (or none came for a moment), and then in any order."""
    slice_bytes: int = 0
    """Write in pieces of at most so many bytes."""


@dataclass(slots=True)
class Session:
    """What is kept for one client id."""

    filters: list[str] = field(default_factory=list)
    queue: deque[Publish] = field(default_factory=deque)
    in_flight: dict[int, Publish] = field(default_factory=dict)
    link: "Link | None" = None
    last_mid: int = 0


class ScriptedBroker:
    """Listens on a free loopback port while entered."""

    def __init__(self, tricks: Tricks | None = None) -> None:
        self.tricks = tricks or Tricks()
        self.random = random.Random(self.tricks.seed)
        self.sessions: dict[str, Session] = {}
        self.taken: list[Publish] = []
        """Every message that was confirmed as taken."""
        self.faults: list[str] = []
        """What a client did against the standard or against what it was granted."""
        self.most_under_way = 0
        self.n_connects = 0
        self.tamper: Callable[[str, Publish], list[Publish]] = lambda _client, message: [message]
        """(client id, message to deliver) to what is delivered to it instead."""
        self.port = 0
        self._server: asyncio.Server

    async def __aenter__(self) -> "ScriptedBroker":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for session in self.sessions.values():
            if session.link is not None:
                session.link.cut()

    def change(self, **tricks: object) -> None:
        """Misbehave otherwise from now on."""
        self.tricks = replace(self.tricks, **tricks)  # type: ignore[arg-type]

    def happens(self, probability: float) -> bool:
        return probability > 0 and self.random.random() < probability

    def cut_all(self) -> None:
        """Break every connection."""
        for session in self.sessions.values():
            if session.link is not None:
                session.link.cut()

    def forget_sessions(self) -> None:
        """Break every connection, and know nobody when they come again: queue and subscriptions are gone."""
        self.cut_all()
        self.sessions.clear()

    def inject(self, client: str, message: Publish) -> None:
        """Deliver something that nobody sent."""
        session = self.sessions[client]
        session.queue.append(message)
        self.pump(session)

    def route(self, message: Publish) -> None:
        self.taken.append(message)
        for client, session in self.sessions.items():
            if not any(topic_matches(wanted, message.topic) for wanted in session.filters):
                continue
            for changed in self.tamper(client, message):
                if self.happens(self.tricks.lose):
                    continue
                session.queue.extend([changed] * (2 if self.happens(self.tricks.duplicate) else 1))
            self.pump(session)

    def pump(self, session: Session) -> None:
        link = session.link
        while link is not None and session.queue and len(session.in_flight) < link.window:
            session.last_mid = session.last_mid % 65_535 + 1
            message = session.in_flight[session.last_mid] = session.queue.popleft()
            link.write(message.packed(session.last_mid, qos=1, dup=False))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await Link(self, reader, writer).run()
        writer.close()


class Link:
    """One client's connection."""

    def __init__(
        self, broker: ScriptedBroker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.window = 65_535
        self._broker = broker
        self._reader = reader
        self._writer = writer
        self._client = ""
        self._unconfirmed: list[bytes] = []
        self._n_unconfirmed = 0
        self._flushing: asyncio.TimerHandle | None = None

    def cut(self) -> None:
        self._writer.transport.abort()

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def run(self) -> None:
        try:
            async for kind, flags, body in self._packets():
                match kind:
                    case _ if kind == CONNECT:
                        self._on_connect(body)
                    case _ if kind == SUBSCRIBE:
                        self._on_subscribe(body)
                    case _ if kind == PUBLISH:
                        self._on_publish(flags, body)
                    case _ if kind == PUBACK:
                        self._session.in_flight.pop(int.from_bytes(body[:2], "big"), None)
                        self._broker.pump(self._session)
                    case _ if kind == PINGREQ:
                        self.write(packet(PINGRESP, 0, b""))
                    case _:
                        return
                if self._broker.tricks.slice_bytes:
                    await self._writer.drain()
        finally:
            session = self._broker.sessions.get(self._client)
            if session is not None and session.link is self:
                session.link = None

    @property
    def _session(self) -> Session:
        # Forgotten meanwhile: whatever this link still says counts for nobody.
        return self._broker.sessions.get(self._client) or Session()

    async def _packets(self) -> AsyncIterator[tuple[int, int, bytes]]:
        while True:
            first = (await self._reader.readexactly(1))[0]
            length = shift = 0
            n_head = 1
            while True:
                byte = (await self._reader.readexactly(1))[0]
                n_head += 1
                length |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    break
            limit = self._broker.tricks.maximum_packet_bytes
            if limit is not None and n_head + length > limit:
                self._broker.faults.append(f"a packet of {n_head + length} bytes, {limit} were granted")
                self.write(packet(DISCONNECT, 0, bytes([PACKET_TOO_LARGE])))
                return
            yield first >> 4, first & 0x0F, await self._reader.readexactly(length)

    def _on_connect(self, body: bytes) -> None:
        broker = self._broker
        _, at = read_text(body, 0)
        version, flags = body[at], body[at + 1]
        at += 4
        length, at = read_varint(body, at)
        end = at + length
        while at < end:
            name = body[at]
            size = {0x11: 4, 0x21: 2, 0x27: 4}[name]
            value = int.from_bytes(body[at + 1 : at + 1 + size], "big")
            if name == 0x21:
                self.window = value
            at += 1 + size
        self._client, _ = read_text(body, end)
        if version != 5:
            broker.faults.append(f"protocol {version}")
        broker.n_connects += 1
        is_clean = bool(flags & 0x02)
        present = self._client in broker.sessions and not is_clean
        session = broker.sessions[self._client] if present else Session()
        broker.sessions[self._client] = session
        if session.link is not None:
            session.link.cut()
        session.link = self
        granted = b""
        if broker.tricks.receive_maximum is not None:
            granted += b"\x21" + broker.tricks.receive_maximum.to_bytes(2, "big")
        if broker.tricks.maximum_packet_bytes is not None:
            granted += b"\x27" + broker.tricks.maximum_packet_bytes.to_bytes(4, "big")
        self.write(packet(CONNACK, 0, bytes([present, 0]) + varint(len(granted)) + granted))
        for mid, message in list(session.in_flight.items()):
            self.write(message.packed(mid, qos=1, dup=True))
        broker.pump(session)

    def _on_subscribe(self, body: bytes) -> None:
        length, at = read_varint(body, 2)
        at += length
        filters = []
        while at < len(body):
            wanted, at = read_text(body, at)
            filters.append(wanted)
            at += 1
        self._session.filters = filters
        self.write(packet(SUBACK, 0, body[:2] + b"\x00" + b"\x01" * len(filters)))
        self._broker.pump(self._session)

    def _on_publish(self, flags: int, body: bytes) -> None:
        broker, tricks = self._broker, self._broker.tricks
        topic, at = read_text(body, 0)
        qos = flags >> 1 & 3
        mid, at = (body[at : at + 2], at + 2) if qos else (b"", at)
        length, start = read_varint(body, at)
        message = Publish(topic, body[start + length :], body[at : start + length], bool(flags & 1))
        if not qos:
            broker.route(message)
            return
        self._n_unconfirmed += 1
        broker.most_under_way = max(broker.most_under_way, self._n_unconfirmed)
        if tricks.receive_maximum is not None and self._n_unconfirmed > tricks.receive_maximum:
            broker.faults.append("more under way than Receive Maximum")
            self.write(packet(DISCONNECT, 0, bytes([RECEIVE_MAXIMUM_EXCEEDED])))
            self.cut()
            return
        code = tricks.puback(self._client, topic)
        if code < 0x80:
            broker.route(message)
            if broker.happens(tricks.cut_before_puback):
                self.cut()
                return
        self._unconfirmed.append(packet(PUBACK, 0, mid + bytes([code])))
        if len(self._unconfirmed) >= tricks.hold_pubacks:
            self._confirm()
        elif self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(0.02, self._confirm)
        if broker.happens(tricks.cut_after_puback):
            self.cut()

    def _confirm(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        waiting, self._unconfirmed = self._unconfirmed, []
        self._n_unconfirmed -= len(waiting)
        if self._broker.tricks.hold_pubacks:
            self._broker.random.shuffle(waiting)
        size = self._broker.tricks.slice_bytes
        for each in waiting:
            for at in range(0, len(each), size or len(each)):
                self.write(each[at : at + (size or len(each))])
