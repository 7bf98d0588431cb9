"""What the console sees of the box at a glance: builds `up/state` and sends it when it changes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from firmware.calls.scheduler import ActiveCall
from firmware.daemon.configuration import Configuration
from firmware.lines.line import Line
from firmware.store.errors import StoreError
from firmware.store.outbox import OutboxDepth
from firmware.sync.byte_budget import Thrift
from firmware.sync.connection import Connection
from firmware.sync.content_encoding import READABLE
from firmware.sync.errors import NotConnectedError, PublishRefusedError
from firmware.sync.messages import BoxState, encode
from firmware.sync.messages_state import LineWire
from firmware.sync.topics import BoxTopics
from firmware.values import LineId

AT_LEAST_EVERY_S = 300.0
AT_MOST_EVERY_S = 0.25
THRIFTY_EVERY = timedelta(hours=6)
"""When the byte budget is nearly spent."""


class StateReport:
    """Publishes the retained state: soon after every change, and now and then without one."""

    def __init__(
        self,
        *,
        connection: Connection,
        topics: BoxTopics,
        boot: str,
        version: str,
        stream: str,
        lines: Sequence[Line[Any]],
        active: Callable[[], Mapping[LineId, ActiveCall]],
        depth: Callable[[], Awaitable[OutboxDepth]],
        config: Configuration,
        time_to_full_s: Callable[[], int | None],
        thrift: Callable[[], Thrift],
        dialling: Callable[[], str],
        clock: Callable[[], str],
        alarms: Callable[[], Sequence[str]],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._boot = boot
        self._version = version
        self._stream = stream
        self._lines = lines
        self._active = active
        self._depth = depth
        self._config = config
        self._time_to_full_s = time_to_full_s
        self._thrift = thrift
        self._dialling = dialling
        self._clock = clock
        self._alarms = alarms
        self._now = now
        self._new_id = new_id
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Say that there is something new to show."""
        self._changed.set()

    @staticmethod
    def farewell(message_id: str, now: datetime, *, boot: str, version: str) -> bytes:
        """Return the last will: this boot is offline."""
        return encode(BoxState(id=message_id, at=now, status="offline", boot=boot, version=version))

    async def run(self) -> None:
        """Publish until cancelled."""
        last: BoxState | None = None
        while True:
            self._changed.clear()
            await self._connection.wait_connected()
            try:
                state = await self._state()
            except StoreError:
                await asyncio.sleep(
                    1.0
                )  # the database will say so itself; a state without it would be half a state
                continue
            is_thrifty = last is not None and last.uplink == state.uplink == Thrift.URGENT_ONLY
            if is_thrifty and last is not None and state.at - last.at < THRIFTY_EVERY:
                await asyncio.sleep(AT_MOST_EVERY_S)
            elif (
                last is None
                or _content(state) != _content(last)
                or state.at.timestamp() - last.at.timestamp() >= AT_LEAST_EVERY_S
            ):
                try:
                    await self._connection.publish(self._topics.up("state"), encode(state), retain=True)
                    last = state
                except (NotConnectedError, PublishRefusedError):
                    last = None
            await asyncio.sleep(AT_MOST_EVERY_S)
            try:
                async with asyncio.timeout(AT_LEAST_EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def say_goodbye(self) -> None:
        """Publish `offline` on purpose, so that nobody waits for the will."""
        try:
            words = self.farewell(self._new_id(), self._now(), boot=self._boot, version=self._version)
            await self._connection.publish(self._topics.up("state"), words, retain=True)
        except (NotConnectedError, PublishRefusedError):
            return  # the broker sends the will instead

    async def _state(self) -> BoxState:
        depth = await self._depth()
        now = self._now()
        active = self._active()
        names = {each.line: each.name for each in self._config.current.lines}
        return BoxState(
            id=self._new_id(),
            at=now,
            status="online",
            boot=self._boot,
            version=self._version,
            encodings=list(READABLE),
            stream=self._stream,
            lines=[_line(line, active.get(line.line_id), names) for line in self._lines],
            outbox=depth.n_waiting,
            outbox_bytes=depth.n_bytes,
            oldest_unsent_s=round(depth.age_s(now), 1),
            time_to_full_s=self._time_to_full_s(),
            uplink=self._thrift().value,
            clock=self._clock(),
            alarms=list(self._alarms()),
            dialling=self._dialling(),
            config=self._config.version,
            config_on_trial=self._config.on_trial,
        )


def _content(state: BoxState) -> dict[str, Any]:
    passing = ("id", "at", "oldest_unsent_s", "outbox_bytes", "time_to_full_s")
    return {name: value for name, value in msgspec.structs.asdict(state).items() if name not in passing}


def _line(line: Line[Any], call: ActiveCall | None, names: Mapping[str, str]) -> LineWire:
    report = line.report
    return LineWire(
        line=line.line_id,
        name=names.get(line.line_id, ""),
        model=report.model,
        status=report.status.value,
        detail=call.doing if call else report.detail,
        operator=report.operator,
        rssi_dbm=report.rssi_dbm,
        campaign=call.order.contact.campaign if call else None,
        contact=call.order.contact.contact if call else None,
        call=call.stage if call else "",
        ailment=report.ailment,
        treatment=report.treatment,
        healed_by=dict(report.healed_by),
    )
