"""One connection to a broker, from CONNECT to its end: the only place that touches paho.

paho's own loop and reconnection are not used: on reconnect it forgets its in-flight limit (200 publications
before the first PUBACK were measured with a limit of 5), it has no jitter, and an exception in a callback
ends its thread silently. A new client per connection means that no packet id and no queue outlives it.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from firmware.sync.broker_faults import explain, tls_context
from firmware.sync.buffered_link import BufferedLink
from firmware.sync.mqtt_properties import properties_of, publish_properties, request_properties
from firmware.sync.mqtt_settings import MqttSettings, Will

log = structlog.get_logger(__name__)
MAXIMUM_PACKET_BYTES = 256 * 1024 + 4096
"""The largest message of the API and room for topic and properties; the broker discards what is larger."""
_UNSUPPORTED_VERSION = 0x84
_NEEDS_MQTT_5 = "earlier versions cannot carry the console's signatures; use one with MQTT 5, such as mosquitto 2 or RabbitMQ 3.13"
WITHDRAWN = 0x100
"""Instead of a reason code: the message was not sent."""
TURN_S = 1.0
"""Longest wait in one turn, which is also how often the thread shows that it lives."""
_RETAINED_ONLY_WHEN_NEW = 1  # retain handling, MQTT 5 §3.8.3.1


class EpochEndedError(Exception):
    """A connection is over or was never made; the text says why in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFacts:
    """What the broker granted to one connection."""

    epoch: int
    settings: MqttSettings
    """By which it was made."""
    session_present: bool
    window: int
    """Publications that may be unacknowledged at once."""
    maximum_packet_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One message to send; `token` names it in the answer."""

    token: int
    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: Mapping[str, str]
    response_topic: str = ""
    correlation: bytes = b""
    run: int = 0
    """Messages of one run (not 0) go in order: when one is refused, those that have not gone are withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One PUBLISH from the broker."""

    epoch: int
    mid: int
    qos: int
    topic: str
    payload: bytes
    properties: Mapping[str, str]
    retain: bool
    dup: bool
    response_topic: str = ""
    correlation: bytes = b""


class Listener(Protocol):
    """Who is told; always on the asyncio loop."""

    def on_up(self, facts: EpochFacts) -> None:
        """Hear that a connection is ready for use."""

    def on_down(self, reason: str) -> None:
        """Hear that a connection ended, or that an attempt failed."""

    def on_confirmed(self, epoch: int, confirmed: list[tuple[int, int, str]]) -> None:
        """Hear what the broker says about publications: token, reason code (0 is good), its name."""

    def on_message(self, arrival: Arrival) -> None:
        """Hear that a message arrived."""


class MqttEpoch:
    """A connection. Everything here runs on the network thread; the listener is told through `loop`."""

    def __init__(
        self,
        number: int,
        settings: MqttSettings,
        subscriptions: tuple[str, ...],
        *,
        will: Will | None,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.number = number
        self.settings = settings
        self.is_ready = False
        self._settings = settings
        self._subscriptions = subscriptions
        self._listener = listener
        self._loop = loop
        self._queue: deque[Publication] = deque()
        self._n_under_way = 0
        self._tokens: dict[int, tuple[int, int]] = {}
        """Token and run by packet id."""
        self._confirmed: deque[tuple[int, int, str]] = deque()
        self._is_told = False
        self._granted: EpochFacts | None = None
        self._end_reason = ""
        self._deadline_s = time.monotonic() + settings.connect_timeout_s
        self._client = self._make_client(will)

    @property
    def _where(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    def connect(self) -> None:
        """Open the socket and send CONNECT; blocks up to the connect timeout. Raises EpochEndedError."""
        settings = self._settings
        wishes = properties_of(PacketTypes.CONNECT)
        wishes.SessionExpiryInterval = settings.session_expiry_s
        wishes.ReceiveMaximum = settings.receive_maximum
        wishes.MaximumPacketSize = MAXIMUM_PACKET_BYTES
        try:
            if settings.tls is not None:
                self._client.tls_set_context(tls_context(settings.tls))
            self._client.connect(
                settings.host,
                settings.port,
                keepalive=settings.keep_alive_s,
                clean_start=settings.session_expiry_s == 0,
                properties=wishes,
            )
        except (OSError, ValueError) as error:
            raise EpochEndedError(explain(error, settings)) from None
        self._deadline_s = time.monotonic() + settings.connect_timeout_s

    def turn(self, wait: Callable[[Any, bool, float], tuple[bool, bool]]) -> None:
        """Serve the socket once; `wait(socket, wants_write, timeout_s)` says what is ready.

        Raises EpochEndedError.
        """
        link: Any = self._client.socket()
        if not isinstance(link, BufferedLink) or self._end_reason:
            raise EpochEndedError(self._end_reason or "the broker closed the connection")
        timeout_s = TURN_S if self.is_ready else self._deadline_s - time.monotonic()
        if timeout_s < 0:
            raise EpochEndedError(f"{self._where} does not answer as an MQTT 5 broker")
        # What has been read already, or decrypted, does not make the socket readable.
        has_pending = link.pending() > 0
        if has_pending:
            timeout_s = 0.0
        wants_write = link.wants_write or self._client.want_write()
        readable, writable = wait(link, wants_write, min(timeout_s, TURN_S))
        is_broken = bool(readable or has_pending) and self._client.loop_read() != paho.MQTT_ERR_SUCCESS
        if not is_broken:
            if writable:
                self._client.loop_write()
            self._client.loop_misc()
        self._pump()
        self._tell_confirmed()

    def publish(self, publications: Iterable[Publication]) -> None:
        """Send messages, one window under way; `on_confirmed` follows for each unless the connection ends."""
        self._queue.extend(publications)
        self._pump()

    def flush(self) -> None:
        """Let what was said since the last turn go out."""
        link: Any = self._client.socket()
        if isinstance(link, BufferedLink) and link.wants_write:
            try:
                link.flush()
            except (OSError, ValueError) as error:
                # Reading may yet tell why: a broker that refuses a certificate says so and hangs up.
                self._client.loop_read()
                self.end(f"the link ended the connection: {error}")

    def _pump(self) -> None:
        """Hand paho what the broker takes now."""
        if self._granted is None or self._end_reason:
            return
        window = self._granted.window
        while self._queue and (self._n_under_way < window or self._queue[0].qos == 0):
            self._hand_over(self._queue.popleft())

    def _hand_over(self, publication: Publication) -> None:
        user = tuple(publication.properties.items())
        if publication.response_topic or publication.correlation:
            sent_with = request_properties(user, publication.response_topic, publication.correlation)
        else:
            sent_with = publish_properties(user)
        info = self._client.publish(
            publication.topic,
            publication.payload,
            qos=publication.qos,
            retain=publication.retain,
            properties=sent_with,
        )
        if publication.qos == 0 and info.is_published():
            self._confirmed.append((publication.token, 0, ""))
            self._tell_confirmed()
        else:
            self._n_under_way += 1
            self._tokens[info.mid] = (publication.token, publication.run)

    def ack(self, mid: int) -> None:
        """Acknowledge an arrival of this epoch."""
        self._client.ack(mid, 1)

    def end(self, reason: str) -> None:
        """Make the next turn raise EpochEndedError."""
        self._end_reason = self._end_reason or reason

    def close(self, *, politely: bool) -> None:
        """Close the socket; politely is with DISCONNECT, upon which the broker forgets the will."""
        link = self._client.socket()
        self._client.on_disconnect = None
        if link is None:
            return
        with contextlib.suppress(OSError, ValueError):
            if politely:
                if isinstance(link, BufferedLink):
                    link.gather_no_more()
                self._client.disconnect()
            link.close()

    # ---- paho's callbacks, inside turn() ----

    def _on_connect(
        self, client: paho.Client, _: Any, flags: Any, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.value == _UNSUPPORTED_VERSION:
            self.end(f"{self._where} speaks no MQTT 5: {_NEEDS_MQTT_5}")
            return
        if code.is_failure:
            self.end(f"{self._settings.host} refuses this client: {code.getName()} (0x{code.value:02x})")
            return
        self._granted = EpochFacts(
            epoch=self.number,
            settings=self._settings,
            session_present=bool(flags.session_present),
            window=min(self._settings.receive_maximum, int(getattr(properties, "ReceiveMaximum", 65_535))),
            maximum_packet_bytes=int(getattr(properties, "MaximumPacketSize", 268_435_455)),
        )
        if not self._subscriptions:
            self._become_ready()
            return
        # Also when the session is present: a new version may want more topics, and with this retain handling
        # a subscription that already stands brings nothing twice.
        options = SubscribeOptions(qos=1, retainHandling=_RETAINED_ONLY_WHEN_NEW)
        client.subscribe([(topic, options) for topic in self._subscriptions])

    def _on_subscribe(
        self, _client: paho.Client, _: Any, _mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        refused = [
            f"{topic} ({code.getName()})"
            for topic, code in zip(self._subscriptions, codes, strict=False)
            if code.is_failure
        ]
        if refused:
            self.end(f"{self._settings.host} refuses the subscription to {', '.join(refused)}: check its ACL")
            return
        self._become_ready()

    def _on_disconnect(self, _client: paho.Client, _: Any, flags: Any, code: ReasonCode, _why: Any) -> None:
        if self._granted is None and self._settings.tls is not None:
            # The alert that says why is lost when our CONNECT meets a socket that is closed already.
            self.end(
                f"{self._settings.host} ends the connection before MQTT begins:"
                f" it refuses {self._settings.tls.certificate}, most likely"
            )
            return
        if self._granted is None and not flags.is_disconnect_packet_from_server:
            self.end(f"{self._where} does not answer as an MQTT 5 broker ({code.getName()}): {_NEEDS_MQTT_5}")
            return
        who = "the broker" if flags.is_disconnect_packet_from_server else "the link"
        self.end(f"{who} ended the connection: {code.getName()}")

    def _on_publish(self, _client: paho.Client, _: Any, mid: int, code: ReasonCode, _properties: Any) -> None:
        token, run = self._tokens.pop(mid, (None, 0))
        if token is None:
            return
        self._n_under_way = max(0, self._n_under_way - 1)
        if not code.is_failure:
            self._confirmed.append((token, 0, ""))
            return
        self._confirmed.append((token, code.value, code.getName()))
        if run:
            withdrawn = [each for each in self._queue if each.run == run]
            self._queue = deque(each for each in self._queue if each.run != run)
            self._confirmed.extend((each.token, WITHDRAWN, "one before it was refused") for each in withdrawn)

    def _tell_confirmed(self) -> None:
        """Tell of all that came since the loop last listened with one call: each writes to a socket to wake it."""
        if self._confirmed and not self._is_told:
            self._is_told = True
            self._tell(self._hear_confirmed)

    def _hear_confirmed(self) -> None:
        # On the loop. First the mark: what is added from here on is told of once more.
        self._is_told = False
        confirmed = [self._confirmed.popleft() for _ in range(len(self._confirmed))]
        if confirmed:
            self._listener.on_confirmed(self.number, confirmed)

    def _on_message(self, _client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        arrival = Arrival(
            epoch=self.number,
            mid=message.mid,
            qos=message.qos,
            topic=message.topic,
            payload=bytes(message.payload),
            properties=dict(getattr(message.properties, "UserProperty", [])),
            retain=message.retain,
            dup=message.dup,
            response_topic=getattr(message.properties, "ResponseTopic", ""),
            correlation=bytes(getattr(message.properties, "CorrelationData", b"")),
        )
        self._tell(self._listener.on_message, arrival)

    def _on_log(self, _client: paho.Client, _: Any, level: int, text: str) -> None:
        # TLS 1.3 refuses a client certificate after the handshake, and paho mentions that here only.
        if level == paho.MQTT_LOG_ERR and "alert" in text:
            own = self._settings.tls.certificate if self._settings.tls else ""
            self.end(f"{self._settings.host} refuses {own}: {text.partition(': ')[2]}")

    def _become_ready(self) -> None:
        if self._granted is None:
            return
        self.is_ready = True
        self._client.on_log = None  # from here on paho would write a line for every packet
        log.info(
            "broker_connected",
            host=self._settings.host,
            session_present=self._granted.session_present,
            window=self._granted.window,
        )
        self._tell(self._listener.on_up, self._granted)

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to hear
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _make_client(self, will: Will | None) -> paho.Client:
        client = _GatheringClient(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = self._settings.connect_timeout_s
        client.max_inflight_messages_set(0)  # the window is kept on the loop's side
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_log = self._on_log
        if self._settings.user_name is not None:
            client.username_pw_set(self._settings.user_name, self._settings.password)
        if will is not None:
            delay = properties_of(PacketTypes.WILLMESSAGE)
            delay.WillDelayInterval = will.delay_s
            client.will_set(will.topic, will.payload, qos=1, retain=True, properties=delay)
        return client


class _GatheringClient(paho.Client):
    """paho's client on a socket that gathers."""

    def _create_socket(self) -> Any:
        # The one place where paho makes its socket; no public door leads there.
        return BufferedLink(super()._create_socket())  # type: ignore[no-untyped-call,unused-ignore]
