"""Every command by name: its arguments, typed, and how long it may take (pure)."""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from firmware.compliance.numbering import number_facts
from firmware.compliance.red_lines import number_problem
from firmware.values import E164
from modem_drivers.at.allow_list import check_ussd
from modem_drivers.errors import LocalProtocolError

Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class NoArguments(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


class DiagnosticsArguments(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How much of the log to send."""

    events: Annotated[int, msgspec.Meta(ge=0, le=200)] = 50


class UssdArguments(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which code to ask the operator of which line."""

    line: Name
    code: Annotated[str, msgspec.Meta(min_length=2, max_length=40)]


class TestCallArguments(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which of the box's test numbers to call, on which line."""

    line: Name
    number: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = None
    """None: the first test number of the box's own settings."""


class RebootArguments(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """When to restart the computer."""

    when: Literal["now", "when_idle"] = "now"
    """now is refused while a call is up; when_idle begins no further call and waits, until the command expires."""


class LogLevelArguments(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How much to write into the log, until the next start or configuration."""

    level: Literal["debug", "info", "warning"]


class UpdateArguments(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which release to become, and when."""

    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9][A-Za-z0-9_.!+]{0,40}$")]
    when: Literal["hours", "now"] = "hours"
    """hours: when the box's own settings allow it; either way when no call is up."""
    days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 7
    """Given up after so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What there is to know of a command before it is done."""

    arguments: type[msgspec.Struct]
    limit_s: float | None
    """None: until the command expires."""


COMMANDS = {
    "self-check": Kind(arguments=NoArguments, limit_s=120.0),
    "diagnostics": Kind(arguments=DiagnosticsArguments, limit_s=30.0),
    "ussd": Kind(arguments=UssdArguments, limit_s=120.0),
    "test-call": Kind(arguments=TestCallArguments, limit_s=300.0),
    "reboot": Kind(arguments=RebootArguments, limit_s=None),
    "log-level": Kind(arguments=LogLevelArguments, limit_s=5.0),
    "update": Kind(arguments=UpdateArguments, limit_s=10.0),
}


def read_arguments(name: str, arguments: bytes) -> msgspec.Struct:
    """Return a known command's arguments. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(arguments, type=COMMANDS[name].arguments)


def command_problem(name: str, arguments: bytes) -> tuple[str, str] | None:
    """Return (reason, what to do) of a command that no box does, None for one that it does."""
    if name not in COMMANDS:
        return "unknown_command", f"$.name: this box does {', '.join(COMMANDS)}"
    try:
        given = read_arguments(name, arguments)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        text = str(error)
        where = text.replace("`$", "`$.arguments") if "`$" in text else f"{text} - at `$.arguments`"
        return "bad_arguments", where
    match given:
        case UssdArguments():
            try:
                check_ussd(given.code)
            except LocalProtocolError as error:
                return "forbidden", f"$.arguments.code: {error}"
        case TestCallArguments() if given.number is not None:
            if problem := number_problem(number_facts(E164(given.number)), frozenset()):
                return "forbidden", f"$.arguments.number: {problem}"
    return None
