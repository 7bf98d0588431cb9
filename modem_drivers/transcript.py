"""A field log of one call becomes a transcript that replays it to a driver: pure text in, text out.

A log line is ``<seconds> -> AT+CSQ``, ``<seconds> <- +CSQ: 20,99`` or ``<seconds> ! Released kind=busy``. In a transcript
``->`` waits for a command, ``=`` is the standing answer to one, ``<-`` is said, ``~`` lets time pass, ``@`` asks the test
to act and ``!`` is an event to expect. Numbers are masked and stand-ins put for them: no transcript names anybody.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from modem_drivers.errors import ModemError
from modem_drivers.events import CallProgress, Dtmf, Released
from modem_drivers.masking import mask_line

MIN_PAUSE_S = 0.05
_LINE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s+(->|<-|!)\s?(.*)")
_MASKED = re.compile(r"(\+?[0-9]{0,3})…([0-9]{0,2})")
_FINAL = re.compile(
    r"OK|ERROR|\+CM[ES] ERROR: ?.*|COMMAND NOT SUPPORT.*|NO CARRIER|BUSY|NO ANSWER|NO DIALTONE"
)
_CALL_ENDS = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE"})
_NAMED = re.compile(r"[+^*$%#!][A-Z0-9]+(?=:)")
_NO_LINE = re.compile(r"\([0-9]+ octets\)|>")
_HANG_UP = frozenset({"AT+CHUP", "ATH", "AT+QHUP"})
_OPEN_AUDIO = frozenset({"AT+CPCMREG=1", "AT^DDSETEX=2"})
_POLL = "AT+CLCC"
_N_DIGITS_NUMBER, _N_DIGITS_PLUS, _N_DIGITS_BARE = 11, 13, 15


class FieldLogError(ModemError):
    """The log cannot be read, or holds no call."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a field log."""

    at_s: float
    mark: str
    text: str


@dataclass(slots=True)
class _Exchange:
    command: str
    at_s: float
    answer: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Script:
    lines: list[str] = field(default_factory=list)
    standing: dict[str, list[str]] = field(default_factory=dict)
    clock_s: float = 0.0

    def answer(self, command: str, answer: list[str]) -> None:
        if self.standing.get(command) != answer:
            self.standing[command] = answer
            self.lines += [f"= {command}", *(f"<- {line}" for line in answer)]

    def pass_time(self, until_s: float) -> None:
        if until_s - self.clock_s >= MIN_PAUSE_S:
            self.lines.append(f"~ {until_s - self.clock_s:.2f}")
            self.clock_s = until_s


def format_log(traffic: Iterable[tuple[float, str, str]], events: Iterable[CallProgress] = ()) -> str:
    """Return `Modem.traffic`, and what the driver made of it, as a field log."""
    lines = [LogLine(at_s, mark, mask_line(text)) for at_s, mark, text in traffic]
    lines += [LogLine(event.at_s, "!", _event(event)) for event in events]
    lines.sort(key=lambda line: line.at_s)
    return "".join(f"{line.at_s:.3f} {line.mark} {line.text}\n" for line in lines)


def read_log(text: str) -> list[LogLine]:
    """Return the lines of a field log; blank ones and those with a # are skipped. Raises FieldLogError."""
    lines = []
    for n, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise FieldLogError(
                f"line {n} is none of a field log: seconds, then -> or <- or !, then the text"
            )
        lines.append(LogLine(float(match.group(1)), match.group(2), match.group(3).rstrip()))
    return lines


def to_transcript(log: list[LogLine], title: str) -> str:
    """Return the transcript of the first call in the log. Raises FieldLogError."""
    known = [
        LogLine(line.at_s, line.mark, text)
        for line in log
        if not _NO_LINE.fullmatch(text := _stand_in(line.text))
    ]
    dialled = next((n for n, line in enumerate(known) if _is_dial(line)), None)
    if dialled is None:
        raise FieldLogError("the log holds no call: no ATD was sent")
    number = known[dialled].text.removeprefix("ATD").rstrip(";")
    rest = known[dialled:]
    end = next((n for n, line in enumerate(rest) if n and _is_dial(line)), len(rest))
    events = [line.text for line in rest[:end] if line.mark == "!"]
    before, _ = _exchanges([line for line in known[:dialled] if line.mark != "!"])
    during, urcs = _exchanges([line for line in rest[:end] if line.mark != "!"])
    script = _Script(clock_s=rest[0].at_s)
    for exchange in before:
        script.answer(exchange.command, exchange.answer)
    for exchange in during:  # in force from the start, so that the first to ask gets it, however early
        if exchange.command not in script.standing and not _is_strict(exchange.command):
            script.answer(exchange.command, exchange.answer)
    _play(script, during, urcs)
    body = [f"# {title}", f"number: {number}", *script.lines, *(f"! {event}" for event in events)]
    return "\n".join(body) + "\n"


