"""What a command comes back with: information lines and a result code, or a refusal."""

from dataclasses import dataclass

from modem_drivers.simulator.errors import SimulatorError

NOT_ALLOWED, NOT_SUPPORTED = 3, 4
NO_SIM, SIM_PIN, SIM_PUK, SIM_BUSY, INCORRECT_PASSWORD = 10, 11, 12, 14, 16
NO_SERVICE, BAD_PARAMETER = 30, 50
_CME_TEXTS = {  # 3GPP TS 27.007 §9.2
    NOT_ALLOWED: "operation not allowed",
    NOT_SUPPORTED: "operation not supported",
    NO_SIM: "SIM not inserted",
    SIM_PIN: "SIM PIN required",
    SIM_PUK: "SIM PUK required",
    SIM_BUSY: "SIM busy",
    INCORRECT_PASSWORD: "incorrect password",
    NO_SERVICE: "no network service",
    BAD_PARAMETER: "Incorrect parameters",
}
NUMERIC_RESULTS = {  # ITU-T V.250 §6.3.1
    "OK": "0",
    "CONNECT": "1",
    "RING": "2",
    "NO CARRIER": "3",
    "ERROR": "4",
    "NO DIALTONE": "6",
    "BUSY": "7",
    "NO ANSWER": "8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A command's answer."""

    lines: tuple[str, ...] = ()
    result: str | None = "OK"
    """The final result code; None when it comes later, at the end of a dial or after a text."""
    delay_s: float = 0.0
    """How long the command takes beyond the modem's usual pace."""
    prompt: bool = False
    """The modem asks for a text: `> `."""
    ends_silently: bool = False
    """The command is over without any result code."""


class RefusedError(SimulatorError):
    """The command was understood and refused: +CME ERROR (or +CMS ERROR), or plain ERROR without a code."""

    def __init__(self, code: int | None = None, *, family: str = "CME") -> None:
        super().__init__(f"+{family} ERROR: {code}")
        self._code = code
        self._family = family

    def result(self, verbosity: str) -> str:
        """Return the result code under +CMEE=`verbosity`."""
        if self._code is None or (verbosity == "0" and self._family == "CME"):
            return "ERROR"
        known = _CME_TEXTS.get(self._code) if self._family == "CME" else None
        return f"+{self._family} ERROR: {known if verbosity == '2' and known else self._code}"


def information(*lines: str) -> Reply:
    """Return lines and OK."""
    return Reply(lines=lines)


OK = Reply()
