"""The only commands that ever reach a modem; identity changes and emergency calls are beyond every setting.

A command that is on no list is refused as well: a new one gets a row here, read by a person, before it is
sent.
"""

import re
from enum import Flag, auto

from modem_drivers.errors import ForbiddenCommandError, LocalProtocolError, MalformedPduError
from modem_drivers.events import DTMF_DIGITS
from modem_drivers.masking import mask_numbers
from modem_drivers.pdu.alphabet import decode_septets, unpack
from modem_drivers.pdu.octets import is_hex
from modem_drivers.pdu.submit import decode_submit, encode_submit

MAX_COMMAND_CHARS = 256
MAX_NUMBER_DIGITS = 20

IDENTITY = "the modem's and SIM's identity is never changed"
CALLER_ID = "the caller's number is never withheld or replaced"
EMERGENCY = "emergency numbers are never dialled"
FORWARDING = "call forwarding is never changed"
BARRING = "no lock or barring of the SIM card is changed"
PASSWORDS = "no password or PIN of the SIM card is changed"
SERVICES = "no supplementary service is changed"

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
    "+CPIN": "a PIN is typed by nothing but `Modem.unlock_sim`, which counts the tries: wrong ones kill the card",
    "+CLCK": BARRING,
    "+CPWD": PASSWORDS,
    "+CCFC": FORWARDING,
    "+CCWA": SERVICES,
    "+CSCA": "the SIM's message centre is never changed",
    "+CMGS": "messages are sent as PDUs that have been read and found good",
}


class Form(Flag):
    """How a command may be used (V.250 §5.4)."""

    RUN = auto()
    READ = auto()
    SET = auto()


_BASIC = frozenset({"", "A", "E0", "H", "I", "Q0V1E0"})
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
    "+CEER": Form.RUN | Form.SET,
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
    "+CHLD": Form.SET,
    "+MORING": Form.SET,
    "+UCALLSTAT": Form.SET,
    "#ECAM": Form.SET,
    "+WIND": Form.SET,
    "^CURC": Form.SET,
    "^DTMF": Form.SET,
    "^DDTMFCFG": Form.SET,
    "^DDSETEX": Form.SET,
    "+UDTMFD": Form.SET,
    "#DTMF": Form.SET,
    "+CIMI": Form.RUN,
    "+CCID": Form.RUN,
    "+ICCID": Form.RUN,
    "+QCCID": Form.RUN,
    "+CICCID": Form.RUN,
    "+ZGETICCID": Form.RUN | Form.READ,
    "#CCID": Form.RUN,
    "^ICCID": Form.READ,
    "!ICCID": Form.READ,
    "+SPIC": Form.RUN,
    "+CPINR": Form.RUN,
    "+UPINCNT": Form.RUN,
    "#PCT": Form.RUN,
    "+QPINC": Form.READ,
    "+CPINC": Form.READ,
    "^CPIN": Form.READ,
    "+QSIMSTAT": Form.SET,
    "+UIMHOTSWAPON": Form.SET,
    "+CSDT": Form.SET,
    "+CSMINS": Form.SET,
    "#QSS": Form.SET,
    "+CCLK": Form.READ,
    "+CTZR": Form.SET,
    "+CTZU": Form.SET,
    "+CLTS": Form.SET,
    "+VOLTESETTING": Form.READ | Form.SET,
    "+QCFG": Form.SET,
    "+CRESET": Form.RUN,
    "^RESET": Form.RUN,
    "#REBOOT": Form.RUN,
    "!RESET": Form.RUN,
    "+CMGF": Form.READ | Form.SET,
    "+CSMS": Form.READ | Form.SET,
    "+CPMS": Form.READ | Form.SET,
    "+CNMI": Form.READ | Form.SET,
    "+CMGL": Form.SET,
    "+CMGR": Form.SET,
    "+CMGD": Form.SET,
    "+CMMS": Form.READ | Form.SET,
    "+CSCA": Form.READ,
    "+CSCS": Form.READ | Form.SET,
    "+CUSD": Form.READ | Form.SET,
}
# Of a command with many uses only these: AT+QCFG also moves the USB identity, AT+CHLD ends and joins calls.
_MEMORY = r'"(?:SM|ME|MT|SR)"'
_ONLY = {
    "+QCFG": re.compile(r'="IMS"(?:,[0-2])?', re.IGNORECASE),
    "+CHLD": re.compile(r"=2"),
    "+CMGF": re.compile("=0"),  # PDU mode: in text mode any number could be typed into AT+CMGS
    "+CSMS": re.compile("=0"),
    "+CPMS": re.compile(f"={_MEMORY}(?:,{_MEMORY}){{0,2}}"),
    "+CNMI": re.compile("=[0-9](?:,[0-9]){0,4}"),
    "+CMGL": re.compile("=[0-4]"),
    "+CMGR": re.compile("=[0-9]{1,3}"),
    "+CMGD": re.compile("=[0-9]{1,3}"),  # one message, never all of them
    "+CMMS": re.compile("=[0-2]"),
    "+CSCS": re.compile('="(?:GSM|IRA|UCS2)"'),
    "+CUSD": re.compile('=(?:[0-2]|1,"(?P<ussd>[0-9A-F*#]{1,160})",15)'),
}
_PIN = re.compile(r'AT\+CPIN="[0-9]{4,8}"')
_NAME = re.compile(r"([+^*$#&%!][A-Z]+)(.*)", re.IGNORECASE)
_DIAL = re.compile(r"D(\+?[0-9]+);")
_CONTROL = re.compile(r"[^\x20-\x7e]")
# 3GPP TS 22.101 §10.1: treated as emergency by any telephone, with or without a SIM; plus China's own.
_EMERGENCY = frozenset({"112", "911", "000", "08", "110", "118", "119", "999", "120", "122"})
_MIN_NUMBER_DIGITS = 3
_SEND_PDU = re.compile(r"AT\+CMGS=([0-9]{1,3})")
_USSD_CODE = re.compile(r"[*#][0-9*#]{0,38}#")
_USSD_REPLY = re.compile(r"[0-9]{1,20}")
# 3GPP TS 22.030 annex B: what a telephone does not ask the operator but changes. Sent as USSD, networks act on it.
_SERVICE_CODE = re.compile(r"(?:\*\*|\*#|##|\*|#)([0-9]+)")
_SERVICES = {
    **dict.fromkeys(("30", "31", "76", "77", "300"), CALLER_ID),
    **dict.fromkeys(("591", "592", "593", "594"), CALLER_ID),  # which of the SIM's numbers calls
    **dict.fromkeys(("21", "61", "62", "67", "002", "004", "66"), FORWARDING),
    **dict.fromkeys(("33", "330", "331", "332", "333", "35", "351", "353"), BARRING),
    **dict.fromkeys(("03", "04", "042", "05", "052"), PASSWORDS),
    **dict.fromkeys(("43", "37", "96", "75", "361", "362", "363"), SERVICES),
}


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
        only = None if form is Form.READ else _ONLY.get(name)
        match = only.fullmatch(arguments) if only is not None else None
        if only is None or match is not None:
            if match is not None and (ussd := match.groupdict().get("ussd")) is not None:
                _check_ussd_argument(ussd)
            return
        raise ForbiddenCommandError(f"AT{name}", "only some uses of this command are on the allow-list")
    if name in _RED_LINES:
        raise ForbiddenCommandError(f"AT{name}", _RED_LINES[name])
    raise ForbiddenCommandError(f"AT{mask_numbers(name)}", "only commands on the allow-list are sent")