def _play(script: _Script, during: list[_Exchange], urcs: list[LogLine]) -> None:
    steps: list[_Exchange | LogLine] = sorted([*during, *urcs], key=lambda step: step.at_s)
    polled_at_s: float | None = None
    hung_up = opened = False
    for step in steps:
        match step:
            case LogLine():
                script.pass_time(step.at_s)
                script.lines.append(f"<- {step.text}")
                polled_at_s = None
            case _Exchange(command=command) if command == _POLL:
                # In force before the driver asks: since the news that led to it, or half-way since the last poll.
                if script.standing.get(_POLL) != step.answer and polled_at_s is not None:
                    script.pass_time((polled_at_s + step.at_s) / 2)
                script.answer(_POLL, step.answer)
                polled_at_s = step.at_s
            case _Exchange(command=command) if _is_strict(command):
                if command in _HANG_UP and not hung_up:
                    hung_up = True
                    script.pass_time(step.at_s)
                    script.lines.append("@ hang_up")
                elif command in _OPEN_AUDIO and not opened:
                    opened = True
                    script.pass_time(step.at_s)
                    script.lines.append("@ open_audio")
                script.lines += [f"-> {command}", *(f"<- {line}" for line in step.answer)]
                script.clock_s = step.at_s
            case _Exchange():
                script.answer(step.command, step.answer)


def _exchanges(lines: list[LogLine]) -> tuple[list[_Exchange], list[LogLine]]:
    """Return commands with their answers, and what came unasked."""
    exchanges: list[_Exchange] = []
    urcs: list[LogLine] = []
    current: _Exchange | None = None
    for line in lines:
        if line.mark == "->":
            current = _Exchange(line.text, line.at_s)
            exchanges.append(current)
        elif current is not None and _belongs(line.text, current.command):
            current.answer.append(line.text)
            if _FINAL.fullmatch(line.text):
                current = None
        else:
            urcs.append(line)
    if current is not None and not _is_strict(current.command):
        exchanges.remove(current)  # the log ends before its answer
    return exchanges, urcs


def _belongs(text: str, command: str) -> bool:
    if text in _CALL_ENDS:
        return _is_dial_text(command)
    named = _NAMED.match(text)
    if named is None or _FINAL.fullmatch(text):
        return bool(_FINAL.fullmatch(text)) or ("?" not in command and not _is_dial_text(command))
    return command.removeprefix("AT").startswith(named.group())


def _is_strict(command: str) -> bool:
    """Say whether the driver must send it at its very place: what decides the call, or is refused at first."""
    return _is_dial_text(command) or command in _HANG_UP | _OPEN_AUDIO


def _is_dial(line: LogLine) -> bool:
    return line.mark == "->" and _is_dial_text(line.text)


def _is_dial_text(text: str) -> bool:
    return text.startswith("ATD") and text.endswith(";")


def _stand_in(text: str) -> str:
    """Return the line with made-up digits where it is, or must be, masked."""
    return _MASKED.sub(lambda match: _digits(match, is_bare=match.group() == text), mask_line(text))


def _digits(match: re.Match[str], *, is_bare: bool) -> str:
    head, tail = match.groups()
    if not head:
        return "0000000"
    total = _N_DIGITS_PLUS if head.startswith("+") else _N_DIGITS_BARE if is_bare else _N_DIGITS_NUMBER
    return head + "0" * (total - len(head.removeprefix("+")) - len(tail)) + tail


def _event(event: CallProgress) -> str:
    match event:
        case Released():
            return (
                f"Released kind={event.kind} q850={event.q850} "
                f"saw_alerting={event.saw_alerting} saw_active={event.saw_active}"
            )
        case Dtmf(digit=digit):
            return f"Dtmf digit={digit}"
        case _:
            return type(event).__name__
