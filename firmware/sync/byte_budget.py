"""A hard bound on what goes up over a metered link: telemetry goes first, then events wait, an outcome never does.

Bytes are counted on the disk in blocks, before they are sent: a box that crashes all day still keeps to its budget.
Days and months are those of UTC.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Self

import structlog

from firmware.store import uplink_use
from firmware.store.database import Database
from firmware.store.errors import StoreError
from firmware.sync.connection import NO_PROPERTIES, Connection, Received
from firmware.sync.mqtt_settings import TlsFiles
from firmware.sync.sending import Outgoing, Sending

log = structlog.get_logger(__name__)

NO_TELEMETRY_FROM, URGENT_ONLY_FROM = 0.7, 0.9
"""Shares of the budget."""
BLOCK_BYTES = 1024 * 1024
_BLOCKS_A_BUDGET = 200
_OVERHEAD_BYTES = 96
"""Of MQTT, TLS and TCP for a message, as near as can be said without knowing the link."""


class Thrift(StrEnum):
    """What may go up now."""

    FREE = "free"
    NO_TELEMETRY = "no_telemetry"
    URGENT_ONLY = "urgent_only"
    """Outcomes and answers to the console; events wait until the budget is renewed."""


class ByteBudget:
    """Counts what goes up and says what may."""

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self.bytes_per_day: int | None = None
        self.bytes_per_month: int | None = None
        self._block_left = 0
        self._told = Thrift.FREE
        self._turn = asyncio.Lock()
        self._day = _day_of(now())
        self._of_day, self._of_month = database.run_now(lambda con: uplink_use.used(con, self._day))

    @property
    def used(self) -> tuple[int, int]:
        """Return how many bytes this day and this month have taken, as far as is known here."""
        self._turn_over()
        left = max(self._block_left, 0)
        return self._of_day - left, self._of_month - left

    @property
    def is_limited(self) -> bool:
        """Say whether there is any bound on what goes up."""
        return self.bytes_per_day is not None or self.bytes_per_month is not None

    @property
    def thrift(self) -> Thrift:
        """Return what may go up now."""
        of_day, of_month = self.used
        share = max(
            of_day / self.bytes_per_day if self.bytes_per_day else 0.0,
            of_month / self.bytes_per_month if self.bytes_per_month else 0.0,
        )
        if share >= URGENT_ONLY_FROM:
            return Thrift.URGENT_ONLY
        return Thrift.NO_TELEMETRY if share >= NO_TELEMETRY_FROM else Thrift.FREE

    async def spend(self, n_bytes: int) -> None:
        """Count bytes that are about to be sent; on the disk when this returns, unless the disk refuses."""
        async with self._turn:  # who waits for the disk must not be overtaken: messages go in order
            await self._spend(n_bytes)

    async def _spend(self, n_bytes: int) -> None:
        self._turn_over()
        self._block_left -= n_bytes
        if self._block_left >= 0:
            return
        limit = min(self.bytes_per_day or 2**60, self.bytes_per_month or 2**60)
        block = max(min(BLOCK_BYTES, limit // _BLOCKS_A_BUDGET), -self._block_left)
        self._block_left += block
        self._of_day += block
        self._of_month += block
        day = self._day
        try:
            await self._database.transact(lambda con: uplink_use.spend(con, day, block))
        except StoreError as error:
            log.warning("uplink_bytes_not_counted", n_bytes=block, reason=str(error))
        if self.thrift is not self._told:
            self._told = self.thrift
            log.info("uplink_thrift", state=self._told.value, of_day=self.used[0], of_month=self.used[1])

    def _turn_over(self) -> None:
        day = _day_of(self._now())
        if day == self._day:
            return
        same_month = day[:7] == self._day[:7]
        self._of_day = self._block_left = 0
        self._of_month = self._of_month if same_month else 0
        self._day = day


class MeteredConnection:
    """A connection whose publications are counted."""

    def __init__(self, connection: Connection, budget: ByteBudget) -> None:
        self._connection = connection
        self._budget = budget

    @property
    def connected(self) -> bool:
        """Say whether messages can be sent now."""
        return self._connection.connected

    async def wait_connected(self) -> None:
        """Return when connected."""
        await self._connection.wait_connected()

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
        """Count, then publish. Raises PublishRefusedError, NotConnectedError."""
        if self._connection.connected:
            await self._budget.spend(_OVERHEAD_BYTES + len(topic) + len(payload))
        await self._connection.publish(
            topic,
            payload,
            qos=qos,
            retain=retain,
            properties=properties,
            response_topic=response_topic,
            correlation=correlation,
        )

    def start_sending(self, on_progress: Callable[[], None]) -> Sending:
        """Return a way to send many messages in order. Raises NotConnectedError."""
        return _MeteredSending(self._connection.start_sending(on_progress), self._budget)

    def received(self) -> AsyncIterator[Received]:
        """Iterate over what arrives."""
        return self._connection.received()

    def move(self, host: str, port: int) -> None:
        """Go to this address from now on."""
        self._connection.move(host, port)

    def present(self, files: TlsFiles) -> None:
        """Prove who we are by these files from now on."""
        self._connection.present(files)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)


class _MeteredSending:
    """A sending whose messages are counted when they are handed over."""

    def __init__(self, sending: Sending, budget: ByteBudget) -> None:
        self._sending = sending
        self._budget = budget

    @property
    def room(self) -> int:
        """How many more messages are useful now."""
        return self._sending.room

    @property
    def n_confirmed(self) -> int:
        """How many the broker has confirmed without a gap."""
        return self._sending.n_confirmed

    @property
    def n_open(self) -> int:
        """How many have no answer yet."""
        return self._sending.n_open

    @property
    def failure(self) -> Exception | None:
        """Why the first message behind the confirmed ones failed."""
        return self._sending.failure

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Count, then hand over."""
        if self._sending.failure is None:
            await self._budget.spend(
                sum(_OVERHEAD_BYTES + len(message.topic) + len(message.payload) for message in messages)
            )
        await self._sending.send(messages)

    def abandon(self) -> None:
        """Stop caring."""
        self._sending.abandon()


def _day_of(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
