"""Unsolicited result codes as values: one grammar for every family, since their names do not clash.

The one that does, ^DSCI (its 3 is "connected" on Quectel, "alerting" on TD modules), is read by a plan that
the dialect hands in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from modem_drivers.at.causes import KindHint, read_end_status
from modem_drivers.at.responses import CLCC_STATES, ListedCall, read_clcc
from modem_drivers.at.values import split_line, split_values, to_int, to_text
from modem_drivers.events import DTMF_DIGITS, CallState

# Results of a call on their own line. NO CARRIER says only that the call is over, never why.
CALL_RESULTS = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE"})
_NAMED = re.compile(r"[+^*$%#!][A-Z0-9]+(?=:)|VOICE CALL(?=:)|MISSED_CALL(?=:)|HANGUP(?=:)")
_BARE_URCS = frozenset(
    {
        "RDY",
        "SMS DONE",
        "PB DONE",
        "SMS Ready",
        "Call Ready",
        "POWERED DOWN",
        "NORMAL POWER DOWN",
        "MO RING",
        "MO CONNECTED",
        "CONNECT",
    }
)
# Said once, at the end of a start: SIMCom and Quectel, A76xx, Huawei, Wavecom.
_RESTARTS = frozenset({"RDY", "*ATREADY: 1", "^SYSSTART", "+WIND: 3"})
_CCINFO_RELEASED = -1
# u-blox: 27.007's, then two of its own.
_UCALLSTAT = CLCC_STATES | {6: CallState.RELEASED, 7: CallState.ACTIVE}
# Telit's #ECAM: 2 is "connecting", before the callee's telephone rings; 7 is busy.
_ECAM = {
    0: CallState.RELEASED,
    1: CallState.DIALING,
    2: CallState.DIALING,
    3: CallState.ACTIVE,
    4: CallState.HELD,
    5: CallState.WAITING,
    6: CallState.INCOMING,
    7: CallState.RELEASED,
}
_ECAM_BUSY, _USER_BUSY = 7, 17
_TELIT_VOICE = 1
# Wavecom's +WIND: 2 the far end rings, 5 a call was made, 6 it was released.
_WIND = {2: CallState.ALERTING, 5: CallState.DIALING, 6: CallState.RELEASED}
_DTMF_NAMES = frozenset({"+RXDTMF", "+DTMF", "^DDTMF", "+UUDTMFD", "#DTMFEV"})
# The network has told the time: only that it has is of interest, the clock itself is read with +CCLK.
_TIME_NAMES = frozenset({"+CTZV", "+CTZE", "*PSUTTZ", "^NWTIME", "^TIME", "#NITZ", "+NITZ"})


@dataclass(frozen=True, slots=True)
class CallListed:
    """The modem told the state of one voice call."""

    call: ListedCall
    cause: int | None = None
    """Release cause in the line itself, in the numbers of 3GPP TS 24.008."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChanged:
    """The modem told the state of a voice call, but not its direction: it is that of the only one there is."""

    state: CallState
    index: int | None = None
    cause: int | None = None
    hint: KindHint | None = None
    was_active: bool = False
    """A duration proves the answer, though nothing told of it."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """NO CARRIER, BUSY, NO ANSWER or NO DIALTONE: some call is over."""

    text: str


@dataclass(frozen=True, slots=True)
class VoiceBegan:
    """SIMCom's `VOICE CALL: BEGIN`: the call is answered."""


@dataclass(frozen=True, slots=True)
class VoiceEnded:
    """SIMCom's `VOICE CALL: END[: seconds]`; the duration is there only if the call was answered."""

    duration_s: int | None


@dataclass(frozen=True, slots=True)
class DtmfHeard:
    """The modem's detector heard a key."""

    digit: str


@dataclass(frozen=True, slots=True)
class Ringing:
    """Somebody calls us."""

    number: str = ""
    """Where +CLIP tells it."""


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """`+CREG: <stat>` as a URC."""

    status: int


@dataclass(frozen=True, slots=True)
class SimChanged:
    """`+CPIN: <code>` as a URC: READY, NOT READY, SIM PIN ..."""

    code: str


