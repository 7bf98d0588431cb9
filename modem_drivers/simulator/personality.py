"""What differs between modem families, as data: one `Personality` each.

Sources: SIMCom SIM800, SIM7500/SIM7600 and A76xx, Quectel EC2x, Huawei MU509/ME909 and Wavecom AT command
manuals, and traffic of real units; what only one of these says is a value here, never a rule in the code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class CallNews(StrEnum):
    """A way in which a modem reports the progress of a call without being asked."""

    CLCC = "clcc"  # +CLCC lines, once AT+CLCC=1
    VOICE_CALL = "voice_call"  # VOICE CALL: BEGIN and END, always
    CCINFO = "ccinfo"  # +QIND: "ccinfo", once AT+QINDCFG="ccinfo",1
    DSCI = "dsci"  # ^DSCI, once AT^DSCI=1
    MO_RING = "mo_ring"  # MO RING and MO CONNECTED, once AT+MORING=1
    COLP = "colp"  # +COLP at the answer, asked for or not
    BEARER = "bearer"  # +CGEV lines of the bearer a VoLTE call rides on
    ORIG_TO_CEND = "orig_to_cend"  # ^ORIG, ^CONF, ^CONN and ^CEND, unless AT^CURC=0
    WIND = "wind"  # +WIND: 5, 2 and 6, as the bits of AT+WIND say
    HANGUP = "hangup"  # HANGUP: at the end of an answered call


class DialAnswer(StrEnum):
    """How a modem answers ATD."""

    AT_ONCE = "at_once"  # OK: the number was taken, no more
    OK_ON_ANSWER = "ok_on_answer"  # nothing until OK, BUSY…; any key gives the dial up (V.250 §6.3.1)
    CONNECT_ON_ANSWER = (
        "connect_on_answer"  # nothing; other commands are taken meanwhile, CONNECT comes later
    )


class CauseReport(StrEnum):
    """What AT+CEER says."""

    TEXT = "text"
    LOCATION_AND_NUMBER = "location_and_number"  # 5,17
    TEXT_OR_NUMBER = "text_or_number"  # a text, or Cause:17 once AT+CEER=1
    ERROR_NUMBER = "error_number"  # Error 17
    NOTHING = "nothing"  # that nothing is known, whatever happened


class ResultPlace(StrEnum):
    """Where the result code of an ended call stands among the lines that report its end."""

    LAST = "last"
    FIRST = "first"
    CHANGING = "changing"  # from one call to the next


class AudioDoor(StrEnum):
    """When a modem lets the host have a call's sound."""

    IN_CALL = "in_call"  # asked for in a connected call, closed by its end (AT+CPCMREG)
    ARMED = "armed"  # asked for before the call, open whenever there is one (AT+QPCMV)
    RINGING = "ringing"  # asked for once the far end rings or talks (AT^DDSETEX)
    NONE = "none"  # sound has wires of its own; none of it reaches the host


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
    dial_answer: DialAnswer = DialAnswer.AT_ONCE
    call_news: tuple[CallNews, ...]
    """In the order in which one change of state is reported."""
    release_news: tuple[CallNews, ...] = ()
    """The order at a release; empty: the other one in reverse."""
    clcc_tail: str = ""
    """What follows the number type in +CLCC, such as an empty name."""
    alone_in_clcc: bool = True
    """False: the LTE data bearer stands in +CLCC as a call in mode 1, and voice calls are numbered from 2."""
    cause_report: CauseReport
    ended_results: Mapping[int, str] = field(default_factory=dict)
    """Causes of unanswered calls reported by a result code of their own."""
    unanswered_result: str | None = "NO CARRIER"
    answered_result: str | None = "NO CARRIER"
    result_place: ResultPlace = ResultPlace.LAST
    own_hangup_result: str | None = None
    """What follows when the host hangs up itself."""
    missed_line: str | None = None
    """What follows a caller who gives up; {time} and {number} are filled in."""
    ring_every_s: float = 5.0
    audio_door: AudioDoor
    audio_ready_s: float = 0.0
    """How long after the answer the audio path can be opened at the earliest."""
    key_switch: str = ""
    """The setting that turns on reports of keys the far end presses; empty: it reports none."""
    key_report: str = ""
    """{key} is the key, {code} its ASCII code."""
    noise: tuple[str, ...]
    """Unasked lines of this family that mean nothing for a call."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Power-on values that differ from the usual."""
    lacks: frozenset[str] = frozenset()
    """Commands others of its vendor, or all others, know."""
    chatter: tuple[str, ...] = ()
    """Lines it says in turn of its own accord, every `chatter_every_s`, while its `chatter_switch` is on."""
    chatter_every_s: float = 0.0
    chatter_switch: str = ""
    access_technology: int | None = 7
    """As +COPS and +CREG count it, 7 is LTE; None: these do not tell, and cells have 16 bits."""
    clock_switch: str | None = None
    """The setting without which it does not take the network's time; None: it always does."""
    clock_line: str | None = None
    """How it tells the network's time unasked, once its clock switch is on."""
    texts_full_line: str | None = None
    """What it says when a text found no room."""
    packs_ussd: bool = False
    """USSD strings pass as hexadecimal 7-bit octets."""
    leaves_usb: bool = True
    """A reboot takes its ports away; they come back under other names."""


