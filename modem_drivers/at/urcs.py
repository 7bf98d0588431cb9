"""Unsolicited result codes as values: one grammar for every family, since their names do not clash.

The one that does, ^DSCI (its 3 is "connected" on Quectel, "alerting" on TD modules), is read by a plan that
the dialect hands in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from modem_drivers.at.responses import CLCC_STATES, ListedCall, read_clcc
from modem_drivers.at.values import split_line, split_values, to_int, to_text
from modem_drivers.events import DTMF_DIGITS, CallState

# Results of a call on their own line. NO CARRIER says only that the call is over, never why.
CALL_RESULTS = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE"})
_NAMED = re.compile(r"[+^*$%#!][A-Z0-9]+(?=:)|VOICE CALL(?=:)|MISSED_CALL(?=:)")
_BARE_URCS = frozenset(
    {"RDY", "SMS DONE", "PB DONE", "SMS Ready", "Call Ready", "POWERED DOWN", "NORMAL POWER DOWN"}
)
_CCINFO_RELEASED = -1


@dataclass(frozen=True, slots=True)
class CallListed:
    """The modem told the state of one voice call."""

    call: ListedCall
    cause: int | None = None
    """Release cause in the line itself, in the numbers of 3GPP TS 24.008."""


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


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """`+CREG: <stat>` as a URC."""

    status: int


@dataclass(frozen=True, slots=True)
class SimChanged:
    """`+CPIN: <code>` as a URC: READY, NOT READY, SIM PIN ..."""

    code: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """`RDY`: the modem rebooted, everything set up before is gone."""


Urc: TypeAlias = (
    CallListed
    | CallResult
    | VoiceBegan
    | VoiceEnded
    | DtmfHeard
    | Ringing
    | RegistrationChanged
    | SimChanged
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
    if line == "RDY":
        return Restarted()
    name, values = split_line(line)
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
        case "+RXDTMF" | "+DTMF":
            digit = to_text(values, 0)
            return DtmfHeard(digit) if digit in DTMF_DIGITS else None
        case "+QTONEDET":  # the digit's ASCII code, in decimal
            code = to_int(values, 0)
            return (
                DtmfHeard(chr(code))
                if code is not None and 0 < code < 128 and chr(code) in DTMF_DIGITS
                else None
            )
        case "RING" | "+CRING" | "+CLIP":
            return Ringing()
        case "+CREG":
            status = to_int(values, 0)
            # "+CREG: 0,1" is a query's late answer; "+CREG: 1" and "+CREG: 1,"1A2B",.." are URCs.
            is_answer = len(values) >= 2 and to_text(values, 1).isdecimal() and len(to_text(values, 1)) == 1
            return RegistrationChanged(status) if status is not None and not is_answer else None
        case "+CPIN":
            return SimChanged(to_text(values, 0))
        case _:
            return None


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
