"""The grammar of an AT command line (ITU-T V.250 §5.2-5.4): what stands between `AT` and CR."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from modem_drivers.simulator.errors import SimulatorError

_EXTENDED = re.compile(r"[+*^$#!%\\][A-Z0-9!%\-./:_]+", re.IGNORECASE)
_BASIC = re.compile(r"(&?[A-Z])([0-9]*)", re.IGNORECASE)
_REGISTER = re.compile(r"S([0-9]+)(?:(\?)|=([0-9]*))?", re.IGNORECASE)
_VALUE = re.compile(r'(?:"[^"]*"|[^";])*')


class NotACommandError(SimulatorError):
    """The rest of the line follows no rule of the grammar."""


class Form(StrEnum):
    """How a command is used."""

    EXECUTE = "execute"
    READ = "read"
    TEST = "test"
    SET = "set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a line."""

    name: str
    """Upper case with its sign: `+CSQ`, `E`, `&W`, `S0`."""
    form: Form
    value: str = ""

    @property
    def values(self) -> list[str]:
        """The parameters, without quotes; a parameter left out is empty."""
        parts, quoted = [""], False
        for character in self.value:
            quoted ^= character == '"'
            if character == "," and not quoted:
                parts.append("")
            elif character != '"':
                parts[-1] += character
        return [part.strip() for part in parts]


def commands(body: str) -> Iterator[Command]:
    """Yield commands one by one, so that those before a mistake are carried out. Raises NotACommandError."""
    at = 0
    while at < len(body):
        if body[at] in " ;":
            at += 1
            continue
        command, at = _next(body, at)
        yield command


def _next(body: str, at: int) -> tuple[Command, int]:
    if body[at] in "dD":  # a dial string runs to its semicolon or to the end of the line
        end = body.find(";", at)
        end = len(body) if end < 0 else end + 1
        return Command(name="D", form=Form.EXECUTE, value=body[at + 1 : end].strip()), end
    if found := _EXTENDED.match(body, at):
        return _extended(body, found)
    if found := _REGISTER.match(body, at):
        form = Form.READ if found[2] else Form.SET if found[3] is not None else Form.EXECUTE
        return Command(name=f"S{int(found[1])}", form=form, value=found[3] or ""), found.end()
    if found := _BASIC.match(body, at):
        name, at = found[1].upper(), found.end()
        if body[at : at + 1] in {"?", "="}:
            raise NotACommandError(name)
        return Command(name=name, form=Form.EXECUTE, value=found[2]), at
    raise NotACommandError(body[at])


def _extended(body: str, found: re.Match[str]) -> tuple[Command, int]:
    name, at = found[0].upper(), found.end()
    form, value = Form.EXECUTE, ""
    if body.startswith("=?", at):
        form, at = Form.TEST, at + 2
    elif body.startswith("?", at):
        form, at = Form.READ, at + 1
    elif body.startswith("=", at):
        matched = _VALUE.match(body, at + 1)
        assert matched is not None  # the pattern matches nothing too
        form, value, at = Form.SET, matched[0].strip(), matched.end()
    while body[at : at + 1] == " ":
        at += 1
    if at < len(body) and body[at] != ";":
        raise NotACommandError(name)
    return Command(name=name, form=form, value=value), at
