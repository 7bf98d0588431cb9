"""What happens to a running modem on demand: one line of words each."""

import dataclasses

import msgspec

from modem_drivers.simulator.errors import SimulatorError
from modem_drivers.simulator.faults import Faults
from modem_drivers.simulator.pty_modem import PtyModem

HELP = """\
fault NAME=VALUE     ail, such as lost_urc=0.3, glued_lines=true, audio_rot=true, deaf=true, reply_delay_s=2
healthy              ail no more
unplug / plug        pull the cable (the ports die with EIO) / put it back (others appear after the boot)
reboot               boot, as after AT+CFUN=1,1
sim out / sim in     pull the card / put it back
registration N       0 not, 1 home, 2 searching, 3 denied, 5 roaming
signal N             as +CSQ counts it: 0 to 31, 99 unknown
congested yes / no   turn every call away, or no more
call NUMBER          somebody calls the modem
text NUMBER WORDS    somebody texts the modem"""


def with_fault(faults: Faults, setting: str) -> Faults:
    """Return the faults with `NAME=VALUE` changed; a name alone means true. Raises SimulatorError."""
    name, _, value = setting.partition("=")
    known = [field.name for field in dataclasses.fields(Faults)]
    if name not in known:
        raise SimulatorError(f"fault `{name}` is unknown: use {', '.join(known)}")
    fields = {**dataclasses.asdict(faults), name: value or "true"}
    try:
        return msgspec.convert(fields, Faults, strict=False)
    except msgspec.ValidationError as problem:
        raise SimulatorError(f"fault {setting}: {problem}") from problem


def carry_out(line: str, plugged: PtyModem) -> None:
    """Do what one line says. Raises SimulatorError for what it does not understand."""
    modem = plugged.modem
    network, device = modem.device.network, modem.device
    match line.split():
        case []:
            pass
        case ["fault", setting]:
            modem.faults = with_fault(modem.faults, setting)
        case ["healthy"]:
            modem.faults = Faults()
        case ["unplug"]:
            plugged.unplug()
        case ["plug"]:
            plugged.plug()
        case ["reboot"]:
            device.reboot()
        case ["sim", "out"]:
            modem.pull_sim()
        case ["sim", "in"]:
            modem.insert_sim()
        case ["registration", ("0" | "1" | "2" | "3" | "5") as standing]:
            network.registration = int(standing)
        case ["signal", level] if level.isdecimal():
            network.rssi = int(level)
        case ["congested", ("yes" | "no") as answer]:
            network.is_congested = answer == "yes"
        case ["call", number]:
            network.ring(device.number, number, schedule=device.schedule, now_s=device.now_s)
        case ["text", number, *words] if words:
            own = network.international(device.number)
            network.messages.text_from(
                network.international(number), own, " ".join(words), now_s=device.now_s
            )
        case _:
            raise SimulatorError(f"`{line.strip()}` is not understood; say one of\n{HELP}")