@dataclass(frozen=True, slots=True)
class SimSwapped:
    """The SIM card was taken out or put in: everything known of it is void."""

    is_inserted: bool | None
    """None: the line says only that something changed."""


@dataclass(frozen=True, slots=True)
class TimeTold:
    """The network told the time (NITZ), so the modem's clock is the network's from now on."""


@dataclass(frozen=True, slots=True)
class AudioFlow:
    """The modem asks for a pause in the sound sent to it, or for the sound to go on."""

    is_paused: bool


@dataclass(frozen=True, slots=True)
class Restarted:
    """`RDY`: the modem rebooted, everything set up before is gone."""


Urc: TypeAlias = (
    CallListed
    | CallChanged
    | CallResult
    | VoiceBegan
    | VoiceEnded
    | DtmfHeard
    | Ringing
    | RegistrationChanged
    | SimChanged
    | SimSwapped
    | TimeTold
    | AudioFlow
    | Restarted
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DsciPlan:
    """How one family writes ^DSCI: `<index>,<direction>,<state>,...`."""

    states: Mapping[int, CallState] = field(default_factory=lambda: CLCC_STATES)
    voice_field: int | None = None
    """Where 0 means a voice call; None when it does not say."""
    cause_field: int | None = None
    """Where the 24.008 release cause stands; None when it is not told."""


def looks_like_urc(line: str, command: str) -> bool:
    """Say whether `line` is a URC rather than a part of the bare answer to `command`, such as AT+CGMI's."""
    if line in CALL_RESULTS or line in _BARE_URCS or line == "RING":
        return True
    named = _NAMED.match(line)
    return named is not None and named.group() != command.removeprefix("AT")


def read_urc(line: str, dsci: DsciPlan) -> Urc | None:
    """Return what the line reports; None for one that nobody here needs."""
    if line in CALL_RESULTS:
        return CallResult(line)
    if line in _RESTARTS:
        return Restarted()
    name, values = split_line(line)
    if name in _DTMF_NAMES:
        return _read_key(to_text(values, 0))
    if name in _TIME_NAMES:
        return TimeTold()
    match name:
        case "+CLCC":
            call = read_clcc(line)
            return CallListed(call) if call else None
        case "+QIND":
            return _read_ccinfo(values)
        case "^DSCI":
            return _read_dsci(values, dsci)
        case "VOICE CALL":
            return _read_voice_call(line)
        case "MO RING":
            return CallChanged(state=CallState.ALERTING)
        case "MO CONNECTED" | "CONNECT":
            return CallChanged(state=CallState.ACTIVE)
        case "HANGUP":
            return CallChanged(state=CallState.RELEASED)
        case "^ORIG" | "^CONF" | "^CONN" | "^CEND":
            return _read_huawei(name, values)
        case "+UCALLSTAT":
            return _read_state(values, _UCALLSTAT)
        case "#ECAM":
            return _read_ecam(values)
        case "+WIND":
            state = to_int(values, 0)
            if state is None or state not in _WIND:
                return None
            return CallChanged(state=_WIND[state], index=to_int(values, 1))
        case "+QPCMV":
            flow = to_int(values, 1)
            return AudioFlow(flow == 0) if to_int(values, 0) == 0 and flow in {0, 1} else None
        case "+QTONEDET":  # the digit's ASCII code, in decimal
            code = to_int(values, 0)
            return _read_key(chr(code)) if code is not None and 0 < code < 128 else None
        case "RING" | "+CRING":
            return Ringing()
        case "+CLIP":
            return Ringing(to_text(values, 0))
        case "+CREG":
            status = to_int(values, 0)
            # "+CREG: 0,1" is a query's late answer; "+CREG: 1" and "+CREG: 1,"1A2B",.." are URCs.
            is_answer = len(values) >= 2 and to_text(values, 1).isdecimal() and len(to_text(values, 1)) == 1
            return RegistrationChanged(status) if status is not None and not is_answer else None
        case "+CPIN":
            return SimChanged(to_text(values, 0))
        case "+QSIMSTAT" | "+CSMINS" | "#QSS" | "^SIMST" | "+UUSIMSTAT":
            return _read_sim_swap(name, values)
        case _:
            return None


def _read_key(digit: str) -> DtmfHeard | None:
    return DtmfHeard(digit) if digit in DTMF_DIGITS else None


def _read_huawei(name: str, values: list[str]) -> CallChanged | None:
    # ^ORIG:<index>,<type>  ^CONF:<index>  ^CONN:<index>,<type>  ^CEND:<index>,<seconds>,<end_status>[,<cause>]
    index = to_int(values, 0)
    if index is None:
        return None
    if name == "^CEND":
        return CallChanged(
            state=CallState.RELEASED,
            index=index,
            cause=to_int(values, 3),
            hint=read_end_status(to_int(values, 2)),
            was_active=(to_int(values, 1) or 0) > 0,
        )
    if name in {"^ORIG", "^CONN"} and to_int(values, 1) not in {0, None}:
        return None  # a data call
    states = {"^ORIG": CallState.DIALING, "^CONF": CallState.ALERTING, "^CONN": CallState.ACTIVE}
    return CallChanged(state=states[name], index=index)


def _read_state(values: list[str], states: Mapping[int, CallState]) -> CallChanged | None:
    index, state = to_int(values, 0), to_int(values, 1)
    if index is None or state is None or state not in states:
        return None
    return CallChanged(state=states[state], index=index)


def _read_ecam(values: list[str]) -> CallChanged | None:
    # #ECAM: <index>,<state>,<type>,,,[<number>,<type>]; an index here counts from 0, in +CLCC from 1
    changed = _read_state(values, _ECAM)
    if changed is None or to_int(values, 2) not in {_TELIT_VOICE, None}:
        return None
    cause = _USER_BUSY if to_int(values, 1) == _ECAM_BUSY else None
    return CallChanged(state=changed.state, cause=cause)


def _read_sim_swap(name: str, values: list[str]) -> SimSwapped | None:
    match name:
        case "+QSIMSTAT" | "+CSMINS":  # <report>,<inserted>
            state = to_int(values, 1)
            return SimSwapped(state == 1) if state in {0, 1} else None
        case "#QSS":  # <state> unasked, <report>,<state> asked; 0 is no card
            state = to_int(values, -1 + len(values))
            return SimSwapped(state != 0) if state is not None else None
        case "^SIMST":  # 255 is no card
            state = to_int(values, 0)
            return SimSwapped(state != 255) if state is not None else None
        case _:
            return SimSwapped(None)


def _read_ccinfo(values: list[str]) -> CallListed | None:
    # +QIND: "ccinfo",<index>,<direction>,<state>,<mode>,<mpty>,"<number>",<type>; state -1 = released
    index, direction, state, mode = (to_int(values, n) for n in range(1, 5))
    if to_text(values, 0) != "ccinfo" or index is None or direction not in {0, 1} or mode not in {0, None}:
        return None
    if state == _CCINFO_RELEASED:
        return CallListed(ListedCall(index=index, is_outgoing=direction == 0, state=CallState.RELEASED))
    if state is None or state not in CLCC_STATES:
        return None
    return CallListed(ListedCall(index=index, is_outgoing=direction == 0, state=CLCC_STATES[state]))


def _read_dsci(values: list[str], plan: DsciPlan) -> CallListed | None:
    index, direction, state = (to_int(values, n) for n in range(3))
    if index is None or direction not in {0, 1} or state is None or state not in plan.states:
        return None
    if plan.voice_field is not None and to_int(values, plan.voice_field) not in {0, None}:
        return None
    call = ListedCall(index=index, is_outgoing=direction == 0, state=plan.states[state])
    released = call.state is CallState.RELEASED
    cause = to_int(values, plan.cause_field) if released and plan.cause_field is not None else None
    return CallListed(call, cause)


def _read_voice_call(line: str) -> VoiceBegan | VoiceEnded | None:
    _, _, rest = line.partition(":")
    word, _, duration = rest.partition(":")
    match word.strip():
        case "BEGIN":
            return VoiceBegan()
        case "END":
            return VoiceEnded(to_int(split_values(duration), 0))
        case _:
            return None
