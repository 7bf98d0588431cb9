"""Information responses as values (3GPP TS 27.007); readers are total, nonsense becomes None."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modem_drivers.at.values import split_line, to_int, to_text
from modem_drivers.events import CallState

# 27.007 §7.18; 6 is SIMCom's own "disconnected".
CLCC_STATES = {
    0: CallState.ACTIVE,
    1: CallState.HELD,
    2: CallState.DIALING,
    3: CallState.ALERTING,
    4: CallState.INCOMING,
    5: CallState.WAITING,
    6: CallState.RELEASED,
}
_VOICE_MODE = 0
_CSQ_FLOOR_DBM, _CSQ_STEP_DB, _CSQ_MAX = -113, 2, 31
_IMEI = re.compile(r"[0-9]{14,16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCall:
    """One voice call as +CLCC (or a URC that says the same) reports it."""

    index: int
    is_outgoing: bool
    state: CallState


def read_clcc(line: str) -> ListedCall | None:
    """Return the voice call of a `+CLCC:` line; None for nonsense or LTE's data bearer (mode 1)."""
    name, values = split_line(line)
    index, direction, state, mode = (to_int(values, n) for n in range(4))
    if (
        name != "+CLCC"
        or index is None
        or mode != _VOICE_MODE
        or direction not in {0, 1}
        or state not in CLCC_STATES
    ):
        return None
    return ListedCall(index=index, is_outgoing=direction == 0, state=CLCC_STATES[state])


def read_call_list(lines: Sequence[str]) -> list[ListedCall]:
    """Return the voice calls of an AT+CLCC response; of two lines about one call the later counts."""
    calls = {call.index: call for line in lines if (call := read_clcc(line)) is not None}
    return [call for call in calls.values() if call.state is not CallState.RELEASED]


def read_rssi_dbm(lines: Sequence[str]) -> int | None:
    """Return the signal of `+CSQ: <rssi>,<ber>` (27.007 §8.5), None for 99 (not known)."""
    for line in lines:
        name, values = split_line(line)
        rssi = to_int(values, 0)
        if name == "+CSQ" and rssi is not None and 0 <= rssi <= _CSQ_MAX:
            return _CSQ_FLOOR_DBM + _CSQ_STEP_DB * rssi
    return None


def read_operator(lines: Sequence[str]) -> str:
    """Return the operator of `+COPS: <mode>,<format>,<name>[,<act>]` (27.007 §7.3), empty without one."""
    for line in lines:
        name, values = split_line(line)
        if name == "+COPS" and len(values) >= 3:
            return values[2]
    return ""


def read_own_number(lines: Sequence[str]) -> str | None:
    """Return the first number of `+CNUM: "<alpha>","<number>",<type>` (27.007 §7.1), None without one."""
    for line in lines:
        name, values = split_line(line)
        number = to_text(values, 1)
        if name == "+CNUM" and re.fullmatch(r"\+?[0-9]{3,20}", number):
            return number
    return None


def read_imei(lines: Sequence[str]) -> str:
    """Return the IMEI of AT+CGSN, bare or with a prefix, empty when the modem tells none."""
    for line in lines:
        if match := _IMEI.search(line):
            return match.group()[:15]
    return ""


def read_bare(lines: Sequence[str]) -> str:
    """Return the text of a one-line response such as AT+CGMI's, without a prefix or quotes."""
    for line in lines:
        text = re.sub(r"^\+[A-Z]+: ?", "", line).strip().strip('"')
        if text:
            return text
    return ""
