"""A dumb terminal: lines of plain text that fit 80 columns, pages of 22 lines, questions with a deadline. No colours, no cursor."""

import os
import select
import sys
import termios
import time
import unicodedata
from collections.abc import Iterable

WIDTH, PAGE_LINES = 80, 22
IDLE_S = 600.0
MAX_ANSWER = 200
_INTERRUPT, _END = "\x03", "\x04"


class LeftError(Exception):
    """Nobody is there any more: the line was cut, or silent for too long."""


def width_of(text: str) -> int:
    """Return how many columns a text takes: wide characters take two (UAX #11)."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def fold(text: str, *, width: int = WIDTH, indent: str = "") -> list[str]:
    """Return a text as lines no wider than `width`, broken at spaces, or between wide characters; further lines indented."""
    lines: list[str] = []
    rest = printable(text)
    while width_of(rest) > width:
        taken, columns, space = 0, 0, 0
        for place, letter in enumerate(rest):
            columns += width_of(letter)
            if columns > width:
                break
            taken = place + 1
            if (letter == " " and place > len(indent)) or (place > len(indent) and width_of(letter) == 2):
                space = taken
        cut = space or taken
        lines.append(rest[:cut].rstrip())
        rest = indent + rest[cut:].lstrip()
    return [*lines, rest]


def pad(text: str, width: int) -> str:
    """Return a text filled up, or cut, to exactly so many columns."""
    shown = printable(text)
    while width_of(shown) > width:
        shown = shown[:-1]
    return shown + " " * (width - width_of(shown))


def printable(text: str) -> str:
    """Return a text without what would move a cursor or end a line: no answer of a modem drives this terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


class Terminal:
    """Reads and writes one terminal; a secret is not shown."""

    def __init__(
        self, *, fd_in: int | None = None, fd_out: int | None = None, idle_s: float = IDLE_S
    ) -> None:
        self._in = sys.stdin.fileno() if fd_in is None else fd_in
        self._out = sys.stdout.fileno() if fd_out is None else fd_out
        self._idle_s = idle_s

    def say(self, *lines: str) -> None:
        """Write lines, folded."""
        for line in lines:
            for part in fold(line, indent=" " * (len(line) - len(line.lstrip()))):
                self._write(part + "\r\n" if os.isatty(self._out) else part + "\n")

    def page(self, lines: Iterable[str], *, more: str) -> None:
        """Write many lines, a page at a time; at `more` Enter goes on, q ends."""
        shown = [
            part for line in lines for part in fold(line, indent=" " * (len(line) - len(line.lstrip()) + 2))
        ]
        for start in range(0, len(shown), PAGE_LINES):
            if start and self.ask(more).lower().startswith("q"):
                return
            self.say(*shown[start : start + PAGE_LINES])

    def ask(self, question: str) -> str:
        """Return one line, without spaces around it. Raises LeftError."""
        self._write(question)
        return self._line().strip()

    def ask_secret(self, question: str) -> str:
        """Return one line that the terminal does not show. Raises LeftError."""
        try:
            before = termios.tcgetattr(self._in)
        except termios.error:
            self._write(question)
            return self._line().strip()
        hidden = termios.tcgetattr(self._in)
        hidden[3] &= ~termios.ECHO
        termios.tcsetattr(self._in, termios.TCSADRAIN, hidden)
        try:
            self._write(question)  # only now: who types at once must not be shown either
            return self._line().strip()
        finally:
            termios.tcsetattr(self._in, termios.TCSADRAIN, before)
            self._write("\r\n")

    def _line(self) -> str:
        """Read up to a line's end, at most `MAX_ANSWER` characters; what is beyond is dropped."""
        got = bytearray()
        deadline_s = time.monotonic() + self._idle_s
        while True:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([self._in], [], [], left_s)[0]:
                raise LeftError("nobody typed for too long")
            try:
                byte = os.read(self._in, 1)
            except OSError as error:
                raise LeftError(str(error)) from None
            if not byte or byte == _END.encode():
                raise LeftError("the line was cut")
            if byte in {b"\n", b"\r"}:
                return got.decode("utf-8", "replace")
            if len(got) < MAX_ANSWER:
                got += byte

    def _write(self, text: str) -> None:
        body = text.encode("utf-8", "replace")
        while body:
            try:
                body = body[os.write(self._out, body) :]
            except OSError as error:
                raise LeftError(str(error)) from None
