"""The only commands that ever reach a modem; identity changes and emergency calls are beyond every setting.

A command that is on no list is refused as well: a new one gets a row here, read by a person, before it is
sent.
"""

import re
from enum import Flag, auto

from modem_drivers.errors import ForbiddenCommandError, LocalProtocolError
from modem_drivers.events import DTMF_DIGITS
from modem_drivers.masking import mask_numbers

MAX_COMMAND_CHARS = 256
MAX_NUMBER_DIGITS = 20

IDENTITY = "the modem's and SIM's identity is never changed"
CALLER_ID = "the caller's number is never withheld or replaced"
EMERGENCY = "emergency numbers are never dialled"

_RED_LINES = {
    "+EGMR": IDENTITY,
    "+SIMEI": IDENTITY,
    "^IMEI": IDENTITY,
    "+IMEI": IDENTITY,
    "*EGMREXT": IDENTITY,
    "+WIMEI": IDENTITY,
    "+SPIMEI": IDENTITY,
    "+MODIMEI": IDENTITY,
    "$QCIMEI": IDENTITY,
    "^DATALOCK": IDENTITY,
    "^NVWR": IDENTITY,
    "+QNVFW": IDENTITY,
    "+QNVW": IDENTITY,
    "+CSIM": IDENTITY,
    "+CRSM": IDENTITY,
    "+CLIR": CALLER_ID,
    "+CPIN": "a PIN is never typed by the box: too many wrong ones kill the card",
    "+CLCK": "no lock or barring of the SIM card is changed",
    "+CPWD": "no password of the SIM card is changed",
    "+CCFC": "call forwarding is never changed",
}


class Form(Flag):
    """How a command may be used (V.250 §5.4)."""

    RUN = auto()
    READ = auto()
    SET = auto()


_BASIC = frozenset({"", "E0", "H", "I", "Q0V1E0"})
_EXTENDED: dict[str, Form] = {
    "+CGMI": Form.RUN,
    "+CGMM": Form.RUN,
    "+CGMR": Form.RUN,
    "+CGSN": Form.RUN,
    "+CMEE": Form.READ | Form.SET,
    "+CFUN": Form.READ | Form.SET,
    "+CPIN": Form.READ,
    "+CREG": Form.READ | Form.SET,
    "+CEREG": Form.READ | Form.SET,
    "+COPS": Form.READ | Form.SET,
    "+CSQ": Form.RUN,
    "+CNUM": Form.RUN,
    "+COLP": Form.SET,
    "+CLIP": Form.SET,
    "+CRC": Form.SET,
    "+CVHU": Form.SET,
    "+CHUP": Form.RUN,
    "+CEER": Form.RUN,
    "+CLCC": Form.RUN | Form.SET,
    "+VTS": Form.SET,
    "+DDET": Form.SET,
    "+CPCMFRM": Form.SET,
    "+CPCMREG": Form.SET,
    "+QTONEDET": Form.SET,
    "+QINDCFG": Form.SET,
    "+QPCMV": Form.SET,
    "+QGPSCFG": Form.SET,
    "+QAUDMOD": Form.SET,
    "+QURCCFG": Form.SET,
    "^DSCI": Form.SET,
}
_NAME = re.compile(r"([+^*$#&%!][A-Z]+)(.*)", re.IGNORECASE)
_DIAL = re.compile(r"D(\+?[0-9]+);")
_CONTROL = re.compile(r"[^\x20-\x7e]")
# 3GPP TS 22.101 §10.1: treated as emergency by any telephone, with or without a SIM; plus China's own.
_EMERGENCY = frozenset({"112", "911", "000", "08", "110", "118", "119", "999", "120", "122"})
_MIN_NUMBER_DIGITS = 3


def check_command(text: str) -> None:
    """Let a command line such as ``AT+CSQ`` pass. Raises ForbiddenCommandError, LocalProtocolError."""
    masked = mask_numbers(text)
    if _CONTROL.search(text):
        raise LocalProtocolError(f"{masked!r}: a command is one line of printable ASCII")
    if len(text) > MAX_COMMAND_CHARS or not text.startswith("AT"):
        raise LocalProtocolError(
            f"{masked!r} is not a command: it starts with AT and has at most 256 characters"
        )
    body = text[2:]
    if dialled := _DIAL.fullmatch(body):
        check_number(dialled.group(1))
        return
    if ";" in body:
        raise LocalProtocolError(f"{masked!r}: one command a line, no ';'")
    if body in _BASIC:
        return
    match = _NAME.fullmatch(body)
    name, arguments = (match.group(1).upper(), match.group(2)) if match else (body.upper(), "")
    form = _form(arguments)
    if form is not None and form in _EXTENDED.get(name, Form(0)):
        return
    if name in _RED_LINES:
        raise ForbiddenCommandError(f"AT{name}", _RED_LINES[name])
    raise ForbiddenCommandError(f"AT{mask_numbers(name)}", "only commands on the allow-list are sent")


def check_number(number: str) -> None:
    """Let a number pass that may be dialled. Raises LocalProtocolError, ForbiddenCommandError."""
    digits = number.removeprefix("+")
    if digits in _EMERGENCY:
        raise ForbiddenCommandError("ATD", EMERGENCY)
    if not (
        digits.isascii() and digits.isdecimal() and _MIN_NUMBER_DIGITS <= len(digits) <= MAX_NUMBER_DIGITS
    ):
        raise LocalProtocolError(
            f"a number of {len(number)} characters cannot be dialled: 3 to 20 digits, a leading + at most"
        )


def check_digits(digits: str) -> None:
    """Let DTMF digits pass. Raises LocalProtocolError."""
    if not digits or len(digits) > 64 or not set(digits) <= DTMF_DIGITS:
        raise LocalProtocolError("DTMF digits are 1 to 64 of 0-9 * # A-D")


def _form(arguments: str) -> Form | None:
    if not arguments:
        return Form.RUN
    if arguments == "?":
        return Form.READ
    return Form.SET if arguments.startswith("=") and arguments != "=?" else None
