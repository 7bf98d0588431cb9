"""Commands of one letter, identity, power and the like (ITU-T V.250; 3GPP TS 27.007 §5, §8)."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from modem_drivers.simulator.clock import written
from modem_drivers.simulator.command_line import Command, Form
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.replies import BAD_PARAMETER, OK, RefusedError, Reply, information

Handler: TypeAlias = Callable[[Device, Command], Reply]


def execute_only(answer: Callable[[Device], Reply]) -> Handler:
    """Return a handler for a command that is executed, and tested with OK."""

    def handle(device: Device, command: Command) -> Reply:
        match command.form:
            case Form.EXECUTE:
                return answer(device)
            case Form.TEST:
                return OK
            case _:
                raise RefusedError

    return handle


def _terminal_switch(attribute: str, *, inverted: bool = False) -> Handler:
    def handle(device: Device, command: Command) -> Reply:
        if command.value not in {"", "0", "1"}:
            raise RefusedError
        setattr(device.terminal, attribute, (command.value == "1") != inverted)
        return OK

    return handle


def _accepted(device: Device, command: Command) -> Reply:
    return OK


def _identification(device: Device, command: Command) -> Reply:
    if command.value not in {"", "0"}:
        return OK
    return information(*(line.format(imei=device.imei) for line in device.personality.identification))


def _reset(device: Device, command: Command) -> Reply:
    if command.value not in {"", "0"}:
        raise RefusedError
    device.calls.hang_up()
    device.settings.reset()
    device.terminal.echo = device.terminal.verbose = True
    device.terminal.quiet = False
    return OK


def _functionality(device: Device, command: Command) -> Reply:
    match command.form:
        case Form.TEST:
            return information("+CFUN: (0,1,4),(0,1)")
        case Form.READ:
            return information(f"+CFUN: {device.functionality}")
        case Form.EXECUTE:
            raise RefusedError
    level, reset = ([*command.values, "0"])[:2]
    if level not in {"0", "1", "4"} or reset not in {"0", "1"}:
        raise RefusedError(BAD_PARAMETER)
    device.functionality = int(level)
    if device.functionality != 1:
        device.calls.hang_up()
    if reset == "1":
        device.schedule(0.2, device.reboot)
    elif device.functionality == 1:
        device.schedule(1.0, device.on_air)
    return Reply(delay_s=0.3 if reset == "0" else 0.0)


def _text(line: str) -> Handler:
    return execute_only(lambda _: information(line))


def _clock(device: Device, command: Command) -> Reply:
    match command.form:
        case Form.READ:
            return information(f'+CCLK: "{written(device.clock.read())}"')
        case Form.SET if not device.clock.write(command.value.strip('"')):
            raise RefusedError(BAD_PARAMETER)
        case _:
            return OK


def _battery(device: Device) -> Reply:
    return information("+CBC: 0,100,3900")


def _power_down(device: Device) -> Reply:
    device.calls.hang_up()
    device.functionality = 0
    return OK


COMMANDS: Mapping[str, Handler] = {
    "E": _terminal_switch("echo"),
    "V": _terminal_switch("verbose"),
    "Q": _terminal_switch("quiet"),
    "I": _identification,
    "Z": _reset,
    "&F": _reset,
    **{name: _accepted for name in ("L", "M", "P", "T", "X", "O", "&C", "&D", "&K", "&S", "&W", "+FCLASS")},
    "+CGMI": execute_only(lambda device: information(device.personality.manufacturer)),
    "+GMI": execute_only(lambda device: information(device.personality.manufacturer)),
    "+CGMM": execute_only(lambda device: information(device.personality.model)),
    "+GMM": execute_only(lambda device: information(device.personality.model)),
    "+CGMR": execute_only(lambda device: information(device.personality.revision_reply)),
    "+GMR": execute_only(lambda device: information(device.personality.revision_reply)),
    "+CGSN": execute_only(lambda device: information(device.imei)),
    "+GSN": execute_only(lambda device: information(device.imei)),
    "+GCAP": _text("+GCAP: +CGSM,+FCLASS,+DS"),
    "+CFUN": _functionality,
    "+CCLK": _clock,
    "+CBC": execute_only(_battery),
    "+CPOF": execute_only(_power_down),
}
