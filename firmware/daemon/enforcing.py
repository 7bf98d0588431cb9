"""How each part of a box goes by the console's configuration: one small function a part."""

from collections.abc import Callable
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from firmware.calls.desk import Desk
from firmware.calls.judging import Judge
from firmware.calls.office_hours import OfficeHours, open_span
from firmware.calls.placing import CallPlacer
from firmware.calls.scheduler import Scheduler
from firmware.daemon.worlds import World
from firmware.host.journal import set_log_level
from firmware.settings import Settings
from firmware.sync.applying_config import ConfigBounds
from firmware.sync.byte_budget import ByteBudget
from firmware.sync.connection import Connection
from firmware.sync.messages_config import ConfigSettings
from firmware.sync.upload_pace import UploadPace, UploadTerms
from firmware.values import LineId

Enforce = Callable[[ConfigSettings], None]


def config_bounds(settings: Settings, world: World[Any]) -> ConfigBounds:
    """Return what the box's own settings say that no console may loosen."""
    return ConfigBounds(
        lines=frozenset(line.line_id for line in world.lines), max_call_s=settings.dialling.max_call_s
    )


def enforce_calls(
    settings: Settings,
    *,
    longest_s: Callable[[], int],
    desk: Desk,
    judge: Judge,
    placer: CallPlacer,
    scheduler: Scheduler,
) -> Enforce:
    """Return what makes calls go by the configuration: hours, lines in use, longest call."""
    zone = ZoneInfo(settings.box.time_zone)

    def enforce(config: ConfigSettings) -> None:
        desk.office_hours = (
            None
            if config.hours is None
            else OfficeHours(
                zone=zone, spans=[open_span(each.days, each.opens, each.closes) for each in config.hours]
            )
        )
        own_s = longest_s()
        judge.max_call_s = placer.max_call_s = min(config.max_call_s or own_s, own_s)
        scheduler.unused_lines = frozenset(LineId(each.line) for each in config.lines if not each.is_used)
        scheduler.wake()

    return enforce


def enforce_broker(settings: Settings, connection: Connection) -> Enforce:
    """Return what moves the connection to the broker that the configuration names, and back."""
    home = (settings.mqtt.host, settings.mqtt.port)
    there = home

    def enforce(config: ConfigSettings) -> None:
        nonlocal there
        wanted = (config.broker.host, config.broker.port) if config.broker else home
        if wanted != there:
            there = wanted
            connection.move(*wanted)

    return enforce


def enforce_budget(settings: Settings, budget: ByteBudget) -> Enforce:
    """Return what sets the byte budget: the tighter of the box's own and the configuration's."""

    def enforce(config: ConfigSettings) -> None:
        own, asked = settings.uplink, config.uplink
        budget.bytes_per_day = _tighter(own.bytes_per_day, asked.bytes_per_day)
        budget.bytes_per_month = _tighter(own.bytes_per_month, asked.bytes_per_month)

    return enforce


def enforce_recordings(pace: UploadPace) -> Enforce:
    """Return what sets how recordings go up: no faster and at no other hours than the box's own settings say too."""

    def enforce(config: ConfigSettings) -> None:
        asked, own = config.recordings, pace.own
        pace.asked = (
            None
            if asked is None
            else UploadTerms(
                kbit_s=asked.kbit_s or own.kbit_s,
                opens=time.fromisoformat(asked.opens),
                closes=time.fromisoformat(asked.closes),
                time_zone=own.time_zone,
            )
        )

    return enforce


def _tighter(own: int | None, asked: int | None) -> int | None:
    return min((each for each in (own, asked) if each is not None), default=None)


def enforce_log_level(config: ConfigSettings) -> None:
    """Write as much as the configuration asks for."""
    set_log_level(config.log_level)
