"""One command in flight, whatever arrives in between, too late or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from modem_drivers.at.channel import MAX_RESPONSE_LINES, AtChannel
from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.errors import (
    CommandError,
    CommandTimeoutError,
    ForbiddenCommandError,
    LocalProtocolError,
    PortClosedError,
    RemoteProtocolError,
)


class Peer:
    """A far end that says only what a test tells it to."""

    def __init__(self) -> None:
        self.port = MemoryPort("modem0")
        self.port.connect(self._take)
        self.heard: list[str] = []
        self.urcs: list[str] = []
        self.answers: dict[str, str] = {"AT+CMEE?": "+CMEE: 1\r\nOK", "AT": "OK"}

    def say(self, *lines: str) -> None:
        self.port.feed("".join(f"\r\n{line}\r\n" for line in lines).encode())

    def _take(self, data: bytes) -> None:
        for command in data.decode().split("\r")[:-1]:
            self.heard.append(command)
            if command in self.answers:
                self.say(*self.answers[command].split("\r\n"))


@asynccontextmanager
async def opened(peer: Peer) -> AsyncIterator[AtChannel]:
    loop = asyncio.get_running_loop()
    async with AtChannel(
        peer.port, on_urc=peer.urcs.append, on_closed=lambda: None, now_s=loop.time
    ) as channel:
        assert await channel.probe(timeout_s=1, escape=False)
        peer.heard.clear()
        yield channel


Run = Callable[..., Any]


def test_response_lines_and_urcs_are_told_apart(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.answers["AT+CSQ"] = "AT+CSQ\r\n+CREG: 1\r\n+CSQ: 20,99\r\nNO CARRIER\r\nRING\r\nOK"
        async with opened(peer) as channel:
            assert await channel.command("AT+CSQ", timeout_s=1, prefix="+CSQ") == ["+CSQ: 20,99"]
        assert peer.urcs == ["+CREG: 1", "NO CARRIER", "RING"]

    run_virtual(scenario())


def test_a_bare_answer_is_whatever_is_no_urc(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.answers["AT+CGMM"] = "^RSSI:15\r\nE1550\r\nOK"
        async with opened(peer) as channel:
            assert await channel.command("AT+CGMM", timeout_s=1, is_bare=True) == ["E1550"]
        assert peer.urcs == ["^RSSI:15"]

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("final", "code"), [("ERROR", None), ("+CME ERROR: 14", 14), ("+CMS ERROR: 321", 321)]
)
def test_errors_carry_their_number(run_virtual: Run, final: str, code: int | None) -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.answers["AT+CSQ"] = final
        async with opened(peer) as channel:
            with pytest.raises(CommandError) as caught:
                await channel.command("AT+CSQ", timeout_s=1)
            assert caught.value.code == code

    run_virtual(scenario())


def test_commands_take_turns(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        async with opened(peer) as channel:
            first = asyncio.create_task(channel.command("AT+CSQ", timeout_s=5, prefix="+CSQ"))
            second = asyncio.create_task(channel.command("AT+COPS?", timeout_s=5, prefix="+COPS"))
            await asyncio.sleep(1)
            assert peer.heard == ["AT+CSQ"]
            peer.say("+CSQ: 1,99", "OK")
            await asyncio.sleep(1)
            assert peer.heard == ["AT+CSQ", "AT+COPS?"]
            peer.say('+COPS: 0,0,"A"', "OK")
            assert await first == ["+CSQ: 1,99"]
            assert await second == ['+COPS: 0,0,"A"']

    run_virtual(scenario())


@pytest.mark.parametrize("late_s", [0.5, 2.5, 4.5, 6.4])
def test_an_answer_that_comes_too_late_never_answers_the_next_command(
    run_virtual: Run, late_s: float
) -> None:
    """Whenever the late OK falls: before, during or after the channel gets back in step."""

    async def scenario() -> None:
        peer = Peer()
        answers_from_s = asyncio.get_running_loop().time() + 1 + late_s
        async with opened(peer) as channel:
            peer.answers.clear()
            with pytest.raises(CommandTimeoutError):
                await channel.command("AT+CSQ", timeout_s=1, prefix="+CSQ")

            def wake_up() -> None:
                peer.say("+CSQ: 7,99", "OK")  # the late answer, then one per try to get in step
                for _ in range(peer.heard.count("AT+CMEE?")):
                    peer.say("+CMEE: 1", "OK")
                peer.answers.update({"AT+CMEE?": "+CMEE: 1\r\nOK", "AT+COPS?": '+COPS: 0,0,"A"\r\nOK'})

            asyncio.get_running_loop().call_at(answers_from_s, wake_up)
            if late_s > 6:
                with pytest.raises(CommandTimeoutError):
                    await channel.command("AT+COPS?", timeout_s=1, prefix="+COPS")
                await asyncio.sleep(1)
            assert await channel.command("AT+COPS?", timeout_s=1, prefix="+COPS") == ['+COPS: 0,0,"A"']

    run_virtual(scenario())


def test_the_answer_to_an_earlier_try_to_get_in_step_ends_nothing(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        loop = asyncio.get_running_loop()
        async with opened(peer) as channel:
            peer.answers.clear()
            with pytest.raises(CommandTimeoutError):
                await channel.command("AT+CSQ", timeout_s=1, prefix="+CSQ")
            # Two tries are sent by 2.1 s, both answered then, a little apart.
            loop.call_later(2.1, peer.say, "+CMEE: 1", "OK")
            loop.call_later(2.2, peer.say, "+CMEE: 1", "OK")
            loop.call_later(2.6, peer.say, '+COPS: 0,0,"A"', "OK")
            assert await channel.command("AT+COPS?", timeout_s=1, prefix="+COPS") == ['+COPS: 0,0,"A"']

    run_virtual(scenario())


def test_a_cancelled_command_leaves_the_channel_usable(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.answers["AT+CREG?"] = "+CREG: 0,1\r\nOK"
        async with opened(peer) as channel:
            task = asyncio.create_task(channel.command("AT+CSQ", timeout_s=60, prefix="+CSQ"))
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.wait([task])
            peer.say("+CSQ: 7,99", "OK")
            assert await channel.command("AT+CREG?", timeout_s=1, prefix="+CREG") == ["+CREG: 0,1"]
        assert peer.heard == ["AT+CSQ", "AT+CMEE?", "AT+CREG?"]

    run_virtual(scenario())


def test_a_modem_that_does_not_know_the_resync_command_is_waited_out(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        async with opened(peer) as channel:
            peer.answers = {"AT+CMEE?": "ERROR", "AT+CREG?": "+CREG: 0,1\r\nOK"}
            with pytest.raises(CommandTimeoutError):
                await channel.command("AT+CSQ", timeout_s=1)
            assert await channel.command("AT+CREG?", timeout_s=1, prefix="+CREG") == ["+CREG: 0,1"]

    run_virtual(scenario())


def test_a_deaf_modem_costs_a_bounded_time(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        loop = asyncio.get_running_loop()
        async with opened(peer) as channel:
            peer.answers.clear()
            for limit_s in (1.0, 6.0):
                started_s = loop.time()
                with pytest.raises(CommandTimeoutError):
                    await channel.command("AT+CSQ", timeout_s=1)
                assert loop.time() - started_s <= limit_s + 0.1

    run_virtual(scenario())


def test_a_port_that_breaks_fails_the_command_at_once_and_all_later_ones(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        async with opened(peer) as channel:
            task = asyncio.create_task(channel.command("AT+CSQ", timeout_s=60))
            await asyncio.sleep(1)
            peer.port.break_off()
            with pytest.raises(PortClosedError, match="modem0"):
                await task
            with pytest.raises(PortClosedError):
                await channel.command("AT", timeout_s=1)
            await channel.closed.wait()

    run_virtual(scenario())


def test_an_endless_answer_is_cut_off(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.answers["AT+CREG?"] = "+CREG: 0,1\r\nOK"
        async with opened(peer) as channel:
            task = asyncio.create_task(channel.command("AT+CLCC", timeout_s=60, prefix="+CLCC"))
            await asyncio.sleep(0.1)
            for _ in range(MAX_RESPONSE_LINES + 1):
                peer.say("+CLCC: 1,0,0,0,0")
            with pytest.raises(RemoteProtocolError):
                await task
            assert await channel.command("AT+CREG?", timeout_s=1, prefix="+CREG") == ["+CREG: 0,1"]

    run_virtual(scenario())


def test_a_dial_command_may_end_in_a_call_result(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.answers["ATD13800000000;"] = "BUSY"
        async with opened(peer) as channel:
            reply = await channel.execute("ATD13800000000;", timeout_s=5, also_final=frozenset({"BUSY"}))
            assert reply.final == "BUSY"
        assert peer.urcs == ["BUSY"], "it is an event of the call as well"

    run_virtual(scenario())


def test_nothing_forbidden_or_malformed_is_written(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        async with opened(peer) as channel:
            for command in ('AT+EGMR=1,7,"1"', "AT+CLIR=1", "AT+CSQ\rATD112;", "ATD112;"):
                with pytest.raises((ForbiddenCommandError, LocalProtocolError)):
                    await channel.command(command, timeout_s=1)
            await channel.command("AT", timeout_s=1)
        assert peer.heard == ["AT"]

    run_virtual(scenario())


def test_traffic_is_kept_masked_and_bounded(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        async with opened(peer) as channel:
            peer.say('+CLIP: "+8613812345678",145')
            peer.answers["AT+CNUM"] = '+CNUM: "","+8613812345678",145\r\nOK'
            await channel.command("AT+CNUM", timeout_s=1, prefix="+CNUM")
            lines = [text for _, _, text in channel.traffic]
            assert '+CLIP: "+86…78",145' in lines
            assert not any("13812345678" in line for line in lines)
            for _ in range(1000):
                peer.say("+CREG: 1")
            await channel.command("AT", timeout_s=1)
            assert len(channel.traffic) == 400

    run_virtual(scenario())


def test_a_command_before_entering_is_our_bug(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        channel = AtChannel(peer.port, on_urc=peer.urcs.append, on_closed=lambda: None, now_s=lambda: 0.0)
        with pytest.raises(LocalProtocolError):
            await channel.command("AT", timeout_s=1)

    run_virtual(scenario())


def test_an_answer_still_under_way_when_the_port_was_opened_is_nobodys(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.answers["AT+CREG?"] = "+CREG: 0,1\r\nOK"
        peer.say("OK", "OK", "ERROR")
        async with opened(peer) as channel:
            assert await channel.command("AT+CREG?", timeout_s=1, prefix="+CREG") == ["+CREG: 0,1"]

    run_virtual(scenario())


def test_a_far_end_that_answers_but_does_not_keep_step_is_not_trusted(run_virtual: Run) -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.answers = {"AT": "OK"}
        loop = asyncio.get_running_loop()
        async with AtChannel(
            peer.port, on_urc=peer.urcs.append, on_closed=lambda: None, now_s=loop.time
        ) as channel:
            assert not await channel.probe(timeout_s=1, escape=False)

    run_virtual(scenario())
