"""A modem's dealings with texts: its memories, what arrives, how that is reported."""

from modem_drivers.simulator import tpdu
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.text_store import TextStatus, TextStore

_DELIVER_STORED, _DELIVER_SHOWN = 1, 2
_REPORT_SHOWN, _REPORT_STORED = 1, 2
"""Values of +CNMI's second and fourth parameter; they count the opposite way."""


def store(device: Device, memory: str) -> TextStore:
    """Return the memory of that name."""
    return device.text_memories[memory]


def arrive(device: Device, octets: bytes) -> bool:
    """Take a DELIVER or STATUS-REPORT from the network; return False when it must wait there."""
    if not device.is_registered:
        return False
    mode, delivers, _, reports, _ = cnmi(device)
    whole = (centre(device) + octets).hex().upper()
    if octets[0] & 0x03 == tpdu.STATUS_REPORT:
        if reports == _REPORT_STORED:
            return _store(device, octets, "+CDSI", told=mode != 0)
        if reports == _REPORT_SHOWN and mode != 0:
            device.urc(f"+CDS: {len(octets)}\r\n{whole}")
        return True
    if delivers == _DELIVER_SHOWN and mode != 0:
        device.urc(
            f"+CMT: ,{len(octets)}\r\n{whole}" if device.settings["+CMGF"] == "0" else _words(device, octets)
        )
        return True
    return _store(device, octets, "+CMTI", told=mode != 0 and delivers == _DELIVER_STORED)


def cnmi(device: Device) -> list[int]:
    """Return the five parameters of +CNMI; those never given are 0."""
    given = [int(value or "0") for value in device.settings["+CNMI"].split(",")]
    return (given + [0] * 5)[:5]


def centre(device: Device) -> bytes:
    """Return the service centre's address as it stands before a TPDU."""
    number = device.settings["+CSCA"].split(",")[0].strip('"')
    return tpdu.service_centre(number)


def _words(device: Device, octets: bytes) -> str:
    text = tpdu.read_deliver(octets)
    return f'+CMT: "{text.sender}",,"{text.at}"\r\n{device.alphabet(text.text)}'


def _store(device: Device, octets: bytes, name: str, *, told: bool) -> bool:
    memory = device.text_places[2]
    slot = store(device, memory).put(octets, TextStatus.UNREAD)
    if slot is None:
        if device.personality.texts_full_line is not None:
            device.urc(device.personality.texts_full_line)
        return False
    if told:
        device.urc(f'{name}: "{memory}",{slot}')
    return True
