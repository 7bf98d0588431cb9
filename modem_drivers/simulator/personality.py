"""What differs between modem families, as data: one `Personality` each.

Sources: SIMCom SIM7500/SIM7600 and Quectel EC2x AT command manuals, and traffic of real units.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class CallNews(StrEnum):
    """A way in which a modem reports the progress of a call without being asked."""

    CLCC = "clcc"  # +CLCC lines, once AT+CLCC=1
    VOICE_CALL = "voice_call"  # VOICE CALL: BEGIN and END, always
    CCINFO = "ccinfo"  # +QIND: "ccinfo", once AT+QINDCFG="ccinfo",1
    DSCI = "dsci"  # ^DSCI, once AT^DSCI=1


class AudioDoor(StrEnum):
    """When a modem lets the host have a call's sound."""

    IN_CALL = "in_call"  # asked for in a connected call, closed by its end (AT+CPCMREG)
    ARMED = "armed"  # asked for before the call, open whenever there is one (AT+QPCMV)


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """One family of modems."""

    name: str
    vendor: str
    """Which vendor's own commands it knows."""
    manufacturer: str
    model: str
    revision: str
    revision_reply: str
    """What AT+CGMR answers."""
    identification: tuple[str, ...]
    """What ATI answers; {imei} is filled in."""
    boot_lines: tuple[str, ...]
    boot_s: float
    reply_s: float = 0.01
    dial_reply_s: float = 0.1
    call_news: tuple[CallNews, ...]
    """In the order in which one change of state is reported; a release in reverse."""
    alone_in_clcc: bool = True
    """False: the LTE data bearer stands in +CLCC as a call in mode 1, and voice calls are numbered from 2."""
    cause_as_text: bool
    """AT+CEER answers words; else `5,<cause>`."""
    ended_results: Mapping[int, str] = field(default_factory=dict)
    """Causes reported by another result code than NO CARRIER."""
    own_hangup_result: str | None = None
    """What follows when the host hangs up itself."""
    audio_door: AudioDoor
    audio_ready_s: float = 0.0
    """How long after the answer the audio path can be opened at the earliest."""
    key_switch: str
    """The setting that turns on reports of keys the far end presses."""
    key_report: str
    """{key} is the key, {code} its ASCII code."""
    noise: tuple[str, ...]
    """Unasked lines of this family that mean nothing for a call."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Power-on values that differ from the usual."""


SIM7600 = Personality(
    name="sim7600",
    vendor="simcom",
    manufacturer="SIMCOM INCORPORATED",
    model="SIMCOM_SIM7600E-H",
    revision="LE20B03SIM7600M22",
    revision_reply="+CGMR: LE20B03SIM7600M22",
    identification=(
        "Manufacturer: SIMCOM INCORPORATED",
        "Model: SIMCOM_SIM7600E-H",
        "Revision: SIM7600M22_V2.0.1",
        "IMEI: {imei}",
        "+GCAP: +CGSM,+FCLASS,+DS",
    ),
    boot_lines=("RDY", "+CPIN: READY", "SMS DONE", "PB DONE"),
    boot_s=12.0,
    call_news=(CallNews.VOICE_CALL, CallNews.CLCC),
    cause_as_text=True,
    own_hangup_result="NO CARRIER",
    audio_door=AudioDoor.IN_CALL,
    audio_ready_s=0.1,
    key_switch="+DDET",
    key_report="+RXDTMF: {key}",
    noise=("+CGEV: NW MODIFY 10,3", "+CSQ: 22,99", "+CNSMOD: 0,8"),
    settings={"+CMEE": "2", "+CVHU": "1", "+CSCS": '"IRA"'},
)
EC25 = Personality(
    name="ec25",
    vendor="quectel",
    manufacturer="Quectel",
    model="EC25",
    revision="EC25EFAR06A06M4G",
    revision_reply="EC25EFAR06A06M4G",
    identification=("Quectel", "EC25", "Revision: EC25EFAR06A06M4G"),
    boot_lines=("RDY", "+CFUN: 1", "+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE", "+QIND: PB DONE"),
    boot_s=10.0,
    call_news=(CallNews.CCINFO, CallNews.DSCI),
    alone_in_clcc=False,
    cause_as_text=False,
    ended_results={17: "BUSY"},
    audio_door=AudioDoor.ARMED,
    key_switch="+QTONEDET",
    key_report="+QTONEDET: {code}",
    noise=('+QIND: "csq",24,99', '+QIND: "act","FDD LTE"', "+CGEV: NW MODIFY 1,1"),
    settings={"+CMEE": "1", "+CVHU": "0", "+CSCS": '"GSM"'},
)
PERSONALITIES = {personality.name: personality for personality in (SIM7600, EC25)}
