"""Enough of texts and the telephone book for clients that look there first (3GPP TS 27.005; 27.007 §8.11)."""

from collections.abc import Mapping

from modem_drivers.simulator.basic_commands import Handler
from modem_drivers.simulator.command_line import Command, Form
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.replies import BAD_PARAMETER, NO_SERVICE, OK, RefusedError, Reply, information

_INVALID_INDEX = 321
_SLOTS = 50


def _service(device: Device, command: Command) -> Reply:
    match command.form:
        case Form.TEST:
            return information("+CSMS: (0,1)")
        case Form.READ:
            return information("+CSMS: 0,1,1,1")
        case Form.SET if command.value in {"0", "1"}:
            return information("+CSMS: 1,1,1")
        case _:
            raise RefusedError(BAD_PARAMETER)


def _storage(device: Device, command: Command) -> Reply:
    device.sim.need_ready()
    match command.form:
        case Form.TEST:
            return information('+CPMS: ("ME","SM"),("ME","SM"),("ME","SM")')
        case Form.READ:
            return information("+CPMS: " + ",".join([f'"SM",0,{_SLOTS}'] * 3))
        case Form.SET if set(command.values) <= {"ME", "SM"}:
            return information("+CPMS: " + ",".join([f"0,{_SLOTS}"] * 3))
        case _:
            raise RefusedError(BAD_PARAMETER)


def _list(device: Device, command: Command) -> Reply:
    device.sim.need_ready()
    if command.form is Form.TEST:
        text_mode = device.settings["+CMGF"] == "1"
        return information(
            '+CMGL: ("REC UNREAD","REC READ","STO UNSENT","STO SENT","ALL")' if text_mode else "+CMGL: (0-4)"
        )
    return OK


def _read(device: Device, command: Command) -> Reply:
    device.sim.need_ready()
    if command.form is Form.TEST:
        return OK
    raise RefusedError(_INVALID_INDEX, family="CMS")


def _delete(device: Device, command: Command) -> Reply:
    device.sim.need_ready()
    return information(f"+CMGD: (1-{_SLOTS}),(0-4)") if command.form is Form.TEST else OK


def _send(device: Device, command: Command) -> Reply:
    if command.form is Form.TEST:
        return OK
    if command.form is not Form.SET:
        raise RefusedError(BAD_PARAMETER)
    device.sim.need_ready()
    if not device.is_registered:
        raise RefusedError(NO_SERVICE)
    return Reply(result=None, prompt=True)


def text_given(device: Device, text: bytes | None) -> Reply:
    """Answer the text after a prompt; None: the host cancelled."""
    if text is None:
        return OK
    device.texts_sent.append(text.lstrip(b"\r\n"))  # a host that ends its lines with CR LF
    return Reply(lines=(f"+CMGS: {len(device.texts_sent) % 256}",), delay_s=1.0)


def _book(device: Device, command: Command) -> Reply:
    device.sim.need_ready()
    match command.form:
        case Form.TEST:
            return information('+CPBS: ("SM","DC","FD","LD","MC","ME","RC","EN","ON")')
        case Form.READ:
            return information('+CPBS: "SM",0,250')
        case _:
            return OK


def _entries(device: Device, command: Command) -> Reply:
    device.sim.need_ready()
    return information("+CPBR: (1-250),40,18") if command.form is Form.TEST else OK


COMMANDS: Mapping[str, Handler] = {
    "+CSMS": _service,
    "+CPMS": _storage,
    "+CMGL": _list,
    "+CMGR": _read,
    "+CMGD": _delete,
    "+CMGS": _send,
    "+CPBS": _book,
    "+CPBR": _entries,
}
