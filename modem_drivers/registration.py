"""Whether the network knows this modem (3GPP TS 27.007 §7.2 +CREG, §10.1.22 +CEREG)."""

from collections.abc import Sequence
from enum import StrEnum

from modem_drivers.at.values import split_line, to_int

_NAMES = frozenset({"+CREG", "+CEREG", "+CGREG"})


class RegistrationState(StrEnum):
    """Where the modem stands with the network."""

    NOT_REGISTERED = "not_registered"
    HOME = "home"
    SEARCHING = "searching"
    DENIED = "denied"
    UNKNOWN = "unknown"
    ROAMING = "roaming"

    @property
    def is_registered(self) -> bool:
        """Say whether calls can be placed."""
        return self in {RegistrationState.HOME, RegistrationState.ROAMING}


_STATES = {
    0: RegistrationState.NOT_REGISTERED,
    1: RegistrationState.HOME,
    2: RegistrationState.SEARCHING,
    3: RegistrationState.DENIED,
    4: RegistrationState.UNKNOWN,
    5: RegistrationState.ROAMING,
    6: RegistrationState.NOT_REGISTERED,  # registered for SMS only: no calls
    7: RegistrationState.NOT_REGISTERED,
    8: RegistrationState.DENIED,  # emergency calls only
    9: RegistrationState.HOME,  # CSFB not preferred
    10: RegistrationState.ROAMING,
}


def from_status(status: int | None) -> RegistrationState:
    """Return the state behind a `<stat>` value."""
    return _STATES.get(status, RegistrationState.UNKNOWN) if status is not None else RegistrationState.UNKNOWN


def read_registration(lines: Sequence[str]) -> RegistrationState:
    """Return the state of a `+CREG: <n>,<stat>[,...]` answer; a URC amid it counts if nothing else came."""
    found = RegistrationState.UNKNOWN
    for line in lines:
        name, values = split_line(line)
        if name not in _NAMES:
            continue
        if len(values) == 1:
            found = from_status(to_int(values, 0))
        elif (status := to_int(values, 1)) is not None:
            return from_status(status)
    return found
