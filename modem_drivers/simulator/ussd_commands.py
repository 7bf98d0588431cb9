"""USSD (3GPP TS 27.007 §7.15): the code goes out, the answer comes back seconds later as +CUSD."""

from collections.abc import Mapping
from functools import partial

from modem_drivers.simulator import gsm_alphabet
from modem_drivers.simulator.basic_commands import Handler
from modem_drivers.simulator.command_line import Command, Form
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.replies import BAD_PARAMETER, NO_SERVICE, OK, RefusedError, Reply, information
from modem_drivers.simulator.ussd import UssdAnswer

ANSWER_S = 2.0
_FINAL, _ASKS, _ENDED, _NOT_SUPPORTED = 0, 1, 2, 4
_GSM_CODING, _UCS2_CODING = 15, 72
"""TP-DCS of language-neutral 7-bit text, and of UCS-2."""


def _ussd(device: Device, command: Command) -> Reply:
    match command.form:
        case Form.TEST:
            return information("+CUSD: (0-2)")
        case Form.READ:
            return information(f"+CUSD: {device.settings['+CUSD']}")
        case Form.EXECUTE:
            return OK
    report, code = [*command.values, ""][:2]
    if report not in {"0", "1", "2"}:
        raise RefusedError(BAD_PARAMETER)
    if report == "2":
        device.ussd_session = None
        return OK
    device.settings.set("+CUSD", report)
    if not code:
        return OK
    device.sim.need_ready()
    if not device.is_registered:
        raise RefusedError(NO_SERVICE)
    device.schedule(ANSWER_S, partial(_answer, device, _read(device, code)))
    return OK


def _answer(device: Device, code: str) -> None:
    menu, device.ussd_session = device.ussd_session, None
    known = device.network.ussd if menu is None else menu.choices
    answer = known.get(code)
    if answer is None:
        _tell(device, f"{_ENDED if menu is not None else _NOT_SUPPORTED}")
        return
    if answer.choices:
        device.ussd_session = answer
    text, coding = _written(device, answer)
    _tell(device, f'{_ASKS if answer.choices else _FINAL},"{text}",{coding}')


def _tell(device: Device, what: str) -> None:
    if device.settings["+CUSD"] == "1":
        device.urc(f"+CUSD: {what}")


def _read(device: Device, code: str) -> str:
    if not device.personality.packs_ussd:
        return device.read_alphabet(code)
    try:
        octets = bytes.fromhex(code)
    except ValueError:
        raise RefusedError from None  # a code in plain is what such a modem does not take
    return gsm_alphabet.characters(gsm_alphabet.unpack(octets, len(octets) * 8 // 7)).rstrip("\r@")


def _written(device: Device, answer: UssdAnswer) -> tuple[str, int]:
    codes = gsm_alphabet.septets(answer.text)
    if codes is None:
        return answer.text.encode("utf-16-be").hex().upper(), _UCS2_CODING
    if device.personality.packs_ussd:
        if len(codes) % 8 == 7:
            codes += b"\r"  # seven spare bits would read as an @ (3GPP TS 23.038 §6.1.2.3.1)
        return gsm_alphabet.pack(codes).hex().upper(), _GSM_CODING
    return device.alphabet(answer.text), _GSM_CODING


COMMANDS: Mapping[str, Handler] = {"+CUSD": _ussd}
