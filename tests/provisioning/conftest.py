"""A box as the console issued it, and a terminal of 80 columns and 24 lines before it."""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pexpect
import pyte
import pytest

from console.authority import init_office, issue_box
from firmware.settings import Settings, load_settings
from provisioning.selfcheck import pin_file

PIN = "482915"
ROOT = Path(__file__).resolve().parents[2]


CONSOLE = (sys.executable, "-m", "firmware.cli", "technician")


class Screen:
    """`branchline technician` on a PTY behind a terminal emulator."""

    def __init__(
        self, *arguments: str, command: Sequence[str] = CONSOLE, columns: int = 80, lines: int = 24
    ) -> None:
        self._screen = pyte.HistoryScreen(columns, lines, history=1000)
        self._stream = pyte.ByteStream(self._screen)
        self.n_bytes = 0
        self.child = pexpect.spawn(
            command[0],
            [*command[1:], *arguments],
            cwd=str(ROOT),
            dimensions=(lines, columns),
            timeout=60,
        )
        self.child.delaybeforesend = None

    def until(self, text: str) -> str:
        """Wait for a text, return what the screen shows then."""
        self.child.expect_exact(text.encode())
        before, after = self.child.before, self.child.after
        assert isinstance(before, bytes)
        assert isinstance(after, bytes)
        sent = before + after
        self.n_bytes += len(sent)
        self._stream.feed(sent)
        return self.text

    def type(self, text: str) -> None:
        self.child.send((text + "\r").encode())

    def log_in(self, language: str, *, prompt: str) -> str:
        self.until("2 中文 > ")
        self.type(language)
        self.until("PIN: ")
        self.type(PIN)
        return self.until(prompt)

    @property
    def text(self) -> str:
        """What the emulator shows, without the second halves of wide characters."""
        rows = []
        for row in range(self._screen.lines):
            cells = self._screen.buffer[row]
            rows.append("".join(cells[column].data for column in range(self._screen.columns)).rstrip())
        return "\n".join(rows)

    def close(self) -> None:
        self.child.close(force=True)


class IssuedBox:
    """The folder that the console made for a box, changed as a technician would."""

    def __init__(self, folder: Path) -> None:
        office = init_office(folder / "office", "town-bank", "127.0.0.1", now=datetime.now(UTC))
        self.config = issue_box(office, "branch-7", now=datetime.now(UTC)) / "box.toml"
        self.socket = folder / "s.sock"
        self.add(f'[local]\nsocket = "{self.socket}"')

    def add(self, text: str) -> None:
        self.config.write_text(f"{self.config.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")

    @property
    def settings(self) -> Settings:
        return load_settings(self.config)

    @property
    def data(self) -> Path:
        folder = Path(self.settings.box.data_dir)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def set_pin(self) -> None:
        assert self.data
        pin_file(self.settings).set(PIN)


@pytest.fixture
def box() -> Iterator[IssuedBox]:
    # A short path: a socket's may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="bl-") as folder:
        issued = IssuedBox(Path(folder))
        issued.set_pin()
        yield issued


def as_json(text: str) -> dict[str, object]:
    """Return a program's JSON."""
    found: dict[str, object] = json.loads(text)
    return found
