"""What state the SIM card is in (3GPP TS 27.007 §8.3 +CPIN, §9.2.1 error codes)."""

import re
from collections.abc import Sequence
from enum import StrEnum

from modem_drivers.at.values import split_line, to_int, to_text

MIN_PIN_TRIES = 2
_ICCID = re.compile(r"(?<![0-9])(89[0-9]{16,18})[0-9F]?(?![0-9])", re.IGNORECASE)
_IMSI = re.compile(r"[0-9]{14,15}")


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
    "SIM REMOVED": SimState.ABSENT,
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


def read_pin_tries(lines: Sequence[str], *, name: str, field: int, where: str) -> int | None:
    """Return how many wrong PINs the card still forgives, by one family's answer; None where it does not say.

    `where` is what the line that counts begins with, empty if there is only one.
    """
    for line in lines:
        said, values = split_line(line)
        if said == name and (not where or to_text(values, 0) == where):
            tries = to_int(values, field)
            return tries if tries is not None and 0 <= tries <= 10 else None
    return None


def why_no_pin(state: SimState, n_tries: int | None) -> str | None:
    """Return why no PIN may be typed now, None if one may: a card locked by us is a visit by a technician."""
    match state:
        case SimState.PIN_REQUIRED if n_tries is None:
            return "the modem does not tell how many tries are left: unlock the SIM card in a telephone"
        case SimState.PIN_REQUIRED if n_tries is not None and n_tries < MIN_PIN_TRIES:
            return f"only {n_tries} tries are left before the PUK: unlock the SIM card in a telephone"
        case SimState.PIN_REQUIRED:
            return None
        case SimState.PUK_REQUIRED:
            return "the SIM card asks for its PUK: unlock it in a telephone, or have the operator replace it"
        case _:
            return f"the SIM card asks for no PIN: it is {state}"


def read_iccid(lines: Sequence[str]) -> str | None:
    """Return the card's number (ITU-T E.118: 19 or 20 digits beginning with 89), None without one."""
    for line in lines:
        if match := _ICCID.search(line):
            return match.group().rstrip("Ff")
    return None


def read_imsi(lines: Sequence[str]) -> str | None:
    """Return the subscriber identity of AT+CIMI, bare or with a prefix, None without one."""
    for line in lines:
        if match := _IMSI.search(line):
            return match.group()
    return None
