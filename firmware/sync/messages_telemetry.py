"""How a box feels, once a minute: sent at QoS 0, dropped while there is no connection, never queued."""

import msgspec

from firmware.sync.envelope import Message, NonNegativeInt


class LineHealth(msgspec.Struct, kw_only=True, frozen=True):
    """One line's signal."""

    line: str
    status: str
    rssi_dbm: int | None = None


class Telemetry(Message, frozen=True, kw_only=True, tag_field="type", tag="telemetry"):
    """A health snapshot; what a box cannot measure is null."""

    boot: str
    uptime_s: NonNegativeInt
    """Of the daemon."""
    lines: list[LineHealth] = []
    cpu_temp_c: float | None = None
    load_1m: float | None = None
    memory_available_bytes: NonNegativeInt | None = None
    disk_free_bytes: NonNegativeInt | None = None
    outbox: NonNegativeInt = 0
    """Messages that the console has not receipted."""
    outbox_bytes: NonNegativeInt = 0
    oldest_unsent_s: float = 0.0
    time_to_full_s: NonNegativeInt | None = None
    """Until the disk is full if it goes on filling as of late; null while it does not."""
    clock_trusted: bool = False
    clock: str = ""
    dialling: str = ""
    config: NonNegativeInt = 0
    uplink: str = "free"
    """free, no_telemetry or urgent_only: what the byte budget lets up."""
    counters: dict[str, int] = {}
    """calls_active, uplink_bytes_today, uplink_bytes_this_month, unanswered_refusals, telemetry_dropped."""
