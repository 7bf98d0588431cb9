"""The configuration that a console may give a box: tighter or a matter of taste, never a red line, never a key.

What stands in `box.toml` (who the box is, its keys, its modems, its approvals) cannot be changed from afar.
"""

from typing import Annotated, Literal

import msgspec

from firmware.sync.envelope import Id, Message, PositiveInt

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ClockTime = Annotated[str, msgspec.Meta(pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
LogLevel = Literal["debug", "info", "warning"]


class LineConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What people call a line, and whether it may be used."""

    line: Id
    """The line's id in the box's own settings."""
    name: Annotated[str, msgspec.Meta(max_length=60)] = ""
    is_used: bool = True
    """False: no call is placed on it."""


class OpenHours(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A span of local time in which the box may dial, as far as the rules allow it too."""

    days: Annotated[list[Weekday], msgspec.Meta(min_length=1, max_length=7)]
    opens: ClockTime
    closes: ClockTime


class UplinkConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the box may send over a metered link; telemetry goes first, then events wait, outcomes never do."""

    bytes_per_day: Annotated[int, msgspec.Meta(ge=100_000)] | None = None
    """None: as many as there are."""
    bytes_per_month: Annotated[int, msgspec.Meta(ge=1_000_000)] | None = None


class RecordingsConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How recordings go up, however they do; the box's own settings hold besides."""

    kbit_s: Annotated[int, msgspec.Meta(ge=16, le=100_000)] | None = None
    """At most this much on average; None: what the box's own settings say."""
    opens: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    """From when, in the time zone of its office…"""
    closes: Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    """…until when, past midnight too; both the same: at any time."""


class BrokerConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Another address of the broker: it must show a certificate by the authority that the box knows."""

    host: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9.:_-]{0,253}$")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8883


class ConfigSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole configuration; what is left out is as a box has it that was never configured."""

    lines: Annotated[list[LineConfig], msgspec.Meta(max_length=64)] = []
    hours: Annotated[list[OpenHours], msgspec.Meta(max_length=32)] | None = None
    """When the box may dial, in the time zone of its office; None: whenever the rules allow, empty: never."""
    max_call_s: Annotated[int, msgspec.Meta(ge=30, le=900)] | None = None
    """Longest call, no longer than the box's own settings say."""
    telemetry_every_s: Annotated[int, msgspec.Meta(ge=10, le=3600)] = 60
    log_level: LogLevel = "info"
    uplink: UplinkConfig = UplinkConfig()
    recordings: RecordingsConfig | None = None
    """None: as the box's own settings say."""
    broker: BrokerConfig | None = None
    """None: the one in the box's own settings."""


class BoxConfig(Message, frozen=True, kw_only=True, tag_field="type", tag="config"):
    """The box's configuration: tried, and kept if the box still reaches the console with it, else undone."""

    version: PositiveInt
    """Only rises."""
    confirm_within_s: Annotated[int, msgspec.Meta(ge=30, le=3600)] = 300
    """A receipt for what the box sent under this configuration must come within it."""
    settings: ConfigSettings
