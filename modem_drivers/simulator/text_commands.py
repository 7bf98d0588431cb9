"""Texts and enough of the telephone book for clients that look there first (3GPP TS 27.005; 27.007 §8.11)."""

from collections.abc import Mapping

from modem_drivers.simulator import text_mode, texts, tpdu
from modem_drivers.simulator.basic_commands import Handler
from modem_drivers.simulator.command_line import Command, Form
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.replies import BAD_PARAMETER, NO_SERVICE, OK, RefusedError, Reply, information
from modem_drivers.simulator.text_store import StoredText, TextStatus
from modem_drivers.simulator.tpdu import NotATpduError, Submit

_BAD_PDU, _INVALID_INDEX, _MEMORY_FULL = 304, 321, 322
SEND_S = 1.0
_ALL = 4
_STATUS_WORDS = ("REC UNREAD", "REC READ", "STO UNSENT", "STO SENT", "ALL")
_KEPT_BY_DELETE = {  # +CMGD=…,<delflag>
    "1": frozenset({TextStatus.UNREAD, TextStatus.UNSENT, TextStatus.SENT}),
    "2": frozenset({TextStatus.UNREAD, TextStatus.UNSENT}),
    "3": frozenset({TextStatus.UNREAD}),
    "4": frozenset[TextStatus](),
}


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
            rows = (f'"{memory}",{_fill(device, memory)}' for memory in device.text_places)
            return information("+CPMS: " + ",".join(rows))
        case Form.SET if set(command.values) <= {"ME", "SM"} and len(command.values) <= 3:
            device.text_places[: len(command.values)] = command.values
            return information("+CPMS: " + ",".join(_fill(device, memory) for memory in device.text_places))
        case _:
            raise RefusedError(BAD_PARAMETER)


def _fill(device: Device, memory: str) -> str:
    store = texts.store(device, memory)
    return f"{len(store)},{store.slots}"


def _is_text_mode(device: Device) -> bool:
    return device.settings["+CMGF"] == "1"


def _list(device: Device, command: Command) -> Reply:
    device.sim.need_ready()
    in_words = _is_text_mode(device)
    if command.form is Form.TEST:
        words = ",".join(f'"{word}"' for word in _STATUS_WORDS)
        return information(f"+CMGL: ({words})" if in_words else "+CMGL: (0-4)")
    wanted = command.values[0] if command.form is Form.SET else ("REC UNREAD" if in_words else "0")
    known = _STATUS_WORDS if in_words else ("0", "1", "2", "3", "4")
    if wanted not in known:
        raise RefusedError(BAD_PARAMETER)
    status = known.index(wanted)
    lines: list[str] = []
    store = texts.store(device, device.text_places[0])
    for slot, text in store.select(None if status == _ALL else TextStatus(status)):
        lines += _shown(device, f"+CMGL: {slot},", text)
        text.status = TextStatus.READ if text.status is TextStatus.UNREAD else text.status
    return information(*lines)


def _read(device: Device, command: Command) -> Reply:
    device.sim.need_ready()
    if command.form is Form.TEST:
        return OK
    text = _stored(device, command)
    lines = _shown(device, "+CMGR: ", text)
    text.status = TextStatus.READ if text.status is TextStatus.UNREAD else text.status
    return information(*lines)


def _stored(device: Device, command: Command) -> StoredText:
    slot = command.values[0]
    text = texts.store(device, device.text_places[0]).get(int(slot)) if slot.isdecimal() else None
    if text is None or command.form is not Form.SET:
        raise RefusedError(_INVALID_INDEX, family="CMS")
    return text


def _shown(device: Device, head: str, text: StoredText) -> list[str]:
    if _is_text_mode(device):
        return text_mode.shown(device, head, _STATUS_WORDS[text.status], text.octets)
    size = len(text.octets)
    return [f"{head}{text.status.value},,{size}", (texts.centre(device) + text.octets).hex().upper()]


