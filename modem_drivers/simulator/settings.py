"""Values a host can set and read back: most of an AT command set is nothing else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from modem_drivers.simulator.command_line import Command, Form
from modem_drivers.simulator.replies import BAD_PARAMETER, OK, RefusedError, Reply, information


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One settable value."""

    usual: str
    """The value after power-on."""
    range: str | None
    """What the test command answers; None: nothing but OK."""
    accepts: str
    """Regular expression a new value matches as a whole."""
    tail: str = ""
    """What follows the value when it is read."""
    executed: str | None = None
    """The value the bare command sets; None: the bare command is refused."""


def _switch(usual: str = "0", last: int = 1, **more: str) -> Setting:
    return Setting(usual=usual, range=f"(0-{last})" if last > 1 else "(0,1)", accepts=f"[0-{last}]", **more)


_COMMON = {
    "+CMEE": _switch(last=2),
    "+CLIP": _switch(tail=",1"),
    "+CLIR": _switch(last=2, tail=",0"),
    "+COLP": _switch(tail=",1"),
    "+CRC": _switch(),
    "+CR": _switch(),
    "+CVHU": _switch(),
    "+CMUT": _switch(),
    "+CTZR": _switch(),
    "+CTZU": _switch(),
    "+CUSD": Setting(usual="0", range="(0-2)", accepts="[0-2]", executed="0"),
    "+CLVL": _switch("3", 5),
    "+CRSL": _switch("3", 5),
    "+CSSN": Setting(usual="0,0", range="(0,1),(0,1)", accepts="[01](,[01])?"),
    "+CCWA": Setting(usual="0", range="(0,1)", accepts="[01]?(,[0-2](,[0-9]+)?)?"),
    "+CSTA": Setting(usual="129", range="(129,145,161)", accepts="129|145|161"),
    "+CMOD": _switch(last=3),
    "+CBST": Setting(usual="7,0,1", range="(0,7,12,14,16,17),(0),(0-3)", accepts="[0-9]+(,[0-9]+){0,2}"),
    "+CSCS": Setting(usual='"GSM"', range='("GSM","IRA","UCS2")', accepts='"(GSM|IRA|UCS2)"'),
    "+CGATT": _switch("1"),
    "+CGEREP": Setting(usual="0,0", range="(0-2),(0,1)", accepts="[0-2](,[01])?"),
    "+CGDCONT": Setting(
        usual='1,"IP","cmnet","0.0.0.0",0,0', range="(1-24)", accepts='[0-9]+(,("[^"]*"|[0-9]*))*'
    ),
    "+CTZE": _switch(),
    "+IPR": Setting(usual="115200", range="(),(9600,19200,38400,57600,115200,921600)", accepts="[0-9]+"),
    "+ICF": Setting(usual="3,3", range="(1-6),(0-3)", accepts="[1-6](,[0-3])?"),
    "+IFC": Setting(usual="0,0", range="(0-3),(0-2)", accepts="[0-3](,[0-2])?"),
    "+VTD": Setting(usual="1", range="(0-255)", accepts="[0-9]{1,3}"),
    "+CMGF": _switch(),
    "+CSDH": _switch(),
    "+CSMP": Setting(usual="17,167,0,0", range=None, accepts="[0-9]*(,[0-9]*){0,3}"),
    "+CNMI": Setting(
        usual="2,1,0,0,0", range="(0-2),(0-3),(0-3),(0-2),(0,1)", accepts="[0-3]?(,[0-3]?){0,4}"
    ),
    "+CSCA": Setting(usual='"+8613800100500",145', range=None, accepts='"[+0-9]+"(,[0-9]+)?'),
    "+CSCB": Setting(usual='0,"",""', range="(0,1)", accepts='[01](,"[^"]*"){0,2}'),
    "+CMMS": _switch(last=2),
    "+CREG": _switch(last=2),
    "+CGREG": _switch(last=2),
    "+CEREG": _switch(last=2),
    "S0": Setting(usual="000", range=None, accepts="[0-9]{1,3}"),
    **{f"S{n}": Setting(usual=usual, range=None, accepts="[0-9]{1,3}") for n, usual in
       ((3, "013"), (4, "010"), (5, "008"), (6, "002"), (7, "060"), (8, "002"), (10, "015"))},
}  # fmt: skip
_OF_VENDOR = {
    "simcom": {
        "+CLCC": _switch(),
        "+DDET": Setting(usual="0,0,0,0", range="(0,1),(0-10000),(0,1),(0,1)", accepts="[01](,[0-9]+){0,3}"),
        "+CPCMFRM": Setting(usual="0", range="(0)", accepts="0"),
        "+CPCMBANDWIDTH": Setting(usual="1,1", range="(0-2),(1-2)", accepts="[0-2],[12]"),
        "+CNMP": Setting(usual="2", range="(2,13,14,19,22,38,39,48,51,54,59,60,63,67)", accepts="[0-9]{1,2}"),
        "+CSDVC": Setting(usual="1", range="(1,3)", accepts="[13]"),
        "+CNSMOD": Setting(usual="0", range="(0,1)", accepts="[01]", tail=",8"),
        "+VOLTESETTING": _switch("1"),
        "+UIMHOTSWAPON": _switch("1"),
        "+CMICGAIN": _switch("3", 8),
        "+COUTGAIN": _switch("4", 8),
        "+CECH": Setting(usual="0x0000", range="(0x0000-0xFFFF)", accepts="0x[0-9A-Fa-f]{4}"),
        "+AUTOCSQ": Setting(usual="0,0", range="(0,1),(0,1)", accepts="[01](,[01])?"),
        "+CSCLK": _switch(),
        "+MORING": _switch(),
        "+CLTS": _switch(),
        "+CIURC": _switch("1"),
    },
    "quectel": {
        "^DSCI": _switch(),
        "+QTONEDET": _switch(),
        "+QAUDMOD": _switch("3", 5),
        "+QLDTMF": Setting(usual="", range=None, accepts='[0-9]+(,".*")?(,[01])?'),
        "+QSIMDET": Setting(usual="0,0", range="(0,1),(0,1)", accepts="[01],[01]"),
        "+QSIMSTAT": Setting(usual="0", range="(0,1)", accepts="[01]", tail=",1"),
        "+QSCLK": _switch(),
        "+QMIC": Setting(usual="20577,20577", range="(0-65535),(0-65535)", accepts="[0-9]+(,[0-9]+)?"),
        "+QRXGAIN": Setting(usual="8192", range="(0-65535)", accepts="[0-9]+"),
        "+QSIDET": Setting(usual="128", range="(0-65535)", accepts="[0-9]+"),
        "+QEEC": Setting(usual="0", range=None, accepts=".*"),
    },
    "huawei": {
        "^CURC": _switch("1"),
        "^U2DIAG": Setting(usual="0", range="(0,1,6,255,256,276)", accepts="[0-9]{1,3}"),
        "^SYSCFG": Setting(
            usual="2,2,3FFFFFFF,1,2",
            range='(2,13,14,16),(0-3),((2000000400380,"GSM900")),(0-2),(0-4)',
            accepts="[0-9]{1,2}(,[0-9A-Fa-f]+){0,4}",
        ),
        "^PORTSEL": _switch("1"),
    },
    "wavecom": {
        "+WIND": Setting(usual="50", range="(0-255)", accepts="[0-9]{1,3}"),
        "+WIPC": _switch(),
        "+SPEAKER": _switch(last=5),
        "+VGT": Setting(usual="48", range="(0-255)", accepts="[0-9]{1,3}"),
    },
    "zte": {
        "+ZOPRT": Setting(usual="5", range="(0-6)", accepts="[0-6]"),
        "+ZSNT": Setting(usual="0,0,0", range="(0-2),(0,1),(0-3)", accepts="[0-2],[01],[0-3]"),
    },
}


