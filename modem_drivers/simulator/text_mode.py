"""Texts as words on the AT line, under AT+CMGF=1 (3GPP TS 27.005 §3)."""

from dataclasses import replace

from modem_drivers.simulator import tpdu
from modem_drivers.simulator.device import Device
from modem_drivers.simulator.replies import BAD_PARAMETER, RefusedError
from modem_drivers.simulator.tpdu import NotATpduError

_WANTS_REPORT = 0x20


def written(device: Device, number: str, typed: bytes) -> list[bytes]:
    """Return the SUBMITs of a text typed in the chosen character set. Raises RefusedError."""
    if set(number.removeprefix("+")) - set("0123456789*#") or not number.removeprefix("+"):
        raise RefusedError(BAD_PARAMETER)
    text = device.read_alphabet(typed.decode("latin-1"))
    first = int(device.settings["+CSMP"].split(",")[0] or "17")
    return [
        tpdu.submit(replace(body, wants_report=bool(first & _WANTS_REPORT)))
        for body in tpdu.submits(number, text)
    ]


def shown(device: Device, head: str, status: str, octets: bytes) -> list[str]:
    """Return the lines of +CMGR and +CMGL for one TPDU, whichever kind it is."""
    kind = octets[0] & 0x03
    if kind == tpdu.STATUS_REPORT:
        report = tpdu.read_status_report(octets)
        return [f'{head}"{status}",6,{report.reference},"{report.recipient}",145,"{report.at}","{report.at}"'
                f",{report.status}"]  # fmt: skip
    try:
        body = tpdu.read_submit(octets) if kind == tpdu.SUBMIT else None
        delivered = tpdu.read_deliver(octets) if body is None else None
    except (NotATpduError, IndexError):
        return [f'{head}"{status}","",,', octets.hex().upper()]
    if delivered is not None:
        return [f'{head}"{status}","{delivered.sender}",,"{delivered.at}"', device.alphabet(delivered.text)]
    assert body is not None
    return [f'{head}"{status}","{body.recipient}",', device.alphabet(body.text)]
