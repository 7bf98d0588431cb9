"""One of many boxes in one process: the uplink's promises over a minimal MQTT 5 client, without a thread or a database each.

It says what `Uplink` says, under the same rules: gapless numbers, a window, nothing forgotten before its receipt, all
of it again after a silence. The client is written for this: a thousand threads of paho would measure the threads.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from firmware.sync.api_channels import CHANNELS
from firmware.sync.messages import OutcomeMessage, Receipt, decode_downlink, encode
from firmware.sync.topics import BoxTopics
from firmware.values import UuidV7

WINDOW = 32
RESEND_AFTER_S = 30.0
CONNECT_TIMEOUT_S = 30.0
KEEP_ALIVE_S = 120
_IDS = UuidV7()
_EXAMPLE = next(channel.example for channel in CHANNELS if channel.message is OutcomeMessage)


class Tally:
    """What all boxes do together."""

    def __init__(self, n_boxes: int, n_each: int, version: int = 5) -> None:
        self.version = version
        """Protocol level: 5, or 4 (MQTT 3.1.1), which Debian 12's RabbitMQ is limited to."""
        self.n_boxes = n_boxes
        self.n_each = n_each
        self.n_connects = 0
        self.n_published = 0
        self.all_connected = asyncio.Event()
        self.go = asyncio.Event()

    @property
    def n_said(self) -> int:
        """Return how many outcomes there are in all."""
        return self.n_boxes * self.n_each

    def connected(self) -> None:
        """Note a connection."""
        self.n_connects += 1
        if self.n_connects >= self.n_boxes:
            self.all_connected.set()


class FleetBox:
    """Says its outcomes and ends when the console's receipts cover them all."""

    def __init__(self, tenant: str, name: str, ports: Sequence[int], tally: Tally) -> None:
        self.name = name
        self._topics = BoxTopics(tenant, name)
        self._ports = ports
        self._tally = tally
        now_ms = int(datetime.now(UTC).timestamp() * 1000)
        stream = _IDS.new(now_ms)
        self.ids = [_IDS.new(now_ms) for _ in range(tally.n_each)]
        assert isinstance(_EXAMPLE, OutcomeMessage)
        self._bodies = [
            encode(
                msgspec.structs.replace(
                    _EXAMPLE, id=message_id, attempt=message_id, stream=stream, seq=seq, contact=f"c-{seq}"
                )
            )
            for seq, message_id in enumerate(self.ids, 1)
        ]
        self._receipted = 0
        self._next = 0
        """Index of the next message to send on this connection."""
        self._under_way = 0
        self._heard_s = 0.0
        self._random = random.Random(name)

    async def run(self) -> None:
        """Stay connected, with full-jitter back-off, until everything is receipted."""
        failures = 0
        while self._receipted < len(self._bodies):
            port = self._ports[failures % len(self._ports)]
            try:
                await self._live(port)
            except (OSError, asyncio.IncompleteReadError, TimeoutError, EOFError):
                failures += 1
                await asyncio.sleep(self._random.uniform(0, min(10.0, 0.5 * 2**failures)))

    async def _live(self, port: int) -> None:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sending: asyncio.Task[None] | None = None
        try:
            writer.write(self._connect_packet())
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                kind, body = await read_packet(reader)
                if kind >> 4 != 2 or body[1] >= 0x80:
                    raise EOFError("refused")
                writer.write(self._subscribe_packet())
                kind, body = await read_packet(reader)
                while kind >> 4 == 3:  # what the session kept comes before the answer
                    self._on_publish(kind, body, writer)
                    kind, body = await read_packet(reader)
                if kind >> 4 != 9 or body[-1] >= 0x80:
                    raise EOFError("no subscription")
            self._tally.connected()
            self._next, self._under_way = self._receipted, 0
            sending = asyncio.create_task(self._send(writer), name=f"send-{self.name}")
            await self._hear(reader, writer)
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        await self._tally.go.wait()
        loop = asyncio.get_running_loop()
        self._heard_s = loop.time()
        while True:
            self._pump(writer)
            await writer.drain()
            await asyncio.sleep(5.0)
            if loop.time() - self._heard_s > RESEND_AFTER_S:
                self._next, self._under_way, self._heard_s = self._receipted, 0, loop.time()

    def _pump(self, writer: asyncio.StreamWriter) -> None:
        if not self._tally.go.is_set():
            return
        topic = self._topics.up("outcome").encode()
        while self._next < len(self._bodies) and self._under_way < WINDOW:
            self._next += 1
            self._under_way += 1
            self._tally.n_published += 1
            head = len(topic).to_bytes(2, "big") + topic + self._next.to_bytes(2, "big")
            head += b"\x00" if self._tally.version == 5 else b""
            writer.write(framed(0x32, head + self._bodies[self._next - 1]))

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while self._receipted < len(self._bodies):
            try:
                async with asyncio.timeout(KEEP_ALIVE_S / 2):
                    kind, body = await read_packet(reader)
            except TimeoutError:
                writer.write(b"\xc0\x00")
                continue
            if kind >> 4 == 4:
                self._under_way = max(0, self._under_way - 1)
                self._pump(writer)
            elif kind >> 4 == 3:
                self._on_publish(kind, body, writer)
            elif kind >> 4 == 14:
                raise EOFError("the broker ended it")

    def _on_publish(self, kind: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        at = 2 + int.from_bytes(body[:2], "big")
        if kind >> 1 & 3:
            writer.write(framed(0x40, body[at : at + 2]))
            at += 2
        length, at = read_varint(body, at) if self._tally.version == 5 else (0, at)
        message = decode_downlink(body[at + length :])
        if isinstance(message, Receipt):
            self._heard_s = asyncio.get_running_loop().time()
            self._receipted = max(self._receipted, message.up_to)
            self._next = max(self._next, self._receipted)

    def _connect_packet(self) -> bytes:
        return connect_packet(self.name, self._tally.version)

    def _subscribe_packet(self) -> bytes:
        return subscribe_packet(self._topics.subscriptions(), self._tally.version)


def connect_packet(client_id: str, version: int) -> bytes:
    """Return a CONNECT that keeps its session."""
    client = client_id.encode()
    expiry = b"\x05\x11" + (7 * 24 * 3600).to_bytes(4, "big") if version == 5 else b""
    head = b"\x00\x04MQTT" + bytes([version, 0]) + KEEP_ALIVE_S.to_bytes(2, "big") + expiry
    return framed(0x10, head + len(client).to_bytes(2, "big") + client)


def subscribe_packet(topics: Sequence[str], version: int) -> bytes:
    """Return a SUBSCRIBE at QoS 1."""
    wanted = b"".join(len(topic.encode()).to_bytes(2, "big") + topic.encode() + b"\x01" for topic in topics)
    return framed(0x82, b"\x00\x01" + (b"\x00" if version == 5 else b"") + wanted)


def framed(kind: int, body: bytes) -> bytes:
    """Return a packet with its length."""
    size, length = bytearray(), len(body)
    while True:
        length, low = divmod(length, 128)
        size.append(low | (0x80 if length else 0))
        if not length:
            return bytes([kind]) + bytes(size) + body


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return (value, where it ends)."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


async def read_packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return (first byte, body) of the next packet."""
    kind = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return kind, await reader.readexactly(length)
