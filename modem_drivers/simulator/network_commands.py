"""Registration, operator and signal (3GPP TS 27.007 §7.2, §7.3, §8.5)."""

from collections.abc import Mapping

from modem_drivers.simulator.basic_commands import Handler, execute_only
from modem_drivers.simulator.command_line import Command, Form
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.replies import BAD_PARAMETER, RefusedError, Reply, information

_SCAN_S = 5.0


def registration_line(device: Device, name: str, *, unasked: bool) -> str:
    """Return +CREG or its like, with the cell under mode 2."""
    mode = device.settings[name]
    line = f"{name}: {device.registration}" if unasked else f"{name}: {mode},{device.registration}"
    if mode == "2" and device.is_registered:
        operator = device.network.operator
        access = device.personality.access_technology
        cell = operator.cell[-4:] if access is None else operator.cell
        line += f',"{operator.location_area}","{cell}"{_access(device)}'
    return line


def _access(device: Device) -> str:
    technology = device.personality.access_technology
    return "" if technology is None else f",{technology}"


def _registration(name: str) -> Handler:
    def handle(device: Device, command: Command) -> Reply:
        if command.form is Form.READ:
            return information(registration_line(device, name, unasked=False))
        return device.settings.use(command)

    return handle


def _operator(device: Device, command: Command) -> Reply:
    match command.form:
        case Form.READ:
            if not device.is_registered:
                return information(f"+COPS: {device.operator_mode}")
            return information(
                f'+COPS: {device.operator_mode},{device.operator_format},"{_name(device)}"{_access(device)}'
            )
        case Form.TEST:
            known = device.network.operator
            names = f'"{device.alphabet(known.long_name)}","{device.alphabet(known.short_name)}"'
            row = f'(2,{names},"{known.numeric}"{_access(device)})'
            return Reply(lines=(f"+COPS: {row},,(0,1,2,3,4),(0,1,2)",), delay_s=_SCAN_S)
        case Form.EXECUTE:
            raise RefusedError
    return _choose_operator(device, command.values)


def _choose_operator(device: Device, values: list[str]) -> Reply:
    mode, name_format = [*values, "", ""][:2]
    if mode not in {"0", "1", "2", "3", "4"} or name_format not in {"", "0", "1", "2"}:
        raise RefusedError(BAD_PARAMETER)
    if name_format:
        device.operator_format = int(name_format)
    if mode == "3":
        return Reply()
    known = device.network.operator
    if mode == "1" and values[2:3] not in ([known.long_name], [known.short_name], [known.numeric]):
        raise RefusedError(BAD_PARAMETER)
    device.operator_mode = int(mode)
    return Reply(delay_s=0.3)


def _name(device: Device) -> str:
    operator = device.network.operator
    match device.operator_format:
        case 0:
            return device.alphabet(operator.long_name)
        case 1:
            return device.alphabet(operator.short_name)
        case _:
            return operator.numeric


def _signal(device: Device) -> Reply:
    return information(f"+CSQ: {device.network.rssi if device.functionality == 1 else 99},99")


COMMANDS: Mapping[str, Handler] = {
    "+CREG": _registration("+CREG"),
    "+CGREG": _registration("+CGREG"),
    "+CEREG": _registration("+CEREG"),
    "+COPS": _operator,
    "+CSQ": execute_only(_signal),
}
