"""How modems put the progress of one call into lines, each way by itself."""

from dataclasses import dataclass
from enum import StrEnum

from modem_drivers.simulator.personality import CallNews


class Progress(StrEnum):
    """States of a call a modem tells apart."""

    DIALING = "dialing"
    ALERTING = "alerting"
    ACTIVE = "active"
    RELEASED = "released"


CLCC_STATES = {
    Progress.ACTIVE: 0,
    Progress.DIALING: 2,
    Progress.ALERTING: 3,
    Progress.RELEASED: 6,
}
_CCINFO_STATES = CLCC_STATES | {Progress.RELEASED: -1}
_DSCI_STATES = {
    Progress.DIALING: 2,
    Progress.ALERTING: 7,
    Progress.ACTIVE: 3,
    Progress.RELEASED: 6,
}


@dataclass(slots=True, kw_only=True)
class VoiceCall:
    """One voice call as the modem lists it."""

    index: int
    number: str
    progress: Progress = Progress.DIALING
    active_at_s: float | None = None

    @property
    def number_type(self) -> int:
        """145 for an international number, else 129 (3GPP TS 24.008 §10.5.4.7)."""
        return 145 if self.number.startswith("+") else 129

    @property
    def clcc(self) -> str:
        """The call as a line of +CLCC (3GPP TS 27.007 §7.18; 6 is SIMCom's own "disconnected")."""
        state = CLCC_STATES[self.progress]
        return f'+CLCC: {self.index},0,{state},0,0,"{self.number}",{self.number_type}'


def news(kind: CallNews, call: VoiceCall, now_s: float) -> str | None:
    """Return the line in which `kind` reports the call's present state, if it reports that state at all."""
    match kind:
        case CallNews.CLCC:
            return call.clcc
        case CallNews.VOICE_CALL:
            return _voice_call(call, now_s)
        case CallNews.CCINFO:
            state = _CCINFO_STATES[call.progress]
            return f'+QIND: "ccinfo",{call.index},0,{state},0,0,"{call.number}",{call.number_type}'
        case CallNews.DSCI:
            state = _DSCI_STATES[call.progress]
            in_band_tone = int(call.progress is Progress.ALERTING)
            return f"^DSCI: {call.index},0,{state},0,{call.number},{call.number_type},{in_band_tone}"


def _voice_call(call: VoiceCall, now_s: float) -> str | None:
    if call.progress is Progress.ACTIVE:
        return "VOICE CALL: BEGIN"
    if call.progress is not Progress.RELEASED:
        return None
    if call.active_at_s is None:
        return "VOICE CALL: END"
    return f"VOICE CALL: END: {int(now_s - call.active_at_s):06d}"
