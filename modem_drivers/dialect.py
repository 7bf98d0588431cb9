"""What differs between modem families, as data; code branches on these values, never on a vendor's name."""

from dataclasses import dataclass, field
from enum import StrEnum

from modem_drivers.at.urcs import DsciPlan


class AudioOpens(StrEnum):
    """When a family lets its audio path be opened."""

    BEFORE_DIAL = "before_dial"
    AFTER_ANSWER = "after_answer"
    NONE = "none"
    """No audio over USB that we can drive: the modem can dial, not talk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioPlan:
    """How one family's call audio is opened, fed and closed."""

    opens: AudioOpens
    prepare: tuple[str, ...] = ()
    """Sent before `open`; a refusal of these is no fault."""
    open: str = ""
    close: str = ""
    block_bytes: int = 320
    """What the PCM port wants in one write: 320 bytes = 20 ms of 8 kHz s16."""
    first_try_after_s: float = 0.0
    retry_s: float = 0.3
    cap_s: float = 12.0
    """From the first try on; after that the path counts as not openable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupStep:
    """One thing to set up at opening: the first alternative the modem accepts is enough, none is no fault."""

    alternatives: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Deadlines and pauses of one family, seconds."""

    reply_s: float = 3.0
    """An ordinary command; modems answer in 0.3."""
    slow_reply_s: float = 15.0
    """+CFUN and +CPIN while the SIM starts."""
    dial_s: float = 90.0
    """ATD to its final result: 5 usual, 90 the manuals' worst."""
    hang_up_s: float = 10.0
    """One rung of the hang-up ladder."""
    poll_s: float = 2.0
    """Between two AT+CLCC in a call, where URCs tell the changes at once."""
    settle_s: float = 0.3
    """After the first sign of the end, until its other lines have come."""
    silent_after_s: float = 30.0
    """In a call: AT+CLCC unanswered this long means the modem is deaf."""
    listed_within_s: float = 6.0
    """After ATD: a call not listed is not missed before this."""
    redial_gap_s: float = 2.0
    """Between the end of a call and the next ATD."""
    dtmf_gap_s: float = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbLayout:
    """Which USB interfaces of one device carry what."""

    vendor_id: str
    product_id: str
    at_interface: int
    pcm_interface: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One family of modems."""

    name: str
    manufacturer_pattern: str
    """Regular expression, any case, searched in AT+CGMI's answer."""
    model_pattern: str
    """The same for AT+CGMM's."""
    setup: tuple[SetupStep, ...]
    audio: AudioPlan
    timing: Timing = Timing()
    dsci: DsciPlan = field(default_factory=DsciPlan)
    hang_up: tuple[str, ...] = ("AT+CHUP", "ATH")
    """The ladder: each is tried until AT+CLCC no longer lists the call."""
    registration: tuple[str, ...] = ("AT+CREG?", "AT+CEREG?")
    """Asked in this order until one says registered (a VoLTE-only network shows only in the second)."""
    ceer_number_trust: float = 0.5
    """How far the second number of ``+CEER: <location>,<n>`` is a 24.008 cause."""
    usb: tuple[UsbLayout, ...] = ()
