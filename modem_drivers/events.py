"""What a modem reports about a call, in 3GPP and Q.850 terms."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

DTMF_DIGITS = frozenset("0123456789*#ABCD")


class CallState(StrEnum):
    """States of a call as +CLCC knows them (3GPP TS 27.007 §7.18), and the one after the last."""

    ACTIVE = "active"
    HELD = "held"
    DIALING = "dialing"
    ALERTING = "alerting"
    INCOMING = "incoming"
    WAITING = "waiting"
    RELEASED = "released"


class ReleaseKind(StrEnum):
    """Why a call is over, in words that decide what happens next."""

    ANSWERED_REMOTE = "answered_remote"
    """The callee (or their network) released an answered call."""
    LOCAL = "local"
    """We hung up first, answered or not."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    POWERED_OFF = "powered_off"
    UNREACHABLE = "unreachable"
    INVALID_NUMBER = "invalid_number"
    CONGESTION = "congestion"
    BARRED = "barred"
    NETWORK_FAULT = "network_fault"
    LOCAL_FAULT = "local_fault"
    """Our modem or its port failed: says nothing about the callee."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialing:
    """The modem accepted the dial command; the callee's telephone need not ring yet."""

    at_s: float
    """Seconds of the monotonic clock the modem was opened with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """The callee's telephone rings."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Active:
    """The callee (or something in the network) answered."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dtmf:
    """The modem's own detector heard a key of the far end."""

    digit: str
    """One of ``0-9 * # A-D``."""
    at_s: float

    def __post_init__(self) -> None:
        if self.digit not in DTMF_DIGITS:
            raise ValueError(f"{self.digit!r} is not a DTMF digit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The call is over; always the last event of a call."""

    kind: ReleaseKind
    q850: int | None
    """ITU-T Q.850 cause when the modem or network told one that can be believed."""
    confidence: float
    """From 0 (a guess) to 1 (told by the network and consistent with everything seen)."""
    saw_alerting: bool
    saw_active: bool
    raw_lines: tuple[str, ...]
    """What the modem said about this call, in order, numbers masked; of too many the newest."""
    at_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise ValueError("confidence lies between 0 and 1")


CallProgress: TypeAlias = Dialing | Alerting | Active | Dtmf | Released
