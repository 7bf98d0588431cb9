"""How the box stands, as values that name nobody: what the technician's console, the status page and the metrics all show."""

from datetime import datetime

import msgspec

OLD_AFTER_S = 6 * 3600.0
"""What has waited longer for the console is worth a word."""
HOT_C = 80.0
"""A Raspberry Pi slows itself down from here on."""


class LineFacts(msgspec.Struct, kw_only=True, frozen=True):
    """One line."""

    line: str
    name: str = ""
    status: str
    trouble: str = ""
    """A code of `firmware.local.trouble`, empty when nothing is wrong."""
    detail: str = ""
    """The same as the line itself says it, in English."""
    model: str = ""
    operator: str = ""
    rssi_dbm: int | None = None
    bars: int | None = None
    """0 to 4; None while nothing was measured."""
    call: str = ""
    """The stage of the call under way."""
    treatment: str = ""


class HourFacts(msgspec.Struct, kw_only=True, frozen=True):
    """The calls that ended in one hour."""

    starts_at: datetime
    reached: int = 0
    not_reached: int = 0


class TodayFacts(msgspec.Struct, kw_only=True, frozen=True):
    """Calls since midnight in the branch office."""

    calls: int = 0
    groups: dict[str, int] = {}
    """By the groups of `firmware.local.groups`."""
    dispositions: dict[str, int] = {}
    hours: list[HourFacts] = []


class QueueFacts(msgspec.Struct, kw_only=True, frozen=True):
    """Who is still to be called."""

    contacts: int = 0
    campaigns_ready: int = 0
    campaigns_paused: int = 0
    next_call_at: datetime | None = None
    """The earliest that the next call may be placed; None: nobody is waiting."""


class UplinkFacts(msgspec.Struct, kw_only=True, frozen=True):
    """What the console does not have yet."""

    connected: bool = False
    waiting: int = 0
    waiting_bytes: int = 0
    oldest_s: float = 0.0
    console_heard_at: datetime | None = None
    """When the console last confirmed the list of people who must not be called."""


class MachineFacts(msgspec.Struct, kw_only=True, frozen=True):
    """The computer."""

    cpu_temp_c: float | None = None
    load_1m: float | None = None
    memory_available_bytes: int | None = None
    disk_free_bytes: int | None = None
    disk_room: str = "enough"


class Alarm(msgspec.Struct, kw_only=True, frozen=True):
    """One thing that somebody should see to."""

    code: str
    """A code of `firmware.local.words.ALARMS`."""
    line: str = ""
    detail: str = ""
    """For a technician, in English."""
    urgent: bool = True
    """False: it passes by itself, or can wait."""


class BoxFacts(msgspec.Struct, kw_only=True, frozen=True):
    """Everything, at one instant."""

    at: datetime
    box: str
    time_zone: str
    language: str
    version: str
    uptime_s: int
    verdict: str
    """working, waiting or attention."""
    dialling: str
    """A code of `firmware.local.words.DIALLING`."""
    dialling_detail: str
    clock_trusted: bool
    clock: str
    calls_up: int
    held_until: datetime | None = None
    """No further call begins before this: a technician asked for it."""
    lines: list[LineFacts]
    today: TodayFacts
    queue: QueueFacts
    uplink: UplinkFacts
    machine: MachineFacts
    alarms: list[Alarm]
