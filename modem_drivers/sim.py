"""What state the SIM card is in (3GPP TS 27.007 §8.3 +CPIN, §9.2.1 error codes)."""

from collections.abc import Sequence
from enum import StrEnum

from modem_drivers.at.values import split_line, to_text


class SimState(StrEnum):
    """What keeps the SIM card from working, or that nothing does."""

    READY = "ready"
    PIN_REQUIRED = "pin_required"
    PUK_REQUIRED = "puk_required"
    ABSENT = "absent"
    BUSY = "busy"
    """Starting up: ask again. Normal for 5 to 20 s after power-up."""
    FAILED = "failed"


_CODES = {
    "READY": SimState.READY,
    "SIM PIN": SimState.PIN_REQUIRED,
    "SIM PIN2": SimState.READY,  # asked only for SIM features that no call needs
    "SIM PUK": SimState.PUK_REQUIRED,
    "SIM PUK2": SimState.READY,
    "NOT READY": SimState.BUSY,
    "NOT INSERTED": SimState.ABSENT,
}
_ERRORS = {
    10: SimState.ABSENT,
    11: SimState.PIN_REQUIRED,
    12: SimState.PUK_REQUIRED,
    13: SimState.FAILED,
    14: SimState.BUSY,
    15: SimState.FAILED,
    515: SimState.BUSY,  # Huawei: initialisation in progress
}


def from_code(code: str) -> SimState:
    """Return the state behind `+CPIN: <code>`; any other lock (network, operator, corporate) is a failure."""
    return _CODES.get(code.strip().upper(), SimState.FAILED)


def from_error(code: int | None) -> SimState:
    """Return the state behind a +CME error to AT+CPIN?."""
    return _ERRORS.get(code, SimState.FAILED) if code is not None else SimState.FAILED


def read_sim(lines: Sequence[str]) -> SimState:
    """Return the state of an AT+CPIN? answer."""
    for line in lines:
        name, values = split_line(line)
        if name == "+CPIN":
            return from_code(to_text(values, 0))
    return SimState.FAILED
