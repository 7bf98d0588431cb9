"""The console's end over MQTT 3.1.1, for brokers that know no MQTT 5: benchmarks only, as signatures need user properties."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

from benchmarks.fleet_box import connect_packet, framed, read_packet, subscribe_packet
from firmware.sync.connection import NO_PROPERTIES, Received
from firmware.sync.errors import NotConnectedError
from firmware.sync.mqtt_settings import TlsFiles
from firmware.sync.sending import Sending

PUBLISH_TIMEOUT_S = 60.0


class OldLink:
    """A Connection; goes to the next port when one fails."""

    def __init__(self, client_id: str, subscriptions: Sequence[str], ports: Sequence[int]) -> None:
        self._client_id = client_id
        self._subscriptions = subscriptions
        self._ports = ports
        self._writer: asyncio.StreamWriter | None = None
        self._inbox: deque[Received] = deque()
        self._changed = asyncio.Event()
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._last_mid = 0
        self._room = asyncio.Semaphore(64)

    @property
    def connected(self) -> bool:
        """Say whether messages can be sent now."""
        return self._writer is not None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="old-link")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def wait_connected(self) -> None:
        """Return when connected."""
        while self._writer is None:
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
        """Return after the PUBACK; without the properties, which MQTT 3.1.1 does not know. Raises NotConnectedError."""
        async with self._room:
            if self._writer is None:
                raise NotConnectedError("not connected")
            self._last_mid = self._last_mid % 65_535 + 1
            answer = self._answers[self._last_mid] = asyncio.get_running_loop().create_future()
            raw = topic.encode()
            head = len(raw).to_bytes(2, "big") + raw + self._last_mid.to_bytes(2, "big")
            self._writer.write(framed(0x32 | retain, head + payload))
            try:
                async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                    await answer
            except TimeoutError:
                raise NotConnectedError("no PUBACK") from None

    def start_sending(self, on_progress: Callable[[], None]) -> Sending:
        """Send nothing in flow: a console does not."""
        raise NotImplementedError(f"this end sends one by one ({on_progress})")

    def move(self, host: str, port: int) -> None:
        """Go nowhere: no console moves itself."""
        raise NotImplementedError(f"this end does not move to {host}:{port}")

    def present(self, files: TlsFiles) -> None:
        """Present nothing: this end has no certificate."""
        raise NotImplementedError(f"this end has no certificate to change ({files.certificate})")

    async def received(self) -> AsyncIterator[Received]:
        """Iterate over what arrives, for ever."""
        while True:
            while self._inbox:
                yield self._inbox.popleft()
            await self._changed.wait()

    async def _run(self) -> None:
        failures = 0
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._live(self._ports[failures % len(self._ports)])
            failures += 1
            self._writer = None
            self._inbox.clear()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(NotConnectedError("the connection broke"))
            self._answers.clear()
            await asyncio.sleep(0.5)

    async def _live(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        early: list[tuple[int, bytes]] = []
        try:
            async with asyncio.timeout(30):
                writer.write(connect_packet(self._client_id, 4) + subscribe_packet(self._subscriptions, 4))
                for kind in (2, 9):
                    first, body = await read_packet(reader)
                    while first >> 4 == 3:  # what the session kept comes before the answer
                        early.append((first, body))
                        first, body = await read_packet(reader)
                    if first >> 4 != kind or body[-1] >= 0x80:
                        raise ConnectionError("refused")
            self._writer = writer
            self._tell()
            for first, body in early:
                self._take(first, body, writer)
            while True:
                try:
                    async with asyncio.timeout(50):
                        first, body = await read_packet(reader)
                except TimeoutError:
                    writer.write(b"\xc0\x00")
                    continue
                self._take(first, body, writer)
        finally:
            writer.close()

    def _take(self, first: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        if first >> 4 == 4:
            answer = self._answers.pop(int.from_bytes(body[:2], "big"), None)
            if answer is not None and not answer.done():
                answer.set_result(None)
        elif first >> 4 == 3:
            at = 2 + int.from_bytes(body[:2], "big")
            topic = body[2:at].decode()
            ack = framed(0x40, body[at : at + 2]) if first >> 1 & 3 else b""
            at += 2 if ack else 0
            self._inbox.append(
                Received(
                    topic=topic, payload=body[at:], properties={}, acknowledge=partial(self._ack, writer, ack)
                )
            )
            self._tell()

    def _ack(self, writer: asyncio.StreamWriter, ack: bytes) -> None:
        if writer is self._writer:
            writer.write(ack)

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
