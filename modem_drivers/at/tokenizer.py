"""Modem bytes in, tokens out; tokens never depend on how the bytes were sliced."""

import re
from dataclasses import dataclass
from typing import TypeAlias

MAX_LINE_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Line:
    """A line that ends nothing by itself: information response, URC, echo, NO CARRIER, BUSY."""

    text: str


@dataclass(frozen=True, slots=True)
class Final:
    """A final result code that ends any command: OK, ERROR, +CME ERROR, +CMS ERROR and their like."""

    text: str

    @property
    def is_ok(self) -> bool:
        """Say whether the command succeeded."""
        return self.text == "OK"

    @property
    def code(self) -> int | None:
        """Return the number of a +CME or +CMS error, None if it has none."""
        head, _, number = self.text.rpartition(" ")
        return int(number) if head.endswith("ERROR:") and number.isdecimal() and number.isascii() else None


@dataclass(frozen=True, slots=True)
class Overlong:
    """A line longer than any modem's: not AT traffic, or a line break lost in a burst."""

    n_bytes: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """`>`: the modem waits for the text of a message."""


Token: TypeAlias = Line | Final | Overlong | Prompt

# NULs and 0xFF are what a UART shows while a modem powers up; ESC and Ctrl-Z are echoes of ours.
_NOISE = "\x00\xff\x1b\x1a \t"
_LINE_END = re.compile(rb"[\r\n]")
_FINAL = re.compile(r"OK|ERROR|ABORTED|\+CM[ES] ERROR: ?.*|COMMAND NOT SUPPORT.*|TOO MANY PARAMETERS")
# A whole line with the next one glued to its end, as in "ERROR+CNUM: ..." of Huawei sticks.
_GLUED_HEAD = re.compile(
    r"(OK|ERROR|\+CM[ES] ERROR: ?[0-9]{1,3}|NO CARRIER|NO ANSWER|BUSY|RING|VOICE CALL: (?:BEGIN|END))"
    r"(?=[+^][A-Z]|VOICE CALL: |NO CARRIER|NO ANSWER|BUSY|OK$|RING$)"
)
# A line glued to the end of another: SIM800's `+CLCC: ...,""NO CARRIER`. Only after a digit or a quote, and
# (checked below) only outside quotes, so that text in a value or a cause ("+CEER: NO CARRIER") stays whole.
_GLUED_TAIL = re.compile(
    r"(?<=[0-9\"])(?=(?:NO CARRIER|NO ANSWER|NO DIALTONE|BUSY|OK|ERROR|RING)(?:$|[+^V])"
    r"|VOICE CALL: |\+[A-Z]{3,}: |\^[A-Z]{4,}: ?)"
)


class AtTokenizer:
    """Cut one modem's byte stream into tokens."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._discarded = 0
        self._expects_prompt = False

    def expect_prompt(self) -> None:
        """Take the next `>` at the start of a line for a prompt, which no line break ends."""
        self._expects_prompt = True

    def feed(self, data: bytes) -> list[Token]:
        """Return the tokens that `data` completes."""
        tokens: list[Token] = []
        *ended, rest = _LINE_END.split(data)
        for piece in ended:
            self._keep(piece)
            if self._expects_prompt:
                tokens += self._prompt()
            if self._discarded:
                tokens.append(Overlong(self._discarded))
            else:
                tokens += [_classify(part) for part in _unglue(_text(self._pending))]
            self._pending.clear()
            self._discarded = 0
        self._keep(rest)
        if self._expects_prompt:
            tokens += self._prompt()
        return tokens

    def _prompt(self) -> list[Token]:
        if self._pending.lstrip(_NOISE.encode("latin-1"))[:1] != b">":
            return []
        del self._pending[: self._pending.index(b">") + 1]
        self._expects_prompt = False
        return [Prompt()]

    def _keep(self, piece: bytes) -> None:
        if self._discarded:
            self._discarded += len(piece)
        elif len(self._pending) + len(piece) > MAX_LINE_BYTES:
            self._discarded = len(self._pending) + len(piece)
            self._pending.clear()
        else:
            self._pending += piece


def _text(line: bytes | bytearray) -> str:
    return line.decode("latin-1").strip(_NOISE)


def _unglue(text: str) -> list[str]:
    parts: list[str] = []
    while head := _GLUED_HEAD.match(text):
        parts.append(head.group())
        text = text[head.end() :]
    if text[:1] in {"+", "^", "V"}:
        start = 0
        for match in _GLUED_TAIL.finditer(text):
            # An odd number of quotes before it: the mark stands inside a quoted value.
            if text.count('"', start, match.start()) % 2 == 0:
                parts += _unglue(text[start : match.start()])
                start = match.start()
        if start:
            return parts + _unglue(text[start:])
    if text:
        parts.append(text)
    return parts


def _classify(text: str) -> Token:
    # NO CARRIER and BUSY stay Lines: they end ATD, but are call events at any other time.
    return Final(text) if _FINAL.fullmatch(text) else Line(text)
