"""Commands only SIMCom or Quectel modems have: the audio path, call reports, network details."""

from collections.abc import Mapping

from modem_drivers.simulator import call_commands
from modem_drivers.simulator.basic_commands import Handler, execute_only
from modem_drivers.simulator.command_line import Command, Form
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.replies import BAD_PARAMETER, NOT_ALLOWED, OK, RefusedError, Reply, information

URC_PORTS = frozenset({"usbat", "usbmodem", "uart1", "all"})


def _cpcmreg(device: Device, command: Command) -> Reply:
    match command.form:
        case Form.TEST:
            return information("+CPCMREG: (0,1)")
        case Form.READ:
            return information(f"+CPCMREG: {int(device.sound.is_open)}")
        case Form.SET if command.value == "1":
            device.sound.open_in_call(device.faults, device.calls.active_for_s)
        case Form.SET if (
            command.values[0] == "0"
        ):  # `=0,1` closes at once instead of after the sound under way
            device.sound.close()
        case _:
            raise RefusedError
    return OK


def _qpcmv(device: Device, command: Command) -> Reply:
    match command.form:
        case Form.TEST:
            return information("+QPCMV: (0,1),(0-2)")
        case Form.READ:
            return information(f"+QPCMV: {'0' if device.pcm_port is None else '1,' + device.pcm_port}")
        case Form.SET if command.value == "0":
            device.pcm_port = None
            device.sound.close()
        case Form.SET if command.values[0] == "1" and command.values[1:] in (["0"], ["1"], ["2"]):
            if device.pcm_port not in {None, command.values[1]}:
                raise RefusedError(NOT_ALLOWED)
            device.pcm_port = command.values[1]
            if device.pcm_port == "0":  # 1 is the UART, 2 a USB sound card: no sound passes this tty then
                device.sound.arm()
        case _:
            raise RefusedError(BAD_PARAMETER)
    return OK


def _qindcfg(device: Device, command: Command) -> Reply:
    known = device.calls.qindcfg
    if "+QINDCFG/ccinfo" in device.personality.lacks:
        known.pop("ccinfo", None)
    if command.form is Form.TEST:
        return information(*(f'+QINDCFG: "{kind}",(0,1),(0,1)' for kind in known))
    if command.form is not Form.SET:
        raise RefusedError(BAD_PARAMETER)
    kind, *given = command.values
    if kind == "all" and given and given[0] in {"0", "1"}:
        known.update(dict.fromkeys(known, given[0]))
        return OK
    if kind not in known or (given and given[0] not in {"0", "1"}):
        raise RefusedError(BAD_PARAMETER)
    if not given:
        return information(f'+QINDCFG: "{kind}",{known[kind]}')
    known[kind] = given[0]
    return OK


def _qurccfg(device: Device, command: Command) -> Reply:
    if command.form is Form.TEST:
        return information('+QURCCFG: "urcport",("usbat","usbmodem","uart1","all")')
    values = command.values
    if command.form is not Form.SET or values[0] != "urcport" or (values[1:] and values[1] not in URC_PORTS):
        raise RefusedError(BAD_PARAMETER)
    if not values[1:]:
        return information(f'+QURCCFG: "urcport","{device.urc_port}"')
    device.urc_port = values[1]
    return OK


def _named_values(command_name: str, usual: Mapping[str, str]) -> Handler:
    """Return a handler for `AT+X="name"[,values]`, kept per modem."""

    def handle(device: Device, command: Command) -> Reply:
        if command.form is Form.TEST:
            return OK
        if command.form is not Form.SET:
            raise RefusedError(BAD_PARAMETER)
        name, *given = command.values
        if name not in usual:
            raise RefusedError(BAD_PARAMETER)
        key = f"{command_name}/{name}"
        if given:
            device.named_values[key] = command.value.partition(",")[2]
            return OK
        return information(f'{command_name}: "{name}",{device.named_values.get(key, usual[name])}')

    return handle


def _iccid(prefix: str) -> Handler:
    def answer(device: Device) -> Reply:
        device.sim.need_ready()
        return information(f"{prefix}: {device.sim.iccid}")

    return execute_only(answer)


def _qccid(device: Device, command: Command) -> Reply:
    if command.form not in {Form.EXECUTE, Form.READ}:
        return OK
    device.sim.need_ready()
    return information(f"+QCCID: {device.sim.iccid}")


def _reset(device: Device) -> Reply:
    device.schedule(0.2, device.reboot)
    return OK


def _system_information(device: Device, command: Command) -> Reply:
    if command.form is not Form.READ:
        return OK
    if not device.is_registered:
        return information("+CPSI: NO SERVICE,Online")
    operator = device.network.operator
    cell = f"0x{operator.location_area},{int(operator.cell, 16)}"
    return information(f"+CPSI: LTE,Online,460-00,{cell},257,EUTRAN-BAND3,1300,5,5,-94,-860,-560,15")


def _network_information(device: Device) -> Reply:
    if not device.is_registered:
        return information("+QNWINFO: No Service")
    return information(f'+QNWINFO: "FDD LTE","{device.network.operator.numeric}","LTE BAND 3",1300')


def _service_name(device: Device) -> Reply:
    operator = device.network.operator
    names = f'"{device.alphabet(operator.long_name)}","{device.alphabet(operator.short_name)}",""'
    return information(f'+QSPN: {names},0,"{operator.numeric}"')


def _hang_up_with_cause(device: Device, command: Command) -> Reply:
    if command.form is Form.SET:
        device.calls.hang_up()
    return OK


def _power_down(device: Device, command: Command) -> Reply:
    if command.form is not Form.SET:
        raise RefusedError
    device.calls.hang_up()
    device.functionality = 0
    return Reply(result="NORMAL POWER DOWN")


def _simcom_identification(device: Device) -> Reply:
    return information(*(line.format(imei=device.imei) for line in device.personality.identification))


COMMANDS: Mapping[str, Mapping[str, Handler]] = {
    "simcom": {
        "+CPCMREG": _cpcmreg,
        "+CICCID": _iccid("+ICCID"),
        "+CCID": _iccid("+CCID"),
        "+CPOWD": _power_down,
        "+SIMCOMATI": execute_only(_simcom_identification),
        "+CPSI": _system_information,
        "+CRESET": execute_only(_reset),
        "+CSUB": execute_only(
            lambda _: information("+CSUB: B04V02", "+CSUB: MDM9x07_LE20_S_22_V1.03_210527")
        ),
    },
    "quectel": {
        "+QPCMV": _qpcmv,
        "+QINDCFG": _qindcfg,
        "+QURCCFG": _qurccfg,
        "+QCFG": _named_values(
            "+QCFG",
            {
                "ims": "1,1",
                "usbcfg": "0x2C7C,0x0125,1,1,1,1,1,0,0",
                "usbnet": "0",
                "nwscanmode": "0",
                "urc/ri/ring": "",
            },
        ),
        "+QGPSCFG": _named_values("+QGPSCFG", {"outport": '"usbnmea"', "nmeasrc": "0"}),
        "+QVTS": call_commands.COMMANDS["+VTS"],
        "+QCCID": _qccid,
        "+CCID": _iccid("+CCID"),
        "+QNWINFO": execute_only(_network_information),
        "+QSPN": execute_only(_service_name),
        "+QHUP": _hang_up_with_cause,
        "+QINISTAT": execute_only(lambda _: information("+QINISTAT: 7")),
        "+QGMR": execute_only(lambda device: information(f"{device.personality.revision}_01.001.01.001")),
    },
}
