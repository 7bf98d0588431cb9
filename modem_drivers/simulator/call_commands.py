"""Commands that place, list, use and end calls (3GPP TS 27.007 §6, §7; ITU-T V.250 §6.3)."""

from collections.abc import Mapping

from modem_drivers.simulator.basic_commands import Handler, execute_only
from modem_drivers.simulator.call_news import Progress
from modem_drivers.simulator.calls import KEYS_DIALLED
from modem_drivers.simulator.command_line import Command, Form
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.personality import CauseReport
from modem_drivers.simulator.replies import BAD_PARAMETER, OK, RefusedError, Reply, information
from modem_drivers.simulator.tones import KEYS

_CAUSE_TEXTS = {  # 3GPP TS 24.008 annex H, the words the SIMCom manuals list
    1: "Unassigned (unallocated) number",
    3: "No route to destination",
    8: "Operator determined barring",
    16: "Normal call clearing",
    17: "User busy",
    18: "No user responding",
    19: "User alerting, no answer",
    21: "Call rejected",
    22: "Number changed",
    27: "Destination out of order",
    28: "Invalid number format (incomplete number)",
    31: "Normal, unspecified",
    34: "No circuit/channel available",
    38: "Network out of order",
    41: "Temporary failure",
    42: "Switching equipment congestion",
    50: "Requested facility not subscribed",
}
_PUNCTUATION = str.maketrans("", "", "-(). ,Ww")


def _dial(device: Device, command: Command) -> Reply:
    text = command.value
    if text[:1].upper() == "L":
        text = device.last_dialled
    elif text[:1].upper() in {"T", "P"}:
        text = text[1:]
    if not text.endswith(";"):
        return Reply(result="NO CARRIER", delay_s=1.0)  # a data call: there is nobody to talk data to
    number = text.rstrip("; ").rstrip("IiGg").translate(_PUNCTUATION).upper()
    if not number or set(number) - KEYS_DIALLED or "+" in number[1:]:
        raise RefusedError
    if number not in {"112", "911"}:
        device.sim.need_ready()
    device.last_dialled = f"{number};"
    if device.functionality != 1:
        return Reply(result="NO CARRIER")
    return device.calls.dial(number)


def _hook(device: Device, command: Command) -> Reply:
    if command.value not in {"", "0"}:
        raise RefusedError
    if (
        not device.settings.is_on("+CVHU") and not device.faults.hang_up_ignored
    ):  # mode 1: ATH is ignored but answered (27.007 §6.20)
        device.calls.hang_up(device.faults)
    return OK


def _answer(device: Device, command: Command) -> Reply:
    return device.calls.answer()


def _hang_up(device: Device) -> Reply:
    if not device.faults.hang_up_ignored:
        device.calls.hang_up()
    return OK


def _hold(device: Device, command: Command) -> Reply:
    match command.form:
        case Form.TEST:
            return information("+CHLD: (0,1,1x,2,2x,3,4)")
        case Form.SET if command.value[:1] in {"0", "1"}:
            device.calls.hang_up()
            return OK
        case Form.SET if command.value == "2":
            return device.calls.hold()
        case _:
            raise RefusedError


def _listing(device: Device, command: Command) -> Reply:
    if command.form is Form.EXECUTE:
        return information(*device.calls.listing)
    if command.name in device.settings:
        return device.settings.use(command)
    if command.form is Form.TEST:
        return OK
    raise RefusedError


def _keys(device: Device, command: Command) -> Reply:
    match command.form:
        case Form.TEST:
            return information("+VTS: (0-9,A-D,*,#)")
        case Form.SET:
            keys = command.values[0].upper()
            if not keys or set(keys) - set(KEYS):
                raise RefusedError(BAD_PARAMETER)
            device.calls.send_keys(keys)
            return Reply(delay_s=0.1 * len(keys))
        case _:
            raise RefusedError


def _release_report(device: Device, command: Command) -> Reply:
    style = device.personality.cause_report
    if command.form is Form.SET and style is CauseReport.TEXT_OR_NUMBER and command.value in {"0", "1"}:
        device.named_values["+CEER"] = command.value
        return OK
    if command.form is Form.TEST:
        return OK
    if command.form is not Form.EXECUTE:
        raise RefusedError
    if style is CauseReport.TEXT_OR_NUMBER and device.named_values.get("+CEER") == "1":
        return information(f"+CEER: Cause:{device.calls.last_cause or 0}")
    return information(f"+CEER: {_cause(device, style)}")


def _cause(device: Device, style: CauseReport) -> str:
    calls = device.calls
    match style:
        case CauseReport.LOCATION_AND_NUMBER:
            return "0,0" if calls.last_cause is None else f"5,{calls.last_cause}"
        case CauseReport.ERROR_NUMBER:
            return f"Error {calls.last_cause or 0}"
        case _ if calls.last_was_ours and style is not CauseReport.NOTHING:
            return "Client ended call"
        case _ if calls.last_cause is None or style is CauseReport.NOTHING:
            return "No cause information available"
        case _:
            return _CAUSE_TEXTS.get(calls.last_cause, "Normal, unspecified")


def _activity(device: Device) -> Reply:
    call = device.calls.call
    is_ringing = call is not None and call.progress is Progress.INCOMING
    return information(f"+CPAS: {0 if call is None else 3 if is_ringing else 4}")


COMMANDS: Mapping[str, Handler] = {
    "D": _dial,
    "H": _hook,
    "A": _answer,
    "+CHUP": execute_only(_hang_up),
    "+CHLD": _hold,
    "+CLCC": _listing,
    "+VTS": _keys,
    "+CEER": _release_report,
    "+CPAS": execute_only(_activity),
}
