"""The SIM card on the AT line: PIN, PUK, tries left, identities (3GPP TS 27.007 §5.6, §7.4, §8.3)."""

from collections.abc import Callable, Mapping

from modem_drivers.simulator.basic_commands import Handler, execute_only
from modem_drivers.simulator.command_line import Command, Form
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.replies import BAD_PARAMETER, NOT_ALLOWED, OK, RefusedError, Reply, information
from modem_drivers.simulator.sim_card import PIN_TRIES, PUK_TRIES

READY_S = 1.2
"""How long after the PIN the card is usable and said to be."""
NEED_CARD = frozenset(
    {
        *("+CPIN", "+CIMI", "+CNUM", "+CLCK", "+CPWD", "+CPINR", "+SPIC", "+QPINC", "^CPIN"),
        *(
            "+CCID",
            "+CICCID",
            "+QCCID",
            "^ICCID",
            "+CPMS",
            "+CMGL",
            "+CMGR",
            "+CMGD",
            "+CMGS",
            "+CPBS",
            "+CPBR",
        ),
    }
)


def _pin(device: Device, command: Command) -> Reply:
    match command.form:
        case Form.READ:
            return information(f"+CPIN: {device.sim.status}")
        case Form.TEST:
            return OK
        case Form.SET if len(command.values) <= 2 and all(_is_code(code) for code in command.values):
            device.sim.enter(*command.values)
            device.schedule(READY_S, lambda: _unlocked(device))
            return Reply(delay_s=0.3)
        case _:
            raise RefusedError(BAD_PARAMETER)


def _is_code(code: str) -> bool:
    return code.isdecimal() and 4 <= len(code) <= 8


def _unlocked(device: Device) -> None:
    if device.sim.is_ready:
        device.urc("+CPIN: READY")
        device.on_air()


def _locks(device: Device, command: Command) -> Reply:
    if command.form is Form.TEST:
        return information('+CLCK: ("SC","AO","OI","OX","AI","IR","AB","AG","AC","FD","PN")')
    values = [*command.values, "", ""]
    if command.form is not Form.SET:
        raise RefusedError(NOT_ALLOWED)
    if values[1] == "2":
        return information(f"+CLCK: {int(values[0] == 'SC' and device.sim.pin is not None)}")
    if values[0] != "SC" or values[1] not in {"0", "1"}:
        raise RefusedError(NOT_ALLOWED)
    device.sim.lock(values[2], locks=values[1] == "1")
    return OK


def _change(device: Device, command: Command) -> Reply:
    if command.form is Form.TEST:
        return information('+CPWD: ("SC",8),("P2",8)')
    values = command.values
    if command.form is not Form.SET or len(values) != 3 or values[0] != "SC" or not _is_code(values[2]):
        raise RefusedError(BAD_PARAMETER)
    device.sim.change(values[1], values[2])
    return OK


def _tries(line: str) -> Handler:
    """Return a handler that says how many tries are left; `line` has {pin}, {puk} and {status}."""

    def answer(device: Device, command: Command) -> Reply:
        if command.form is Form.TEST:
            return OK
        sim = device.sim
        told = line.format(pin=sim.tries_left, puk=sim.puk_tries_left, status=sim.status)
        return information(*told.split("\n"))

    return answer


def _with_sim(answer: Callable[[Device], Reply]) -> Handler:
    def checked(device: Device) -> Reply:
        device.sim.need_ready()
        return answer(device)

    return execute_only(checked)


COMMANDS: Mapping[str, Handler] = {
    "+CPIN": _pin,
    "+CLCK": _locks,
    "+CPWD": _change,
    "+CPINR": _tries(f"+CPINR: SIM PIN,{{pin}},{PIN_TRIES}\n+CPINR: SIM PUK,{{puk}},{PUK_TRIES}"),
    "+CIMI": _with_sim(lambda device: information(device.sim.imsi)),
    "+CNUM": _with_sim(lambda device: information(f'+CNUM: "","{device.number}",145')),
}
OF_VENDOR: Mapping[str, Mapping[str, Handler]] = {
    "simcom": {"+SPIC": _tries("+SPIC: {pin},3,{puk},10")},
    "quectel": {"+QPINC": _tries('+QPINC: "SC",{pin},{puk}\n+QPINC: "P2",3,10')},
    "huawei": {"^CPIN": _tries("^CPIN: {status},,{puk},{pin},10,3")},
    "wavecom": {},
    "zte": {"+ZPINPUK": _tries("+ZPINPUK: {pin},{puk}")},
}
