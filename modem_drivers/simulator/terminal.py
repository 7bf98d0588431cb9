"""The modem's side of the AT line: echo, editing, prompts, framing of answers (ITU-T V.250 §5.2, §5.7)."""

from dataclasses import dataclass

from modem_drivers.simulator.replies import NUMERIC_RESULTS

LINE_LIMIT = 1024
_CR, _LF, _BACKSPACE, _DELETE, _ESCAPE, _CTRL_Z = 13, 10, 8, 127, 27, 26


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """A whole line was typed; `body` is what stands after AT. None: it was too long."""

    body: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The text asked for by a prompt; None: the host cancelled with ESC."""

    text: bytes | None


class Terminal:
    """Takes what the host types, byte by byte, and frames what the modem says."""

    def __init__(self) -> None:
        self.echo = True
        self.verbose = True
        self.quiet = False
        self.wants_text = False
        """After a prompt: everything up to Ctrl-Z or ESC is text."""
        self._typed = bytearray()
        self._last_body = ""

    def reset(self) -> None:
        """Return to the state after power-on."""
        self.echo, self.verbose, self.quiet, self.wants_text = True, True, False, False
        self._typed.clear()

    def type(self, byte: int) -> tuple[bytes, CommandLine | Text | None]:
        """Take one byte; return its echo and what it completed, if anything."""
        if self.wants_text:
            return self._type_text(byte)
        echo = bytes([byte]) if self.echo else b""
        match byte:
            case _ if byte == _CR:
                return echo, self._end_line()
            case _ if byte in {_BACKSPACE, _DELETE}:
                if self._typed:
                    self._typed.pop()
                    return (b"\b \b" if self.echo else b""), None
                return b"", None
            case _ if byte == _ESCAPE:
                self._typed.clear()
                return b"", None
            case _ if byte < 32 or byte == _LF:
                return b"", None
        if len(self._typed) <= LINE_LIMIT:
            self._typed.append(byte)
        if bytes(self._typed).upper() == b"A/":
            self._typed.clear()
            return echo, CommandLine(body=self._last_body)
        return echo, None

    def information(self, lines: tuple[str, ...]) -> bytes:
        """Frame an information response."""
        if not lines:
            return b""
        text = "\r\n".join(lines) + "\r\n"
        return (("\r\n" if self.verbose else "") + text).encode()

    def result(self, code: str) -> bytes:
        """Frame a result code; nothing under ATQ1."""
        if self.quiet:
            return b""
        if self.verbose:
            return f"\r\n{code}\r\n".encode()
        return (NUMERIC_RESULTS.get(code, code) + "\r").encode()

    def _end_line(self) -> CommandLine | None:
        typed = self._typed.decode("latin-1")
        self._typed.clear()
        start = typed.upper().find("AT")
        if start < 0:
            return None  # a line that is no command line is not answered
        if len(typed) > LINE_LIMIT:
            return CommandLine(body=None)
        self._last_body = typed[start + 2 :]
        return CommandLine(body=self._last_body)

    def _type_text(self, byte: int) -> tuple[bytes, Text | None]:
        if byte in {_CTRL_Z, _ESCAPE}:
            self.wants_text = False
            text = bytes(self._typed) if byte == _CTRL_Z else None
            self._typed.clear()
            return b"", Text(text=text)
        if len(self._typed) < LINE_LIMIT:
            self._typed.append(byte)
        return (bytes([byte]) if self.echo else b""), None
