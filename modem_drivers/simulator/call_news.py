"""How modems put the progress of one call into lines, each way by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from modem_drivers.simulator.personality import CallNews


class Progress(StrEnum):
    """States of a call a modem tells apart."""

    INCOMING = "incoming"
    DIALING = "dialing"
    ALERTING = "alerting"
    ACTIVE = "active"
    HELD = "held"
    RELEASED = "released"


CLCC_STATES = {
    Progress.ACTIVE: 0,
    Progress.HELD: 1,
    Progress.DIALING: 2,
    Progress.ALERTING: 3,
    Progress.INCOMING: 4,
    Progress.RELEASED: 6,
}
_CCINFO_STATES = CLCC_STATES | {Progress.RELEASED: -1}
_DSCI_STATES = {
    Progress.HELD: 1,
    Progress.INCOMING: 4,
    Progress.DIALING: 2,
    Progress.ALERTING: 7,
    Progress.ACTIVE: 3,
    Progress.RELEASED: 6,
}


_WIND_CALLS, _WIND_RING = 16, 2
"""Bits of AT+WIND."""
_HUAWEI_OURS, _HUAWEI_NETWORK, _HUAWEI_NO_SERVICE = 29, 104, 21
"""How ^CEND names who ended the call (Huawei MU509 AT manual)."""


@dataclass(slots=True, kw_only=True)
class VoiceCall:
    """One voice call as the modem lists it."""

    index: int
    number: str
    is_incoming: bool = False
    clcc_tail: str = ""
    progress: Progress = Progress.DIALING
    active_at_s: float | None = None
    was_held: bool = False
    cause: int | None = None
    """Why it ended, once it has; None: the network never heard of it."""
    ended_by_us: bool = False

    @property
    def number_type(self) -> int:
        """145 for an international number, else 129 (3GPP TS 24.008 §10.5.4.7)."""
        return 145 if self.number.startswith("+") else 129

    @property
    def direction(self) -> int:
        """As +CLCC counts it: 0 placed here, 1 come in."""
        return int(self.is_incoming)

    @property
    def clcc(self) -> str:
        """The call as a line of +CLCC (3GPP TS 27.007 §7.18; 6 is SIMCom's own "disconnected")."""
        state = CLCC_STATES[self.progress]
        head = f"+CLCC: {self.index},{self.direction},{state},0,0"
        return f'{head},"{self.number}",{self.number_type}{self.clcc_tail}'

    def active_for_s(self, now_s: float) -> int:
        """Return whole seconds since the answer, 0 without one."""
        return 0 if self.active_at_s is None else int(now_s - self.active_at_s)


def news(kind: CallNews, call: VoiceCall, now_s: float, wind: int = 0) -> str | None:
    """Return the line in which `kind` reports the call's present state, if it reports that state at all."""
    match kind:
        case CallNews.CLCC:
            return call.clcc
        case CallNews.VOICE_CALL:
            return _voice_call(call, now_s)
        case CallNews.CCINFO:
            state = _CCINFO_STATES[call.progress]
            head = f'+QIND: "ccinfo",{call.index},{call.direction},{state},0,0'
            return f'{head},"{call.number}",{call.number_type}'
        case CallNews.DSCI:
            state = _DSCI_STATES[call.progress]
            in_band_tone = int(call.progress is Progress.ALERTING)
            head = f"^DSCI: {call.index},{call.direction},{state},0"
            return f"{head},{call.number},{call.number_type},{in_band_tone}"
        case CallNews.ORIG_TO_CEND:
            return _orig_to_cend(call, now_s)
        case CallNews.WIND:
            return _wind(call, wind)
        case _:
            return _FIXED[kind](call)


def _voice_call(call: VoiceCall, now_s: float) -> str | None:
    if call.progress is Progress.ACTIVE:
        return None if call.was_held else "VOICE CALL: BEGIN"
    if call.progress is not Progress.RELEASED:
        return None
    if call.active_at_s is None:
        return "VOICE CALL: END"
    return f"VOICE CALL: END: {call.active_for_s(now_s):06d}"


def _orig_to_cend(call: VoiceCall, now_s: float) -> str | None:
    match call.progress:
        case Progress.DIALING:
            return f"^ORIG:{call.index},0"
        case Progress.ALERTING:
            return f"^CONF:{call.index}"
        case Progress.ACTIVE if not call.was_held:
            return f"^CONN:{call.index},0"
        case Progress.RELEASED if call.cause is None:
            return f"^CEND:{call.index},0,{_HUAWEI_NO_SERVICE}"  # no network, no network's cause
        case Progress.RELEASED:
            who = _HUAWEI_OURS if call.ended_by_us else _HUAWEI_NETWORK
            return f"^CEND:{call.index},{call.active_for_s(now_s)},{who},{call.cause}"
    return None


def _wind(call: VoiceCall, bits: int) -> str | None:
    match call.progress:
        case Progress.DIALING if bits & _WIND_CALLS:
            return f"+WIND: 5,{call.index}"
        case Progress.ALERTING if bits & _WIND_RING:
            return "+WIND: 2"
        case Progress.RELEASED if bits & _WIND_CALLS:
            return f"+WIND: 6,{call.index}"
    return None


def _mo_ring(call: VoiceCall) -> str | None:
    if call.is_incoming or call.was_held:
        return None
    return {Progress.ALERTING: "MO RING", Progress.ACTIVE: "MO CONNECTED"}.get(call.progress)


def _colp(call: VoiceCall) -> str | None:
    if call.is_incoming or call.was_held or call.progress is not Progress.ACTIVE:
        return None
    return f'+COLP: "{call.number}",{call.number_type}'


def _bearer(call: VoiceCall) -> str | None:
    return {
        Progress.DIALING: "+CGEV: NW ACT 8,10",
        Progress.INCOMING: "+CGEV: NW ACT 8,10",
        Progress.ALERTING: "+CGEV: NW MODIFY 10,3",
        Progress.RELEASED: "+CGEV: NW DEACT 8,10",
    }.get(call.progress)


def _hangup(call: VoiceCall) -> str | None:
    was_answered = call.progress is Progress.RELEASED and call.active_at_s is not None
    return f"HANGUP: {call.index}" if was_answered else None


_FIXED: dict[CallNews, Callable[[VoiceCall], str | None]] = {
    CallNews.MO_RING: _mo_ring,
    CallNews.COLP: _colp,
    CallNews.BEARER: _bearer,
    CallNews.HANGUP: _hangup,
}
