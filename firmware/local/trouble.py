"""From what the parts say to codes that can be said in any language (pure)."""

from collections.abc import Sequence

from firmware.calls.desk import CLOSED
from firmware.calls.outcome import FLAGS
from firmware.calls.scheduler import HELD
from firmware.lines.line import LineReport, LineStatus
from firmware.local.facts import OLD_AFTER_S, Alarm, LineFacts, MachineFacts, UplinkFacts
from firmware.values import Disposition

_WEAKEST_DBM, _BAR_DBM = -109, 8

_BY_WORDS = (
    # What a line's own words hold, and what that is called; the first that fits. Tests hold the words to the lines'.
    ("PUK", "puk"),
    ("SIM ", "sim"),
    ("sound", "sound"),
    ("call audio", "sound"),
)
_DIALLING = {
    "yes": "yes",
    "starting": "starting",
    "stopping": "stopping",
    "stopped by the console": "stopped",
    CLOSED: "closed",
}
_DIALLING_BY_START = (
    (HELD, "held"),
    ("the database", "database"),
    ("the disk", "disk"),
    ("the gate failed", "gate"),
    ("clock:", "clock"),
    ("suppression-lease:", "lease"),
    ("pack-", "rules"),
    ("audit:", "audit"),
)
_MACHINES = {
    Disposition.MACHINE_NO_MESSAGE,
    Disposition.MACHINE_LEFT_MESSAGE,
    Disposition.FAX,
    Disposition.SCREENING_ASSISTANT,
}
_NUMBERS = {
    Disposition.VACANT_NUMBER,
    Disposition.SUSPENDED_NUMBER,
    Disposition.CALL_RESTRICTED,
    Disposition.FORWARDED,
}
_FAULTS = {
    Disposition.TECHNICAL_FAILURE,
    Disposition.CONGESTION,
    Disposition.CANCELLED,
    Disposition.RECALLED,
    Disposition.BLOCKED,
}
GROUPS = ("right_party", "other_person", "machine", "no_answer", "bad_number", "not_made")
"""In the order in which an office wants to read them."""
_ALARMS_OF_DIALLING = {
    # Why nothing is dialled, and whether somebody here has to act.
    "stopped": False,
    "database": True,
    "disk": True,
    "gate": True,
    "clock": False,
    "lease": False,
    "rules": True,
    "audit": True,
    "unfit": True,
}

_RAISED = {
    # Alarms of the machine's health that nothing else here tells of, and whether somebody here has to act.
    "too_hot": True,
    "under_voltage": True,
    "memory_low": False,
    "card_worn": False,
    "certificate_ending": False,
    "line_unsteady": False,
}


def bars_of(rssi_dbm: int | None) -> int | None:
    """Return a signal as bars, 0 to 4: -109 dBm and less is none, -77 dBm and more is four (+CSQ: 27.007 §8.5)."""
    if rssi_dbm is None:
        return None
    return min(max((rssi_dbm - _WEAKEST_DBM) // _BAR_DBM, 0), 4)


def trouble_of(report: LineReport) -> str:
    """Return what is wrong with a line, empty when nothing is."""
    if report.status in {LineStatus.READY, LineStatus.IN_CALL}:
        return ""
    if report.asks_pin:
        return "pin"
    if report.treatment == "dead":
        return "dead"
    match report.status:
        case LineStatus.ABSENT:
            return "absent"
        case LineStatus.SEARCHING:
            return "network"
        case LineStatus.STARTING:
            return "starting"
        case _:
            return next((code for words, code in _BY_WORDS if words in report.detail), "unwell")


def dialling_code(dialling: str) -> str:
    """Return why the box does not dial, ``yes`` when it does."""
    if code := _DIALLING.get(dialling):
        return code
    return next((code for start, code in _DIALLING_BY_START if dialling.startswith(start)), "unfit")


def standing(dialling: str, lines: Sequence[LineFacts], *, clock_trusted: bool) -> str:
    """Return the code that is true of the box as a whole: the scheduler speaks only of what it was asked to call."""
    code = dialling_code(dialling)
    if code == "yes" and not clock_trusted:
        return "clock"
    return "no_line" if code == "yes" and all(line.trouble for line in lines) else code


def group_of(disposition: Disposition) -> str:
    """Return how an office sees what came of a call: one of `GROUPS`."""
    flags = FLAGS[disposition]
    if flags.right_party:
        return "right_party"
    if flags.reached:
        return "other_person"
    if disposition in _MACHINES:
        return "machine"
    if disposition in _NUMBERS:
        return "bad_number"
    return "not_made" if disposition in _FAULTS else "no_answer"


def alarms_of(
    *,
    dialling: str,
    dialling_detail: str,
    clock_trusted: bool,
    clock: str,
    lines: Sequence[LineFacts],
    uplink: UplinkFacts,
    machine: MachineFacts,
    faults: Sequence[tuple[str, str]],
    raised: Sequence[str] = (),
) -> list[Alarm]:
    """Return what somebody should see to, the most urgent first.

    `faults` are code and detail of the box's own parts; `raised` is what firmware.host.alarms has raised and not yet cleared.
    """
    found = [Alarm(code=code, detail=detail) for code, detail in faults]
    if dialling in _ALARMS_OF_DIALLING and dialling not in {code for code, _ in faults}:
        found.append(Alarm(code=dialling, detail=dialling_detail, urgent=_ALARMS_OF_DIALLING[dialling]))
    if not clock_trusted and clock and dialling != "clock":
        found.append(Alarm(code="clock", detail=clock, urgent=False))
    if not lines:
        found.append(Alarm(code="no_lines"))
    found += [
        Alarm(
            code=f"line_{line.trouble}",
            line=line.name or line.line,
            detail=line.detail,
            urgent=line.trouble != "starting",
        )
        for line in lines
        if line.trouble
    ]
    if not uplink.connected:
        found.append(Alarm(code="console_away", urgent=uplink.oldest_s > OLD_AFTER_S))
    elif uplink.oldest_s > OLD_AFTER_S:
        found.append(Alarm(code="uplink_old"))
    if machine.disk_room == "low":
        found.append(Alarm(code="disk_low", urgent=False))
    if machine.disk_room == "scarce" and dialling != "disk":
        found.append(Alarm(code="disk"))
    names = {line.line: line.name or line.line for line in lines}
    for alarm in raised:
        name, _, line = alarm.partition(":")
        if name in _RAISED:
            found.append(Alarm(code=name, line=names.get(line, line), urgent=_RAISED[name]))
    return sorted(found, key=lambda alarm: not alarm.urgent)


def verdict_of(dialling: str, lines: Sequence[LineFacts], alarms: Sequence[Alarm]) -> str:
    """Return the one word that the office reads first."""
    if any(alarm.urgent for alarm in alarms):
        return "attention"
    if dialling == "yes" and any(not line.trouble for line in lines):
        return "working"
    return "waiting"
