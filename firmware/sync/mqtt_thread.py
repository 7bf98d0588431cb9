"""The network thread: one epoch after the other, with full-jitter back-off between them."""

import asyncio
import contextlib
import random
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from firmware.sync.mqtt_epoch import TURN_S, EpochEndedError, Listener, MqttEpoch, Publication
from firmware.sync.mqtt_settings import MqttSettings, Will

log = structlog.get_logger(__name__)
_MAX_TOLD = 16
_STEADY_S = 30.0
"""A connection that lasted this long was a good one: the next back-off starts from the beginning."""


class MqttThread:
    """Keeps one MQTT connection up until told to stop.

    Its public methods are called from the loop and only enqueue; the listener is called on the loop.
    """

    def __init__(
        self,
        settings: MqttSettings,
        subscriptions: tuple[str, ...],
        will: Will | None,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._settings = settings
        self._subscriptions = subscriptions
        self._will = will
        self._listener = listener
        self._loop = loop
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        # Bounded by who waits for an answer (publications) and by Receive Maximum (acknowledgements).
        self._orders: deque[Callable[[MqttEpoch], None]] = deque()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._is_woken = False
        self._stopping = False
        self._moved = False
        self._told: set[str] = set()
        self.last_beat_s = time.monotonic()
        self.ended = asyncio.Event()

    def start(self) -> None:
        """Start connecting."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect in good order and end; `ended` is set when it has."""
        self._stopping = True
        self._wake()

    def use(self, settings: MqttSettings) -> None:
        """Make every further connection by these settings; one that stands ends, and no back-off is waited out."""
        self._settings = settings
        self._moved = True
        self._orders.append(lambda epoch: epoch.end("moved") if epoch.settings is not settings else None)
        self._wake()

    def publish(self, epoch_number: int, publications: Sequence[Publication]) -> None:
        """Send messages, if their epoch still stands; the listener hears of each by its token."""
        self._order(epoch_number, lambda epoch: epoch.publish(publications))

    def ack(self, epoch_number: int, mid: int) -> None:
        """Acknowledge an arrival, if its epoch still stands."""
        self._order(epoch_number, lambda epoch: epoch.ack(mid))

    def drop(self, epoch_number: int, reason: str) -> None:
        """End this epoch, if it still stands; another follows after the back-off."""
        self._order(epoch_number, lambda epoch: epoch.end(reason))

    def _order(self, number: int, order: Callable[[MqttEpoch], None]) -> None:
        self._orders.append(lambda epoch: order(epoch) if epoch.number == number else None)
        self._wake()

    def _wake(self) -> None:
        if self._is_woken:
            return  # orders are looked at after every wait, and one wait is ended already
        self._is_woken = True
        with contextlib.suppress(OSError):  # full: the thread is awake already; closed: it has ended
            self._wake_write.send(b"\0")

    # ---- on the thread ----

    def _run(self) -> None:
        number = failures = 0
        while not self._stopping:
            number += 1
            self._moved = False
            started_s = time.monotonic()
            epoch = MqttEpoch(
                number,
                self._settings,
                self._subscriptions,
                will=self._will,
                listener=self._listener,
                loop=self._loop,
            )
            reason = self._live_through(epoch)
            # Orders left over are for an epoch that is over.
            self._orders.clear()
            self._tell(self._listener.on_down, reason)
            failures = 1 if time.monotonic() - started_s > _STEADY_S else failures + 1
            if not self._stopping:
                if epoch.is_ready:
                    self._told.clear()
                self._say_failure(reason)
                self._back_off(failures)
        self._wake_read.close()
        self._wake_write.close()
        self._tell(self.ended.set)

    def _live_through(self, epoch: MqttEpoch) -> str:
        """Return why it ended."""
        try:
            epoch.connect()
            while not self._stopping:
                epoch.turn(self._wait)
                while self._orders:
                    self._orders.popleft()(epoch)
                epoch.flush()
        except EpochEndedError as ended:
            return str(ended)
        except Exception as error:
            # Whatever a broker sends, the thread must live on: nothing else would notice that it is gone.
            log.exception("mqtt_thread_fault", host=self._settings.host)
            return f"unexpected {type(error).__name__}: {error}"
        else:
            return "stopped"
        finally:
            epoch.close(politely=self._stopping)

    def _wait(self, link: Any, wants_write: bool, timeout_s: float) -> tuple[bool, bool]:
        at_once = self._orders or self._stopping
        readable, writable = self._select(
            [link], [link] if wants_write else [], 0.0 if at_once else timeout_s
        )
        return link in readable, bool(writable)

    def _back_off(self, failures: int) -> None:
        ends_s = time.monotonic() + back_off_s(self._settings, failures, random.Random())
        while not self._stopping and not self._moved and (left_s := ends_s - time.monotonic()) > 0:
            self._select([], [], min(left_s, TURN_S))
            self._orders.clear()

    def _select(self, reads: list[Any], writes: list[Any], timeout_s: float) -> tuple[list[Any], list[Any]]:
        self.last_beat_s = time.monotonic()
        readable, writable, _ = select.select([*reads, self._wake_read], writes, [], timeout_s)
        if self._wake_read in readable:
            self._wake_read.recv(65_536)
            self._is_woken = False
        return readable, writable

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            self._stopping = True  # the loop is closed: nobody is left to work for

    def _say_failure(self, reason: str) -> None:
        # A lasting failure is said once, whatever it alternates with, and its end by `broker_connected`.
        if reason not in self._told and len(self._told) < _MAX_TOLD:
            self._told.add(reason)
            log.warning("broker_unreachable", host=self._settings.host, reason=reason)


def back_off_s(settings: MqttSettings, failures: int, chance: random.Random) -> float:
    """Return how long to wait after this many failures in a row: anything up to a limit that doubles."""
    return chance.uniform(0, min(settings.back_off_cap_s, settings.back_off_s * 2 ** min(failures, 16)))