def _delete(device: Device, command: Command) -> Reply:
    device.sim.need_ready()
    store = texts.store(device, device.text_places[0])
    if command.form is Form.TEST:
        return information(f"+CMGD: (1-{store.slots}),(0-4)")
    slot, flag = [*command.values, "0"][:2]
    if command.form is not Form.SET or not slot.isdecimal():
        raise RefusedError(BAD_PARAMETER)
    if flag in _KEPT_BY_DELETE:
        store.delete_all(_KEPT_BY_DELETE[flag])
    elif 1 <= int(slot) <= store.slots:
        store.delete(int(slot))
    else:
        raise RefusedError(_INVALID_INDEX, family="CMS")
    device.schedule(0.2, device.ask_for_texts)
    return OK


def _send(device: Device, command: Command) -> Reply:
    if command.form is Form.TEST:
        return OK
    _need_argument(device, command)
    if not device.is_registered:
        raise RefusedError(NO_SERVICE)
    device.text_command = command
    return Reply(result=None, prompt=True)


def _write(device: Device, command: Command) -> Reply:
    if command.form is Form.TEST:
        return OK
    _need_argument(device, command)
    device.text_command = command
    return Reply(result=None, prompt=True)


def _need_argument(device: Device, command: Command) -> None:
    device.sim.need_ready()
    value = command.values[0]
    if command.form is not Form.SET or not value or not (_is_text_mode(device) or value.isdecimal()):
        raise RefusedError(BAD_PARAMETER)


def text_given(device: Device, text: bytes | None) -> Reply:
    """Answer the text after a prompt; None: the host cancelled. Raises RefusedError for what is no text."""
    command, device.text_command = device.text_command, None
    if text is None or command is None:
        return OK
    typed = text.lstrip(b"\r\n")  # a host that ends its lines with CR LF
    device.texts_sent.append(typed)
    octets = _octets(device, command, typed)
    if command.name == "+CMGW":
        slot = texts.store(device, device.text_places[1]).put(octets[0], TextStatus.UNSENT)
        if slot is None:
            raise RefusedError(_MEMORY_FULL, family="CMS")
        return information(f"+CMGW: {slot}")
    return _handed_over(device, octets, "+CMGS")


def _octets(device: Device, command: Command, typed: bytes) -> list[bytes]:
    """Return the TPDUs a typed text makes: one, but in text mode perhaps several."""
    if _is_text_mode(device):
        return text_mode.written(device, command.values[0], typed)
    try:
        octets = bytes.fromhex(typed.decode("ascii"))
        octets = octets[1 + octets[0] :]  # the service centre comes first
    except (ValueError, IndexError):
        raise RefusedError(_BAD_PDU, family="CMS") from None
    if len(octets) != int(command.values[0]):
        raise RefusedError(_BAD_PDU, family="CMS")
    return [octets]


def _send_stored(device: Device, command: Command) -> Reply:
    if command.form is Form.TEST:
        return OK
    device.sim.need_ready()
    text = _stored(device, command)
    reply = _handed_over(device, [text.octets], "+CMSS")
    text.status = TextStatus.SENT
    return reply


def _handed_over(device: Device, all_octets: list[bytes], name: str) -> Reply:
    bodies: list[Submit] = []
    try:
        bodies = [tpdu.read_submit(octets) for octets in all_octets]
    except (NotATpduError, IndexError):
        raise RefusedError(_BAD_PDU, family="CMS") from None
    if not device.is_registered:
        raise RefusedError(NO_SERVICE)
    for body in bodies:
        device.text_reference = device.text_reference % 255 + 1
        device.network.messages.submit(
            device.network.international(device.number),
            body,
            device.text_reference,
            schedule=device.schedule,
            now_s=device.now_s,
        )
    return Reply(lines=(f"{name}: {device.text_reference}",), delay_s=SEND_S * len(bodies))


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
    "+CMGW": _write,
    "+CMSS": _send_stored,
    "+CNMA": lambda _device, _command: OK,
    "+CPBS": _book,
    "+CPBR": _entries,
}
