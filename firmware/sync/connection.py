"""A lasting MQTT connection on the asyncio loop: publishes return after PUBACK, receptions wait for `ack()`.

The network runs on one thread (`mqtt_thread`), which speaks to this loop by `call_soon_threadsafe` only. Each
(re)connection is an **epoch** with a paho client of its own: nothing that an old epoch left behind is sent or
acknowledged by a new one, so what was not confirmed is the caller's to send again from where it is kept safe.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Protocol, Self

import structlog

from firmware.sync.errors import BrokerRefusedError, NotConnectedError, PublishRefusedError
from firmware.sync.mqtt_epoch import Arrival, EpochFacts, Publication
from firmware.sync.mqtt_sending import LiveEpoch, MqttSending, Settle, refuse_oversize, settle_future
from firmware.sync.mqtt_settings import MqttSettings, TlsFiles, Will
from firmware.sync.mqtt_thread import MqttThread
from firmware.sync.sending import Sending

__all__ = ["Connection", "MqttConnection", "MqttSettings", "Received", "TlsFiles", "Will", "probe_broker"]

log = structlog.get_logger(__name__)
NO_PROPERTIES: Mapping[str, str] = MappingProxyType({})
_FAILURE = 0x80
"""Reason codes from here on say that the broker did not take it."""
MAX_INBOX_BYTES = 32 * 1024 * 1024
"""Of arrivals that nobody has handled yet."""
_ENTRY_BYTES = 512
_STOP_TIMEOUT_S = 5.0


def _nothing() -> None:
    """Do nothing: what `ack` means for a message that needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message from the broker; it comes again unless `ack` is called in the epoch that brought it."""

    topic: str
    payload: bytes
    properties: Mapping[str, str]
    """MQTT 5 user properties; of a repeated name the last one counts."""
    retain: bool = False
    dup: bool = False
    response_topic: str = ""
    """Where the sender wants an answer (MQTT 5 §4.10); not signed."""
    correlation: bytes = b""
    """What the sender knows its question by."""
    acknowledge: Callable[[], None] = _nothing
    return_it: Callable[[], None] = _nothing

    def ack(self) -> None:
        """Let the broker forget the message: call after commit. Dropped if its connection is gone."""
        self.acknowledge()

    def give_back(self) -> None:
        """Ask for the message again, as it could not be kept: ends the connection, MQTT has no other way."""
        self.return_it()


class Connection(Protocol):
    """A client of a broker that reconnects by itself; an async context manager."""

    @property
    def connected(self) -> bool:
        """Say whether messages can be sent now: connected, and subscribed to everything asked for."""
        ...

    async def wait_connected(self) -> None:
        """Return when connected."""
        ...

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
        """Return after a successful PUBACK (QoS 0: when written).

        Raises PublishRefusedError, NotConnectedError; its own deadline is inside.
        """
        ...

    def start_sending(self, on_progress: Callable[[], None]) -> Sending:
        """Return a way to send many messages in order, over this connection and no later one."""
        ...

    def received(self) -> AsyncIterator[Received]:
        """Iterate over what arrives, for ever, in order; one reader. Ends when the connection is closed."""
        ...

    def move(self, host: str, port: int) -> None:
        """Go to this address from now on; a connection to another one ends at once, nothing more goes over it."""
        ...

    def present(self, files: TlsFiles) -> None:
        """Prove who we are by these files from now on: the connection that stands ends at once."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


_NOBODY: tuple[str, Settle] = ("", lambda _token, _failure: None)