def command_name(text: str) -> str:
    """Return the name of an extended command, such as +CSQ, under which it is answered; empty for a basic one."""
    match = _NAME.match(text, len("AT"))
    return match.group(1).upper() if match else ""


def check_pin_entry(text: str) -> None:
    """Let ``AT+CPIN="<4 to 8 digits>"`` pass, never a PUK. Raises LocalProtocolError."""
    if not _PIN.fullmatch(text):
        raise LocalProtocolError("a PIN has 4 to 8 digits")


def check_pdu(text: str, pdu: str) -> None:
    """Let `AT+CMGS=<length>` and its PDU pass. Raises ForbiddenCommandError, LocalProtocolError.

    Only what the encoder here would write itself is let through: no silent or replacing messages, no other
    service centre, no emergency numbers, and nothing that does not fit the announced length.
    """
    announced = _SEND_PDU.fullmatch(text)
    if announced is None:
        raise LocalProtocolError(f"{mask_numbers(text)!r} sends no PDU")
    try:
        submit = decode_submit(pdu)
        check_number(submit.destination.text)
        canonical = encode_submit(submit)
    except MalformedPduError as error:
        raise LocalProtocolError(f"not a message to send: {error}") from error
    if pdu != canonical.hex or int(announced.group(1)) != canonical.n_tpdu_octets:
        raise LocalProtocolError(
            "not a message to send: a plain SMS-SUBMIT of the announced length is wanted"
        )


def check_ussd(code: str) -> None:
    """Let a USSD code, or a digit typed into its menu, pass. Raises ForbiddenCommandError, LocalProtocolError."""
    _check_no_service(code)
    if code in _EMERGENCY:
        raise ForbiddenCommandError("AT+CUSD", EMERGENCY)
    if not (_USSD_CODE.fullmatch(code) or _USSD_REPLY.fullmatch(code)):
        raise LocalProtocolError(
            "a USSD code is * or #, digits and a closing #; an answer to a menu is digits"
        )


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


def _check_no_service(code: str) -> None:
    service = _SERVICE_CODE.match(code)
    if service is not None and service.group(1) in _SERVICES:
        raise ForbiddenCommandError("AT+CUSD", _SERVICES[service.group(1)])


def _check_ussd_argument(ussd: str) -> None:
    # Digits alone are a menu's: packed, no service code looks so (its third character always gives a C, D or E).
    packed = None if ussd.isdecimal() else _unpacked(ussd)
    check_ussd(ussd if packed is None else packed)


def _unpacked(ussd: str) -> str | None:
    """Return what a modem reads that wants its USSD packed and in hexadecimal; None where that cannot be meant."""
    if not is_hex(ussd):
        return None
    octets = bytes.fromhex(ussd)
    return decode_septets(unpack(octets, len(octets) * 8 // 7)).rstrip("\r@")


def _form(arguments: str) -> Form | None:
    if not arguments:
        return Form.RUN
    if arguments == "?":
        return Form.READ
    return Form.SET if arguments.startswith("=") and arguments != "=?" else None
