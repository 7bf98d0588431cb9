"""What differs between modem families, as data; code branches on these values, never on a vendor's name."""

from dataclasses import dataclass, field
from enum import StrEnum

from modem_drivers.at.urcs import DsciPlan
from modem_drivers.healing import HealingPlan


class AudioOpens(StrEnum):
    """When a family lets its audio path be opened."""

    BEFORE_DIAL = "before_dial"
    AFTER_ANSWER = "after_answer"
    BY_ITSELF = "by_itself"
    """It is there in every call: nothing has to be sent for it."""
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
    opens_while_alerting: bool = False
    """The path may be had as soon as the callee's telephone rings: early media is heard."""
    first_try_after_s: float = 0.0
    retry_s: float = 0.3
    cap_s: float = 12.0
    """From the first try on; after that the path counts as not openable."""


class DialOk(StrEnum):
    """What a family means by the OK that ends ATD."""

    ACCEPTED = "accepted"
    """The command was understood; the usual, within a few seconds."""
    ANSWERED = "answered"
    """The callee answered; any key typed before gives the call up (old Wavecom)."""
    REJECTED = "rejected"
    """The callee refused; an answer would have been CONNECT. Other commands pass it by (ZTE sticks)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialPlan:
    """How one family acknowledges ATD."""

    ok_means: DialOk = DialOk.ACCEPTED
    refused_within_s: float = 1.0
    """Where OK does not come at once: silence this long means that the modem is dialling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DtmfPlan:
    """How one family sends keys, and whether it hears them."""

    send: str = 'AT+VTS="{digit}"'
    """`{digit}` and, where the family asks for it, `{index}` (the call's in +CLCC) are filled in."""
    detects: bool = False
    """The modem reports keys of the far end itself; else somebody must listen to the sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinTries:
    """How one family tells how many wrong PINs the SIM card still forgives."""

    command: str
    field: int
    """Where the number stands in the answer, which is named as the command is."""
    where: str = ""
    """First value of the line that counts, where there are several (`"SC"`)."""


# 27.007 §8.65; newer than most modems
STANDARD_PIN_TRIES = PinTries(command="AT+CPINR", field=1, where="SIM PIN")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimPlan:
    """How one family talks about its SIM card."""

    iccid: tuple[tuple[str, str], ...] = (("AT+CCID", "+CCID"), ("AT+ICCID", "+ICCID"))
    """Asked in this order until one is answered; each with the name its answer has, if it is not bare."""
    pin_tries: tuple[PinTries, ...] = (STANDARD_PIN_TRIES,)
    """Asked in this order until one tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolteSwitch:
    """How one family turns voice over LTE on and off (off: calls fall back to 2G/3G, CSFB)."""

    read: str
    on: str
    off: str
    field: int
    """Where the answer to `read` has 1 for on."""
    needs_restart: bool = False


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
    pcm_interface: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One family of modems."""

    name: str
    carries_voice: bool = True
    """False: SMS and data only, and the modem says so when asked to dial."""
    manufacturer_pattern: str
    """Regular expression, any case, searched in AT+CGMI's answer."""
    model_pattern: str
    """The same for AT+CGMM's."""
    setup: tuple[SetupStep, ...]
    audio: AudioPlan
    sound_card: AudioPlan = AudioPlan(opens=AudioOpens.BY_ITSELF)
    """The same for calls whose sound goes through a sound card: one wired to the modem, or the modem's own."""
    dial: DialPlan = DialPlan()
    dtmf: DtmfPlan = DtmfPlan()
    sim: SimPlan = SimPlan()
    volte: VolteSwitch | None = None
    hold: str = "AT+CHLD=2"
    """Holds the active call, takes back the held one (27.007 §7.13); empty where not offered."""
    healing: HealingPlan = field(default_factory=HealingPlan)
    timing: Timing = Timing()
    dsci: DsciPlan = field(default_factory=DsciPlan)
    hang_up: tuple[str, ...] = ("AT+CHUP", "ATH")
    """The ladder: each is tried until AT+CLCC no longer lists the call."""
    registration: tuple[str, ...] = ("AT+CREG?", "AT+CEREG?")
    """Asked in this order until one says registered (a VoLTE-only network shows only in the second)."""
    ceer_number_trust: float = 0.5
    """How far the second number of ``+CEER: <location>,<n>`` is a 24.008 cause."""
    usb: tuple[UsbLayout, ...] = ()
