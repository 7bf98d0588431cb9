"""Commands only Huawei, Wavecom and ZTE modems have."""

from collections.abc import Mapping

from modem_drivers.simulator.basic_commands import Handler, execute_only
from modem_drivers.simulator.call_news import Progress
from modem_drivers.simulator.command_line import Command, Form
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.replies import BAD_PARAMETER, OK, RefusedError, Reply, information
from modem_drivers.simulator.tones import KEYS

_HAVE_SOUND = {Progress.ALERTING, Progress.ACTIVE, Progress.HELD}


def _voice_mode(device: Device, command: Command) -> Reply:
    if command.form is Form.SET:
        return OK
    return information("^CVOICE:0,8000,16,20" if command.form is Form.READ else "^CVOICE:(0,1)")


def _voice_port(device: Device, command: Command) -> Reply:
    """Open the voice tty of a call that rings or talks; any other time it is answered OK and forgotten."""
    if command.form is Form.TEST:
        return information("^DDSETEX:(0-2)")
    if command.form is not Form.SET or command.value not in {"0", "1", "2"}:
        raise RefusedError(BAD_PARAMETER)
    call = device.calls.call
    if command.value != "2":
        device.sound.close()
    elif call is not None and call.progress in _HAVE_SOUND and not device.sound.is_open:
        device.sound.open_while_ringing()
    return OK


def _key(device: Device, command: Command) -> Reply:
    if command.form is Form.TEST:
        return OK
    values = command.values
    call = device.calls.call
    if command.form is not Form.SET or len(values) < 2 or values[1].upper() not in KEYS or not values[1]:
        raise RefusedError(BAD_PARAMETER)
    if call is None or values[0] != str(call.index):
        raise RefusedError
    device.calls.send_keys(values[1].upper())
    return OK


def _hand_set(device: Device) -> Reply:
    return information("^SYSINFO:2,3,0,5,1,,4" if device.is_registered else "^SYSINFO:0,0,0,0,1,,0")


def _huawei_reset(device: Device) -> Reply:
    device.schedule(0.2, device.reboot)
    return OK


def _card(prefix: str) -> Handler:
    def answer(device: Device, command: Command) -> Reply:
        if command.form is Form.TEST:
            return OK
        device.sim.need_ready()
        return information(f"{prefix}{device.sim.iccid}")

    return answer


COMMANDS: Mapping[str, Mapping[str, Handler]] = {
    "huawei": {
        "^CVOICE": _voice_mode,
        "^DDSETEX": _voice_port,
        "^DTMF": _key,
        "^SYSINFO": execute_only(_hand_set),
        "^RESET": execute_only(_huawei_reset),
        "^ICCID": _card("^ICCID: "),
        "^CARDLOCK": lambda _device, _command: information("^CARDLOCK: 2,10,0"),
        "^HWVER": execute_only(lambda _device: information('^HWVER:"CD25TCPV"')),
    },
    "wavecom": {
        "+CCID": _card("+CCID: "),
        "+WOPEN": lambda _device, _command: information("+WOPEN: 0"),
    },
    "zte": {
        "+ZVERSION": execute_only(lambda device: information(f"+ZVERSION: {device.personality.revision}")),
        "+ZPAS": lambda device, _command: information(
            '+ZPAS: "UMTS","CS_PS"' if device.is_registered else '+ZPAS: "No Service","Limited Service"'
        ),
        "+ZGETICCID": _card("+ZGETICCID: "),
    },
}