_SIMCOM_LTE_ONLY = frozenset(
    {
        *("+CPCMREG", "+CPCMFRM", "+CPCMBANDWIDTH", "+CNMP", "+CNSMOD", "+VOLTESETTING", "+UIMHOTSWAPON"),
        *("+CPSI", "+SIMCOMATI", "+CRESET", "+CICCID", "+CSUB", "+CSDVC", "+CEREG", "+SPIC"),
    }
)
_GSM_RESULTS = {17: "BUSY", 19: "NO ANSWER"}
SIM800 = Personality(
    name="sim800",
    vendor="simcom",
    manufacturer="SIMCOM_Ltd",
    model="SIMCOM_SIM800L",
    revision="1418B05SIM800L24",
    revision_reply="Revision:1418B05SIM800L24",
    identification=("SIM800 R14.18",),
    boot_lines=("RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"),
    boot_s=8.0,
    call_news=(CallNews.MO_RING, CallNews.CLCC),
    clcc_tail=',""',
    cause_report=CauseReport.TEXT_OR_NUMBER,
    ended_results=_GSM_RESULTS,
    audio_door=AudioDoor.NONE,
    key_switch="+DDET",
    key_report="+DTMF: {key}",
    noise=("UNDER-VOLTAGE WARNNING", '+CIEV: 10,"46000","CMCC","CMCC", 0, 0', "+CSQN: 18, 0"),
    settings={"+CMEE": "0", "+CVHU": "1", "+CSCS": '"IRA"'},
    lacks=_SIMCOM_LTE_ONLY,
    access_technology=None,
    clock_switch="+CLTS",
    clock_line='*PSUTTZ: {:%Y, %m, %d, %H, %M, %S},"{zone}", 0',
    texts_full_line="+SMSFULL: 2",
    leaves_usb=False,
)
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
    cause_report=CauseReport.TEXT,
    own_hangup_result="NO CARRIER",
    missed_line="MISSED_CALL: {time} {number}",
    audio_door=AudioDoor.IN_CALL,
    audio_ready_s=0.1,
    key_switch="+DDET",
    key_report="+RXDTMF: {key}",
    noise=("+CGEV: NW MODIFY 10,3", "+CSQ: 22,99", "+CNSMOD: 0,8"),
    settings={"+CMEE": "2", "+CVHU": "1", "+CSCS": '"IRA"'},
    lacks=frozenset({"+MORING", "+CLTS", "+CCID"}),
    clock_switch="+CTZU",
    texts_full_line="+SMS FULL",
)
A7670 = Personality(
    name="a7670",
    vendor="simcom",
    manufacturer="INCORPORATED",
    model="A7670E-FASE",
    revision="A011B11A7670M7",
    revision_reply="+CGMR: A011B11A7670M7",
    identification=(
        "Manufacturer: INCORPORATED",
        "Model: A7670E-FASE",
        "Revision: A011B11A7670M7",
        "IMEI: {imei}",
        "+GCAP: +CGSM,+FCLASS,+DS",
    ),
    boot_lines=("*ATREADY: 1", "+CPIN: READY", "SMS DONE", "+CGEV: EPS PDN ACT 1", "PB DONE"),
    boot_s=11.0,
    call_news=(CallNews.BEARER, CallNews.VOICE_CALL, CallNews.CLCC, CallNews.COLP),
    release_news=(CallNews.BEARER, CallNews.CLCC, CallNews.VOICE_CALL),
    clcc_tail=',""',
    cause_report=CauseReport.NOTHING,
    ended_results={17: "BUSY"},
    result_place=ResultPlace.CHANGING,
    own_hangup_result="NO CARRIER",
    missed_line="MISSED_CALL: {time} {number}",
    audio_door=AudioDoor.NONE,
    key_switch="+DDET",
    key_report="+RXDTMF: {key}",
    noise=("+CGEV: NW MODIFY 10,3", "+CGEV: ME PDN ACT 8", "+CSQ: 22,99"),
    settings={"+CMEE": "2", "+CSCS": '"IRA"'},
    lacks=frozenset({"+MORING", "+CLTS", "+CCID", "+CPCMREG", "+CPCMFRM", "+CPCMBANDWIDTH"}),
    clock_switch="+CTZU",
    texts_full_line="+SMS FULL",
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
    cause_report=CauseReport.LOCATION_AND_NUMBER,
    ended_results={17: "BUSY"},
    audio_door=AudioDoor.ARMED,
    key_switch="+QTONEDET",
    key_report="+QTONEDET: {code}",
    noise=('+QIND: "csq",24,99', '+QIND: "act","FDD LTE"', "+CGEV: NW MODIFY 1,1"),
    settings={"+CMEE": "1", "+CVHU": "0", "+CSCS": '"GSM"'},
    texts_full_line='+QIND: "smsfull","SM"',
)
EC25_DSCI = replace(
    EC25,
    name="ec25-dsci",
    revision="EC25EFAR02A09M4G",
    revision_reply="EC25EFAR02A09M4G",
    identification=("Quectel", "EC25", "Revision: EC25EFAR02A09M4G"),
    call_news=(CallNews.DSCI,),
    alone_in_clcc=True,
    lacks=frozenset({"+QINDCFG/ccinfo"}),
)
"""Older firmware: no ccinfo, so ^DSCI is all it says of a call."""
HUAWEI = Personality(
    name="huawei",
    vendor="huawei",
    manufacturer="huawei",
    model="E1550",
    revision="11.608.14.15.311",
    revision_reply="11.608.14.15.311",
    identification=(
        "Manufacturer: huawei",
        "Model: E1550",
        "Revision: 11.608.14.15.311",
        "IMEI: {imei}",
        "+GCAP: +CGSM,+DS,+ES",
    ),
    boot_lines=("^SYSSTART", "^SIMST:1", "^SRVST:2", "^RSSI:18"),
    boot_s=9.0,
    call_news=(CallNews.ORIG_TO_CEND,),
    cause_report=CauseReport.NOTHING,
    unanswered_result=None,
    answered_result=None,
    audio_door=AudioDoor.RINGING,
    noise=("^RSSI:18", "^BOOT:34218743,0,0,0,6", "^MODE:5,4", '^HCSQ:"WCDMA",54,52,62'),
    chatter=("^RSSI:15", "^RSSI:17", "^BOOT:34218743,0,0,0,6", "^RSSI:15"),
    chatter_every_s=4.0,
    chatter_switch="^CURC",
    settings={"+CMEE": "0", "+CSCS": '"IRA"'},
    lacks=frozenset({"+CEER", "+VTS", "+CEREG", "+CVHU"}),
    access_technology=2,
    texts_full_line='^SMMEMFULL: "SM"',
    packs_ussd=True,
)
WAVECOM = Personality(
    name="wavecom",
    vendor="wavecom",
    manufacturer=" WAVECOM MODEM",
    model=" MULTIBAND  900E  1800",
    revision="651_09gg.Q2403A 1320676 061804 14:38",
    revision_reply="651_09gg.Q2403A 1320676 061804 14:38",
    identification=(" WAVECOM MODEM", " MULTIBAND  900E  1800"),
    boot_lines=("+WIND: 3", "+WIND: 4"),
    boot_s=6.0,
    dial_answer=DialAnswer.OK_ON_ANSWER,
    call_news=(CallNews.WIND,),
    cause_report=CauseReport.ERROR_NUMBER,
    ended_results=_GSM_RESULTS,
    result_place=ResultPlace.FIRST,
    audio_door=AudioDoor.NONE,
    noise=("+WIND: 4", "+WIND: 10", "+CSQ: 20,0"),
    settings={"+CMEE": "0"},
    lacks=frozenset({"+CEREG", "+CVHU"}),
    access_technology=None,
    leaves_usb=False,
)
ZTE = Personality(
    name="zte",
    vendor="zte",
    manufacturer="ZTE INCORPORATED",
    model="K3565-Z",
    revision="BD_VDFP673A4V1.0.0B02",
    revision_reply="BD_VDFP673A4V1.0.0B02",
    identification=(
        "Manufacturer: ZTE INCORPORATED",
        "Model: K3565-Z",
        "Revision: BD_VDFP673A4V1.0.0B02",
        "IMEI: {imei}",
        "+GCAP: +CGSM,+DS,+ES",
    ),
    boot_lines=("+ZUSIMR:2", '+ZPASR: "UMTS"', '+ZDONR: "CMCC",460,0,"CS_PS","ROAM_OFF"'),
    boot_s=9.0,
    dial_answer=DialAnswer.CONNECT_ON_ANSWER,
    call_news=(CallNews.HANGUP,),
    cause_report=CauseReport.TEXT,
    ended_results={17: "BUSY", 19: "NO ANSWER", 21: "OK"},
    answered_result=None,
    audio_door=AudioDoor.NONE,
    noise=("+ZUSIMR:2", '+ZPASR: "UMTS"', "+CREG: 1"),
    settings={"+CMEE": "0"},
    lacks=frozenset({"+CEREG", "+CVHU"}),
    access_technology=2,
)
PERSONALITIES = {
    personality.name: personality
    for personality in (SIM800, SIM7600, A7670, EC25, EC25_DSCI, HUAWEI, WAVECOM, ZTE)
}
