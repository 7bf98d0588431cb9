"""The tty port, on a real pseudo-terminal."""

import asyncio
import errno
import fcntl
import os
import pty
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from modem_drivers.at.memory_port import MAX_UNREAD_BYTES, MemoryPort
from modem_drivers.at.serial_port import MAX_UNSENT_BYTES, open_serial_port
from modem_drivers.discovery import open_first_modem, open_modem
from modem_drivers.errors import NotAModemError, PortClosedError, PortOpenError

TIOCGEXCL = 0x80045440  # Linux, everywhere but on MIPS, PowerPC and SPARC


class Terminal:
    """A pseudo-terminal whose master plays the modem."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self.master, False)
        self.is_open = True

    def hang_up(self) -> None:
        if self.is_open:
            self.is_open = False
            os.close(self.master)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.hang_up()


def test_bytes_pass_unchanged_both_ways(terminal: Terminal) -> None:
    async def scenario() -> None:
        port = open_serial_port(terminal.path)
        everything = bytes(range(256))
        os.write(terminal.master, everything)
        got = b""
        async with asyncio.timeout(5):
            while len(got) < 256:
                got += await port.read()
        assert got == everything, "raw: no translation, no flow control characters, no echo"
        port.write(everything)
        await asyncio.sleep(0)
        assert os.read(terminal.master, 4096) == everything
        port.close()

    asyncio.run(scenario())


def test_a_second_opener_is_told_what_to_do(terminal: Terminal) -> None:
    async def scenario() -> None:
        port = open_serial_port(terminal.path)
        with pytest.raises(PortOpenError, match="in use by another program"):
            open_serial_port(terminal.path)
        port.close()
        open_serial_port(terminal.path).close()

    asyncio.run(scenario())


def test_the_port_is_closed_to_programs_that_look_at_no_lock(terminal: Terminal) -> None:
    async def scenario() -> None:
        assert not is_exclusive(terminal.path)
        port = open_serial_port(terminal.path)
        assert is_exclusive(terminal.path)
        port.close()

    asyncio.run(scenario())


def is_exclusive(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    except OSError as error:
        return error.errno == errno.EBUSY
    flag = bytearray(4)  # root gets in all the same, and finds the mark
    fcntl.ioctl(fd, TIOCGEXCL, flag)
    os.close(fd)
    return any(flag)


def test_an_idle_port_is_not_mistaken_for_one_that_hung_up(terminal: Terminal) -> None:
    async def scenario() -> None:
        port = open_serial_port(terminal.path)
        characters = termios.tcgetattr(terminal.master)[6]  # the master shows the settings of both
        assert (characters[termios.VMIN], characters[termios.VTIME]) == (1, 0), (
            "a read without data says EAGAIN"
        )
        port._on_readable()  # as after a spurious wake-up of the selector
        port.write(b"still there")
        port.close()

    asyncio.run(scenario())


def test_opening_what_is_not_there_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(PortOpenError, match="no such device"):
            open_serial_port(str(tmp_path / "ttyUSB9"))
        plain = tmp_path / "plain"
        plain.write_text("")
        with pytest.raises(PortOpenError, match="plain"):
            open_serial_port(str(plain))

    asyncio.run(scenario())


def test_a_device_that_leaves_ends_read_and_write(terminal: Terminal) -> None:
    async def scenario() -> None:
        port = open_serial_port(terminal.path)
        reading = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        terminal.hang_up()
        async with asyncio.timeout(5):
            with pytest.raises(PortClosedError, match="gone"):
                await reading
        with pytest.raises(PortClosedError):
            port.write(b"AT\r")
        port.close()

    asyncio.run(scenario())


def test_a_device_that_takes_nothing_is_given_up_without_blocking(terminal: Terminal) -> None:
    async def scenario() -> None:
        port = open_serial_port(terminal.path)

        def write_forever() -> None:
            for _ in range(100):
                port.write(b"x" * (MAX_UNSENT_BYTES // 4))

        with pytest.raises(PortClosedError, match="stuck"):
            write_forever()
        port.close()

    asyncio.run(scenario())


def test_unread_input_is_bounded_and_nothing_of_it_lost(terminal: Terminal) -> None:
    async def scenario() -> None:
        port = open_serial_port(terminal.path)
        total, sent, got = 300_000, 0, 0
        async with asyncio.timeout(20):
            while got < total:
                try:
                    while sent < total:
                        sent += os.write(terminal.master, b"x" * min(4096, total - sent))
                        await asyncio.sleep(0)
                except BlockingIOError:
                    pass
                data = await port.read()
                assert len(data) <= MAX_UNREAD_BYTES + 4096
                got += len(data)
        assert got == total
        port.close()

    asyncio.run(scenario())


def test_a_port_without_a_modem_is_named_in_one_line(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modem_drivers.opening._PROBES", ((0.02, False), (0.02, True)))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(NotAModemError) as caught:
            await open_modem(terminal.path, now_s=loop.time)
        assert str(caught.value).startswith(f"{terminal.path}: nothing answered AT within")
        assert "\n" not in str(caught.value)
        with pytest.raises(NotAModemError, match="no such device"):
            await open_first_modem([terminal.path, "/dev/ttyUSB99"], now_s=loop.time)

    asyncio.run(scenario())


def test_the_port_in_memory_is_bounded_and_breaks_like_a_device() -> None:
    async def scenario() -> None:
        port = MemoryPort("memory")
        heard: list[bytes] = []
        port.connect(heard.append)
        port.write(b"AT\r")
        assert heard == [], "the far end is never called from inside write"
        await asyncio.sleep(0)
        assert heard == [b"AT\r"]
        port.feed(b"x" * (MAX_UNREAD_BYTES + 10))
        assert port.dropped_bytes == 10
        assert len(await port.read()) == MAX_UNREAD_BYTES
        port.feed(b"lost")
        port.break_off()
        with pytest.raises(PortClosedError, match="memory: the device is gone"):
            await port.read()
        with pytest.raises(PortClosedError):
            port.write(b"AT\r")
        port.feed(b"ignored")

    asyncio.run(scenario())