class Settings:
    """The settable values of one modem."""

    def __init__(self, vendor: str, special: Mapping[str, str], lacks: frozenset[str] = frozenset()) -> None:
        known = {**_COMMON, **_OF_VENDOR[vendor]}
        self._known = {name: setting for name, setting in known.items() if name not in lacks}
        self._special = special
        self._values: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        """Return to the values after power-on."""
        self._values = {name: setting.usual for name, setting in self._known.items()} | dict(self._special)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def is_on(self, name: str) -> bool:
        """Whether the first parameter of a setting this modem may have is not 0."""
        return self._values.get(name, "0").split(",")[0] not in {"", "0"}

    def set(self, name: str, value: str) -> None:
        """Give a known setting a value some other command has checked."""
        self._values[name] = value

    def use(self, command: Command) -> Reply:
        """Carry out a command on a known setting. Raises RefusedError."""
        name, setting = command.name, self._known[command.name]
        is_register = name.startswith("S")
        match command.form:
            case Form.TEST:
                return OK if setting.range is None else information(f"{name}: {setting.range}")
            case Form.READ:
                return information(
                    self._values[name] if is_register else f"{name}: {self._values[name]}{setting.tail}"
                )
            case Form.EXECUTE:
                if setting.executed is None and not is_register:
                    raise RefusedError
                return OK
            case Form.SET:
                if not re.fullmatch(setting.accepts, command.value):
                    raise RefusedError(BAD_PARAMETER)
                self._values[name] = f"{int(command.value):03d}" if is_register else command.value
        return OK
