"""A module on a serial line, on a real PTY: it hears only what comes at its own rate."""

import asyncio
import os
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modem_drivers.at.byte_port import BytePort
from modem_drivers.at.serial_port import open_serial_port
from modem_drivers.baud_search import RATES_BAUD, find_baud_rate
from modem_drivers.errors import NotAModemError, PortOpenError
from modem_drivers.slots import SlotFinder, Wanted

_OSPEED = 5


class UartModem:
    """Far end of a PTY: at its rate it answers AT, at any other it takes noise in and gives noise out."""

    def __init__(self, rate: int | None) -> None:
        self.master, self.slave = os.openpty()
        self.path = os.ttyname(self.slave)
        os.set_blocking(self.master, False)
        self.rates_heard: list[int] = []
        self._speed = getattr(termios, f"B{rate}") if rate is not None else None
        self._typed = b""

    def on_readable(self) -> None:
        data = os.read(self.master, 4096)
        speed = termios.tcgetattr(self.slave)[_OSPEED]
        if speed not in self.rates_heard:
            self.rates_heard.append(speed)
        if speed != self._speed:
            os.write(self.master, b"\xf8\x00\x80\xfe")
            return
        *commands, self._typed = (self._typed + data).split(b"\r")
        for command in commands:
            os.write(self.master, _ANSWERS.get(command.strip(b"\x1b"), b"\r\nOK\r\n"))


_ANSWERS = {
    b"AT+CMEE?": b"\r\n+CMEE: 1\r\n\r\nOK\r\n",
    b"AT+CGMI": b"\r\nSIMCOM_Ltd\r\n\r\nOK\r\n",
    b"AT+CGMM": b"\r\nSIMCOM_SIM800L\r\n\r\nOK\r\n",
    b"AT+CGSN": b"\r\n861234567890116\r\n\r\nOK\r\n",
    b"AT+CPIN?": b"\r\n+CPIN: READY\r\n\r\nOK\r\n",
    b"AT+CREG?": b"\r\n+CREG: 0,1\r\n\r\nOK\r\n",
}


@contextmanager
def uart(rate: int | None) -> Iterator[UartModem]:
    modem = UartModem(rate)
    try:
        yield modem
    finally:
        os.close(modem.slave)
        os.close(modem.master)


def open_port(path: str, rate: int) -> BytePort:
    return open_serial_port(path, baud_rate=rate)


async def search(modem: UartModem, rates: tuple[int, ...] = RATES_BAUD) -> int:
    loop = asyncio.get_running_loop()
    loop.add_reader(modem.master, modem.on_readable)
    try:
        return await find_baud_rate(modem.path, open_port=open_port, now_s=time.monotonic, rates=rates)
    finally:
        loop.remove_reader(modem.master)


def test_the_rate_at_which_somebody_answers() -> None:
    with uart(57600) as modem:
        assert asyncio.run(search(modem, (115200, 57600, 9600))) == 57600
        assert len(modem.rates_heard) == 2


def test_a_search_has_an_end_and_says_what_was_tried() -> None:
    with uart(None) as modem:
        with pytest.raises(NotAModemError, match="115200, 9600 baud"):
            asyncio.run(search(modem, (115200, 9600)))
        assert len(modem.rates_heard) == 2


def test_a_port_that_is_not_there_is_not_searched() -> None:
    async def scenario() -> None:
        with pytest.raises(PortOpenError):
            await find_baud_rate("/dev/ttyNOWHERE", open_port=open_port, now_s=time.monotonic)

    asyncio.run(scenario())


def test_a_silent_serial_line_is_opened_at_the_rate_that_was_found_and_next_time_at_once() -> None:
    """The whole way of a line named by its port, without USB and without a rate: found at 9600."""
    with uart(9600) as modem:

        async def scenario() -> None:
            loop = asyncio.get_running_loop()
            loop.add_reader(modem.master, modem.on_readable)
            slot = SlotFinder(now_s=time.monotonic, open_port=open_port).slot(
                "line-1", Wanted(at_port=modem.path)
            )
            try:
                async with await slot.open() as opened:
                    assert opened.identity.model == "SIMCOM_SIM800L"
                modem.rates_heard.clear()
                async with await slot.open():
                    pass
                assert modem.rates_heard == [termios.B9600]
            finally:
                loop.remove_reader(modem.master)

        asyncio.run(scenario())
