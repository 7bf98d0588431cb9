"""Virtual time, and modems that replay a transcript."""

import asyncio
import codecs
import selectors
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.events import CallProgress, Released
from modem_drivers.modem import Modem, ModemCall

T = TypeVar("T")
TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"
LIMIT_S = 3600.0
NUMBER = "+8613800000001"


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: moves the loop's clock instead."""

    now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("every task waits and nothing is due: deadlock")
        if not ready and timeout:
            self.now_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop in which an hour passes at once."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


class ScriptedModem:
    """The far end of a port, speaking one transcript.

    ``-> AT+X`` waits for that very command, ``<- text`` is a line of the modem, ``<= bytes`` is sent as it stands
    (backslash escapes), ``~ s`` lets time pass, ``@ action`` asks the test to act, ``= AT+X`` and the lines after it
    are the standing answer to a command wherever it comes. A command without either is answered ERROR.
    ``! Event key=value`` lines are what the driver is expected to report, ``number:`` is whom to dial.
    """

    def __init__(self, path: Path) -> None:
        self.number = ""
        self.expected: list[str] = []
        self.heard: list[str] = []
        self.actions: asyncio.Queue[str] = asyncio.Queue()
        self.port = MemoryPort(path.name)
        self.port.connect(self._take)
        self._answers: dict[str, list[str]] = defaultdict(list)
        self._typed = bytearray()
        self._steps = [
            line.rstrip("\n") for line in path.read_text().splitlines() if line.strip() and line[0] != "#"
        ]
        self._at = 0
        self._advance()

    @property
    def is_finished(self) -> bool:
        return self._at == len(self._steps)

    def _take(self, data: bytes) -> None:
        self._typed += data
        *commands, rest = self._typed.split(b"\r")
        self._typed = bytearray(rest)
        for command in commands:
            self._answer(command.decode().removeprefix("\x1b"))

    def _answer(self, command: str) -> None:
        self.heard.append(command)
        if not self.is_finished and self._steps[self._at] == f"-> {command}":
            self._at += 1
            self._advance()
            return
        for line in self._answers.get(command, ["ERROR"]):
            self._say(line)

    def _advance(self) -> None:
        """Play on until the next command or pause."""
        while not self.is_finished:
            mark, _, text = self._steps[self._at].partition(" ")
            if mark == "->":
                return
            self._at += 1
            if mark == "=":
                self._answers[text] = list(self._standing_answer())
            elif mark == "<-":
                self._say(text)
            elif mark == "<=":
                self.port.feed(codecs.decode(text, "unicode_escape").encode("latin-1"))
            elif mark == "!":
                self.expected.append(text)
            elif mark == "@":
                self.actions.put_nowait(text)
            elif mark == "~":
                asyncio.get_running_loop().call_later(float(text), self._advance)
                return
            elif mark == "number:":
                self.number = text
            else:
                raise ValueError(f"transcript line not understood: {self._steps[self._at - 1]!r}")

    def _standing_answer(self) -> Iterator[str]:
        while not self.is_finished and self._steps[self._at].startswith("<-"):
            yield self._steps[self._at][2:].strip()
            self._at += 1
            if self._steps[self._at - 1][2:].strip() in {"OK", "ERROR"}:
                return

    def _say(self, line: str) -> None:
        self.port.feed(f"\r\n{line}\r\n".encode("latin-1"))


class TableModem:
    """A modem that answers by a table and lists the calls a test gives it, and says nothing by itself."""

    def __init__(self, manufacturer: str = "SIMCOM INCORPORATED", model: str = "SIMCOM_SIM7600E-H") -> None:
        self.port = MemoryPort("modem0")
        self.port.connect(self._take)
        self.heard: list[tuple[float, str]] = []
        self.is_deaf = False
        self.deaf_from = ""
        self.calls: list[str] = []
        self.hang_up_works = {"AT+CHUP", "ATH"}
        self.answers: dict[str, list[str]] = {
            "AT+CGMI": [manufacturer, "OK"],
            "AT+CGMM": [model, "OK"],
            "AT+CGMR": ["1.0", "OK"],
            "AT+CGSN": ["860000000000016", "OK"],
            "AT+CPIN?": ["+CPIN: READY", "OK"],
            "AT+CREG?": ["+CREG: 0,1", "OK"],
            "AT+CSQ": ["+CSQ: 20,99", "OK"],
            "AT+COPS?": ['+COPS: 0,0,"CHINA MOBILE",7', "OK"],
            "AT+CNUM": [f'+CNUM: "","{NUMBER}",145', "OK"],
            "AT+CMEE?": ["+CMEE: 1", "OK"],
            "AT+CEER": ["ERROR"],
        }

    @property
    def commands(self) -> list[str]:
        return [command for _, command in self.heard]

    def say(self, *lines: str) -> None:
        self.port.feed("".join(f"\r\n{line}\r\n" for line in lines).encode())

    def list_call(self, state: int, *, index: int = 1, direction: int = 0) -> None:
        self.calls = [f'+CLCC: {index},{direction},{state},0,0,"{NUMBER}",145']

    def _take(self, data: bytes) -> None:
        for raw in data.decode().split("\r")[:-1]:
            command = raw.removeprefix("\x1b")
            self.heard.append((asyncio.get_running_loop().time(), command))
            self.is_deaf = self.is_deaf or command == self.deaf_from
            if not self.is_deaf:
                self._answer(command)

    def _answer(self, command: str) -> None:
        if command in self.answers:
            self.say(*self.answers[command])
        elif command == "AT+CLCC":
            self.say(*self.calls, "OK")
        elif command.startswith("ATD"):
            self.list_call(2)
            self.say("OK")
        elif command in {"AT+CHUP", "ATH"}:
            if command in self.hang_up_works:
                self.calls = []
            self.say("OK")
        else:
            self.say("OK")


@pytest.fixture(scope="session")
def run_virtual() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run a coroutine in virtual time, failing it after a virtual hour."""

    def run(coroutine: Coroutine[Any, Any, T]) -> T:
        async def limited() -> T:
            async with asyncio.timeout(LIMIT_S):
                return await coroutine

        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            return runner.run(limited())

    return run


@pytest.fixture(scope="session")
def loop_time() -> Callable[[], float]:
    """The running loop's clock, as the `now_s` a modem is opened with."""
    return lambda: asyncio.get_running_loop().time()


@pytest.fixture(scope="session")
def open_scripted(loop_time: Callable[[], float]) -> Callable[[str], Awaitable[tuple[ScriptedModem, Modem]]]:
    """Open the modem of tests/transcripts/<name>."""

    async def open_one(name: str) -> tuple[ScriptedModem, Modem]:
        script = ScriptedModem(TRANSCRIPTS / name)
        return script, await Modem.open(script.port, now_s=loop_time)

    return open_one


@pytest.fixture(scope="session")
def call_events() -> Callable[[ModemCall], Awaitable[list[CallProgress]]]:
    """Read a call's events to the end."""

    async def read(call: ModemCall) -> list[CallProgress]:
        events = [event async for event in call.events()]
        assert isinstance(events[-1], Released)
        return events

    return read


@pytest.fixture(scope="session")
def transcript_names() -> set[str]:
    """Every transcript there is."""
    return {path.name for path in TRANSCRIPTS.glob("*.at")}


@pytest.fixture(scope="session")
def table_modem() -> type[TableModem]:
    """Make a far end that answers by a table."""
    return TableModem