class MqttConnection:
    """Connection over paho and a real socket."""

    def __init__(
        self, settings: MqttSettings, *, subscriptions: Sequence[str] = (), will: Will | None = None
    ) -> None:
        self._settings = settings
        self._subscriptions = tuple(subscriptions)
        self._will = will
        self._epoch: LiveEpoch | None = None
        self._changed = asyncio.Event()
        self._inbox: deque[Received] = deque()
        self._inbox_bytes = 0
        self._arrived = asyncio.Event()
        self._closed = False
        self._thread: MqttThread | None = None
        self.failure = ""
        """Why there is no connection: one line, empty while there is one."""
        self.dropped_qos0 = 0

    @property
    def connected(self) -> bool:
        """Say whether messages can be sent now."""
        return self._epoch is not None

    @property
    def last_beat_s(self) -> float:
        """When the network thread last went round, on `time.monotonic()`: for the watchdog."""
        return self._thread.last_beat_s if self._thread else 0.0

    async def __aenter__(self) -> Self:
        self._thread = MqttThread(
            self._settings, self._subscriptions, self._will, self, asyncio.get_running_loop()
        )
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._arrived.set()
        if self._thread is None:
            return
        self._thread.stop()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S + self._settings.connect_timeout_s):
                await self._thread.ended.wait()
        except TimeoutError:
            log.warning("mqtt_thread_stuck", host=self._settings.host)
        self.on_down("closed")

    async def wait_connected(self) -> None:
        """Return when connected. Raises NotConnectedError when closed."""
        while self._epoch is None:
            if self._closed:
                raise NotConnectedError("the connection is closed")
            await self.wait_changed()

    async def wait_changed(self) -> None:
        """Return at the next connection, loss of it, or failed attempt."""
        await self._changed.wait()

    async def wait_first_result(self) -> None:
        """Return once connected or once an attempt has failed (`failure` says why)."""
        while self._epoch is None and not self.failure:
            await self.wait_changed()

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
        """Return after a successful PUBACK. Raises PublishRefusedError, NotConnectedError."""
        epoch = self._epoch
        if epoch is None or self._thread is None:
            raise NotConnectedError(self.failure or "not connected to the broker")
        refuse_oversize(
            epoch.facts, topic, payload, properties, response_topic=response_topic, correlation=correlation
        )
        reply: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        token = epoch.expect(topic, partial(settle_future, reply))
        publication = Publication(
            token=token,
            topic=topic,
            payload=payload,
            qos=qos,
            retain=retain,
            properties=properties,
            response_topic=response_topic,
            correlation=correlation,
        )
        self._thread.publish(epoch.facts.epoch, (publication,))
        try:
            async with asyncio.timeout(self._settings.publish_timeout_s):
                await reply
        except TimeoutError:
            raise epoch.give_up(self._thread, self._settings.publish_timeout_s) from None

    def start_sending(self, on_progress: Callable[[], None]) -> Sending:
        """Return a way to send many messages in order. Raises NotConnectedError."""
        epoch = self._epoch
        if epoch is None or self._thread is None:
            raise NotConnectedError(self.failure or "not connected to the broker")
        return MqttSending(
            epoch, self._thread, timeout_s=self._settings.publish_timeout_s, on_progress=on_progress
        )

    async def received(self) -> AsyncIterator[Received]:
        """Iterate over what arrives; a bounded number of bytes waits here, the broker keeps the rest."""
        while True:
            while self._inbox:
                first = self._inbox.popleft()
                self._inbox_bytes -= len(first.payload) + _ENTRY_BYTES
                yield first
            if self._closed:
                return
            self._arrived.clear()
            await self._arrived.wait()

    def move(self, host: str, port: int) -> None:
        """Go to this address from now on; a connection to another one ends at once."""
        if (host, port) == (self._settings.host, self._settings.port):
            return
        self._use(replace(self._settings, host=host, port=port), f"moving to {host}:{port}")

    def present(self, files: TlsFiles) -> None:
        """Prove who we are by these files from now on."""
        self._use(replace(self._settings, tls=files), "presenting another certificate")

    def _use(self, settings: MqttSettings, why: str) -> None:
        self._settings = settings
        if self._thread is not None:
            self._thread.use(settings)
        self.on_down(why)

    # ---- called on this loop, by the network thread ----

    def on_up(self, facts: EpochFacts) -> None:
        """Note a connection with every subscription granted."""
        if facts.settings is not self._settings:
            return  # it was made before we moved, and is being ended
        self._epoch = LiveEpoch(facts=facts)
        self.failure = ""
        self._tell_change()

    def on_down(self, reason: str) -> None:
        """Note that a connection ended or was not made; what waited for a PUBACK does not know its fate."""
        self.failure = reason
        ended, self._epoch = self._epoch, None
        # Unacknowledged messages come again in the next epoch, so those still in here would be seen twice.
        self._inbox.clear()
        self._inbox_bytes = 0
        if ended:
            ended.break_off(reason)
        self._tell_change()

    def on_confirmed(self, epoch: int, confirmed: list[tuple[int, int, str]]) -> None:
        """Note PUBACKs."""
        if self._epoch is None or self._epoch.facts.epoch != epoch:
            return
        for token, code, reason in confirmed:
            topic, settle = self._epoch.waiting.pop(token, _NOBODY)
            settle(token, PublishRefusedError(topic, code, reason) if code >= _FAILURE else None)
        for sending in self._epoch.sendings:
            sending.look()

    def on_message(self, arrival: Arrival) -> None:
        """Keep an arrival for the reader; bounded in bytes, beyond which the connection is given up.

        Not bounded by our own Receive Maximum: mosquitto 2.0.11 ignores it once acknowledgements are deferred, and
        a client that drops the link for that never gets through a long list of batches.
        """
        thread = self._thread
        if thread is None or self._closed:
            return
        if self._inbox_bytes + len(arrival.payload) > MAX_INBOX_BYTES:
            if arrival.qos == 0:
                self.dropped_qos0 += 1
            else:
                thread.drop(arrival.epoch, f"more than {MAX_INBOX_BYTES >> 20} MiB wait to be handled: later")
            return
        self._inbox_bytes += len(arrival.payload) + _ENTRY_BYTES
        needs_ack = arrival.qos > 0
        self._inbox.append(
            Received(
                topic=arrival.topic,
                payload=arrival.payload,
                properties=arrival.properties,
                retain=arrival.retain,
                dup=arrival.dup,
                response_topic=arrival.response_topic,
                correlation=arrival.correlation,
                acknowledge=partial(thread.ack, arrival.epoch, arrival.mid) if needs_ack else _nothing,
                return_it=partial(thread.drop, arrival.epoch, "a message could not be kept: once more"),
            )
        )
        self._arrived.set()

    def _tell_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


async def probe_broker(settings: MqttSettings, subscriptions: Sequence[str] = ()) -> None:
    """Connect once, as a client of its own beside a running daemon, and leave. Raises BrokerRefusedError."""
    trial = replace(settings, client_id=f"{settings.client_id}-check", session_expiry_s=0)
    async with MqttConnection(trial, subscriptions=subscriptions) as connection:
        try:
            async with asyncio.timeout(settings.connect_timeout_s * 2 + 1):
                await connection.wait_first_result()
        except TimeoutError:
            raise BrokerRefusedError(f"{settings.host}:{settings.port} does not answer") from None
        if not connection.connected:
            raise BrokerRefusedError(connection.failure)
