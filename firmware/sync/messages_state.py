"""What a box says of itself, retained: its lines, its outbox, its clock, what is wrong."""

from typing import Literal

import msgspec

from firmware.sync.envelope import Message, NonNegativeInt


class LineWire(msgspec.Struct, kw_only=True, frozen=True):
    """A line as the console sees it."""

    line: str
    name: str = ""
    """What people call it, as the console configured."""
    model: str = ""
    status: str
    """absent, starting, searching, ready, in_call, faulted."""
    detail: str = ""
    operator: str = ""
    rssi_dbm: int | None = None
    campaign: str | None = None
    contact: str | None = None
    call: str = ""
    """While in a call: dialing, alerting, active, ending."""
    ailment: str = ""
    """What is wrong with the modem and being treated, such as deaf or audio_silent."""
    treatment: str = ""
    """The last rung of the healing ladder climbed for it; ``dead``: call a technician."""
    healed_by: dict[str, int] = {}
    """What has helped since the box started, and how often: rung by count."""


class BoxState(Message, frozen=True, kw_only=True, tag_field="type", tag="state"):
    """Retained; the last will is the same message with status offline and the same boot id."""

    status: Literal["online", "offline"]
    boot: str
    version: str = ""
    stream: str = ""
    lines: list[LineWire] = msgspec.field(default_factory=list)
    outbox: int = 0
    """Messages that the console has not receipted."""
    outbox_bytes: NonNegativeInt = 0
    oldest_unsent_s: float = 0.0
    time_to_full_s: NonNegativeInt | None = None
    """Until the disk is full if it goes on filling as of late; null while it does not."""
    uplink: str = "free"
    """free, no_telemetry or urgent_only: what the byte budget lets up."""
    clock: str = ""
    """trusted or why not."""
    config: NonNegativeInt = 0
    """Version of the console's configuration in force, 0 for none."""
    config_on_trial: NonNegativeInt = 0
    """Version that is being tried, 0 for none."""
    dialling: str = ""
    """yes, or the rule or reason why the box is not dialling."""
    alarms: list[str] = msgspec.field(default_factory=list)
    """What is wrong with the box now, such as too_hot or line_out:line-2; each began and ends with an event."""
    encodings: list[str] = msgspec.field(default_factory=list)
    """In what contact batches may be packed besides plain JSON: zstd."""
