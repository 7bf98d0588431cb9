"""Messages through a modem: sent at the prompt, read and deleted, told by URCs; and what goes wrong with each."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from modem_drivers.at.channel import PROMPT_TIMEOUT_S, AtChannel
from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.errors import (
    CommandError,
    ForbiddenCommandError,
    LocalProtocolError,
    PortClosedError,
    SmsNotSentError,
    SmsUncertainError,
)
from modem_drivers.pdu.address import encode_number
from modem_drivers.pdu.alphabet import Alphabet
from modem_drivers.pdu.status_report import DeliveryState
from modem_drivers.pdu.submit import Submit, decode_submit
from modem_drivers.pdu.timestamp import encode_timestamp
from modem_drivers.pdu.user_data import encode_user_data, split_text
from modem_drivers.sms import POLL_S, Sms
from modem_drivers.sms_store import SmsEvent, SmsReceived, SmsReported, SmsUnreadable

Run = Callable[..., Any]
NUMBER = "+8613800000001"
SENT_AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def delivers(text: str, *, reference: int = 5, sender: str = NUMBER) -> list[str]:
    pdus = []
    for part in split_text(text, reference=reference):
        length, octets = encode_user_data(part)
        first = 0x44 if part.header.concatenation else 0x04
        dcs = 0x08 if part.alphabet is Alphabet.UCS2 else 0x00
        tpdu = bytes((first,)) + encode_number(sender) + bytes((0, dcs)) + encode_timestamp(SENT_AT)
        pdus.append("00" + (tpdu + bytes((length,)) + octets).hex().upper())
    return pdus


def report(reference: int, status: int) -> str:
    times = encode_timestamp(SENT_AT) * 2
    return "00" + (bytes((0x06, reference)) + encode_number(NUMBER) + times + bytes((status,))).hex().upper()


class MessagePeer:
    """A far end that knows 27.005 and nothing else."""

    def __init__(self, *, places: int = 10) -> None:
        self.port = MemoryPort("modem0")
        self.port.connect(self._take)
        self.memories: dict[str, dict[int, str]] = {"SM": {}, "ME": {}}
        self.places = {"SM": places, "ME": 3}
        self.states: dict[tuple[str, int], int] = {}
        self.sent: list[Submit] = []
        self.heard: list[str] = []
        self.escapes = 0
        self.refusals: list[str] = []
        """Results for the next AT+CMGS, one each."""
        self.prompt_s = 0.1
        self.gives_prompt = True
        self.answers_text = True
        self.full_refuses = False
        self.urc_at_prompt = ""
        self.deletes = True
        self.reading = "SM"
        self._reference = 250
        self._typed = b""
        self._wants_text = False

    def say(self, *lines: str) -> None:
        self.port.feed("".join(f"\r\n{line}\r\n" for line in lines).encode("latin-1"))

    def store(self, *pdus: str, memory: str = "SM", tell: bool = True) -> None:
        for pdu in pdus:
            index = next(n for n in range(1, 99) if n not in self.memories[memory])
            self.memories[memory][index] = pdu
            if tell:
                self.say(f'+CMTI: "{memory}",{index}')

    def show(self, name: str, pdu: str, *, between: str = "") -> None:
        length = len(pdu) // 2 - 1 - int(pdu[:2], 16)
        self.say(
            f"{name}: ,{length}" if name == "+CMT" else f"{name}: {length}",
            *([between] if between else []),
            pdu,
        )

    def _take(self, data: bytes) -> None:
        for octet in data:
            char = bytes((octet,))
            if char == b"\x1b":
                self.escapes += 1
                self._wants_text, self._typed = False, b""
            elif self._wants_text and char == b"\x1a":
                self._wants_text = False
                self._text(self._typed.decode())
                self._typed = b""
            elif char == b"\r" and not self._wants_text:
                command, self._typed = self._typed.decode(), b""
                self.heard.append(command)
                self._answer(command)
            else:
                self._typed += char

    def _text(self, pdu: str) -> None:
        if not self.answers_text:
            return
        self._reference = (self._reference + 1) % 256
        self.sent.append(decode_submit(pdu))
        self.say(f"+CMGS: {self._reference}", "OK")

    def _answer(self, command: str) -> None:
        if command == "AT+CMEE?":
            self.say("+CMEE: 1", "OK")
        elif command.startswith("AT+CMGS="):
            self._cmgs()
        elif command == "AT+CMGL=4":
            for index, pdu in sorted(self.memories[self.reading].items()):
                state = self.states.get((self.reading, index), 0)
                self.say(f"+CMGL: {index},{state},,{len(pdu) // 2 - 1}", "+CREG: 1", pdu)
            self.say("OK")
        elif match := re.fullmatch(r'AT\+CPMS="(\w+)"(,.*)?', command):
            if match[1] not in self.memories:
                self.say("+CMS ERROR: 302")
                return
            self.reading = match[1]
            used, total = len(self.memories[self.reading]), self.places[self.reading]
            self.say(f"+CPMS: {used},{total},{used},{total},{used},{total}", "OK")
        elif command == "AT+CPMS?":
            used, total = len(self.memories[self.reading]), self.places[self.reading]
            self.say(f'+CPMS: "{self.reading}",{used},{total}', "OK")
        elif match := re.fullmatch(r"AT\+CMGD=(\d+)", command):
            if self.deletes and self.memories[self.reading].pop(int(match[1]), None) is not None:
                self.say("OK")
            else:
                self.say("+CMS ERROR: 321")
        elif command == "AT+CMMS=1":
            self.say("ERROR")
        else:
            self.say("OK")

    def _cmgs(self) -> None:
        if self.refusals:
            self.say(self.refusals.pop(0))
        elif self.full_refuses and self.memories["SM"]:
            self.say("+CMS ERROR: 322")
        elif self.gives_prompt:
            asyncio.get_running_loop().call_later(self.prompt_s, self._prompt)

    def _prompt(self) -> None:
        self._wants_text = True
        if self.urc_at_prompt:
            self.say(self.urc_at_prompt)
        self.port.feed(b"\r\n> ")


class Bench:
    def __init__(self, channel: AtChannel, peer: MessagePeer, sms: Sms, urcs: list[str]) -> None:
        self.channel, self.peer, self.sms, self.urcs = channel, peer, sms, urcs


@pytest.fixture
def on_bench(run_virtual: Run) -> Callable[[Callable[[Bench], Any]], None]:
    """Run a scenario with a channel to a peer, and the capability on it."""

    def run(scenario: Callable[[Bench], Any], **options: Any) -> None:
        async def wired() -> None:
            loop = asyncio.get_running_loop()
            peer = MessagePeer(**options)
            urcs: list[str] = []
            channel = AtChannel(peer.port, on_urc=urcs.append, on_closed=lambda: None, now_s=loop.time)
            async with channel:
                await scenario(Bench(channel, peer, Sms(channel, now_s=loop.time), urcs))

        run_virtual(wired())

    return run


async def first(sms: Sms, n_events: int) -> list[SmsEvent]:
    events: list[SmsEvent] = []
    async for event in sms.incoming():
        events.append(event)
        if len(events) == n_events:
            break
    return events


def test_a_text_is_sent_as_the_pdus_it_needs(on_bench: Run) -> None:
    text = "您的话费余额为10.00元👍" * 12

    async def scenario(bench: Bench) -> None:
        sent = await bench.sms.send(NUMBER, text, wants_report=True)
        assert sent.references == (251, 252, 253)
        assert "".join(part.user_data.text for part in bench.peer.sent) == text
        assert all(part.wants_report and part.destination.text == NUMBER for part in bench.peer.sent)
        places = [part.user_data.header.concatenation for part in bench.peer.sent]
        assert [(place.number, place.total) for place in places if place] == [(1, 3), (2, 3), (3, 3)]
        await bench.sms.send(NUMBER, "short")
        assert bench.peer.sent[-1].user_data.text == "short"
        assert bench.peer.heard.count("AT+CMGF=0") == 1, "set up once"
        said = " ".join(line for _, _, line in bench.channel.traffic)
        assert "13800000001" not in said
        assert not re.search(r"[0-9A-F]{40}", said), "no text in the log, encoded or not"

    on_bench(scenario)


def test_a_urc_at_the_prompt_and_an_echo_of_the_text_disturb_nothing(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.peer.urc_at_prompt = "+CREG: 1"
        taken = bench.peer._text

        def echo(pdu: str) -> None:
            bench.peer.port.feed(pdu.encode() + b"\x1a\r\n")
            taken(pdu)

        bench.peer._text = echo  # type: ignore[method-assign]
        assert (await bench.sms.send(NUMBER, "hello")).references == (251,)
        assert bench.urcs == ["+CREG: 1"]

    on_bench(scenario)


def test_without_a_prompt_nothing_is_sent_and_the_port_is_usable_again(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.peer.prompt_s = PROMPT_TIMEOUT_S + 0.5
        with pytest.raises(SmsNotSentError):
            await bench.sms.send(NUMBER, "hello")
        await asyncio.sleep(0.1)
        assert bench.peer.escapes == 1
        await asyncio.sleep(1.0)  # the prompt comes after all: what is typed now would be text
        assert await bench.channel.command("AT+CPMS?", timeout_s=3, prefix="+CPMS")
        assert bench.peer.escapes >= 2
        assert bench.peer.sent == []
        bench.peer.prompt_s = 0.1
        await bench.sms.send(NUMBER, "hello")
        assert [part.user_data.text for part in bench.peer.sent] == ["hello"]

    on_bench(scenario)


def test_a_cancelled_send_leaves_no_prompt_behind(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.peer.prompt_s = 5.0
        sending = asyncio.create_task(bench.sms.send(NUMBER, "hello"))
        await asyncio.sleep(2.0)
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        await asyncio.sleep(4.0)
        assert await bench.channel.command("AT+CPMS?", timeout_s=3, prefix="+CPMS")
        assert bench.peer.sent == []

    on_bench(scenario)


def test_silence_after_the_text_is_no_refusal(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.peer.answers_text = False
        with pytest.raises(SmsUncertainError) as caught:
            await bench.sms.send(NUMBER, "hello")
        assert caught.value.references == ()
        await asyncio.sleep(0.1)
        assert bench.peer.escapes == 1

    on_bench(scenario)


@pytest.mark.parametrize(
    ("refusals", "code"),
    [
        pytest.param(["+CMS ERROR: 331"], 331, id="no network"),
        pytest.param(["ERROR"], None, id="bare"),
        pytest.param(["+CMS ERROR: 314"] * 4, 314, id="SIM busy for too long"),
        pytest.param(["+CMS ERROR: 314"] * 2, 0, id="SIM busy for a while"),
        pytest.param(["+CMS ERROR: 322"] * 2, 322, id="full, with nothing to delete"),
    ],
)
def test_refusals(on_bench: Run, refusals: list[str], code: int | None) -> None:
    async def scenario(bench: Bench) -> None:
        bench.peer.refusals = list(refusals)
        if code == 0:
            await bench.sms.send(NUMBER, "hello")
            return
        with pytest.raises(SmsNotSentError) as caught:
            await bench.sms.send(NUMBER, "hello")
        assert caught.value.code == code
        assert bench.peer.sent == []
        assert bench.peer.refusals == []

    on_bench(scenario)


def test_a_refused_later_part_tells_what_was_sent_before(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        real = bench.peer._cmgs

        def second_refused() -> None:
            bench.peer.refusals = ["+CMS ERROR: 38"] if len(bench.peer.sent) == 1 else []
            real()

        bench.peer._cmgs = second_refused  # type: ignore[method-assign]
        with pytest.raises(SmsNotSentError) as caught:
            await bench.sms.send(NUMBER, "a" * 300)
        assert caught.value.references == (251,)

    on_bench(scenario)


def test_a_full_memory_is_emptied_before_the_next_try_and_nothing_is_lost(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.peer.full_refuses = True
        bench.peer.store(*delivers("balance 10"), *delivers("long " * 60)[:1], tell=False)
        await bench.sms.send(NUMBER, "hello")
        assert bench.peer.memories["SM"] == {}
        bench.peer.store(*delivers("long " * 60)[1:])
        events = await first(bench.sms, 2)
        assert [event.text for event in events if isinstance(event, SmsReceived)] == [
            "balance 10",
            "long " * 60,
        ]

    on_bench(scenario)


def test_what_comes_in_is_told_whole_once_and_then_deleted(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        found: list[SmsEvent] = []
        stored_at_yield: list[int] = []

        async def read() -> None:
            async for event in bench.sms.incoming():
                stored_at_yield.append(len(bench.peer.memories["SM"]))
                found.append(event)

        bench.peer.store(*delivers("from before"), tell=False)
        reading = asyncio.create_task(read())
        await asyncio.sleep(1)
        parts = delivers("尊敬的客户" * 30, reference=9)
        bench.peer.store(parts[2], parts[0])
        await asyncio.sleep(1)
        assert len(found) == 1, "not before all of it is there"
        bench.peer.store(parts[1])
        bench.peer.store(*delivers("in the telephone"), memory="ME")
        await asyncio.sleep(1)
        assert found == [
            SmsReceived(sender=NUMBER, text="from before", sent_at=SENT_AT),
            SmsReceived(sender=NUMBER, text="in the telephone", sent_at=SENT_AT),
            SmsReceived(sender=NUMBER, text="尊敬的客户" * 30, sent_at=SENT_AT),
        ] or found == [
            SmsReceived(sender=NUMBER, text="from before", sent_at=SENT_AT),
            SmsReceived(sender=NUMBER, text="尊敬的客户" * 30, sent_at=SENT_AT),
            SmsReceived(sender=NUMBER, text="in the telephone", sent_at=SENT_AT),
        ]
        assert stored_at_yield[0] == 1, "still stored while it is being handled"
        assert bench.peer.memories == {"SM": {}, "ME": {}}
        bench.peer.store(*delivers("its +CMTI was lost"), tell=False)
        await asyncio.sleep(POLL_S + 5)
        assert len(found) == 4
        reading.cancel()

    on_bench(scenario)


@pytest.mark.parametrize("between", ["", "+CREG: 1", "RING"])
def test_shown_messages_and_reports_with_a_line_in_between(on_bench: Run, between: str) -> None:
    async def scenario(bench: Bench) -> None:
        reading = asyncio.create_task(first(bench.sms, 3))
        await asyncio.sleep(1)
        bench.peer.show("+CMT", delivers("shown")[0], between=between)
        bench.peer.show("+CDS", report(42, 0x00), between=between)
        bench.peer.show("+CDS", report(43, 0x46))
        bench.peer.show("+CBM", "00" * 88)
        shown, delivered, failed = await reading
        assert isinstance(shown, SmsReceived)
        assert shown.text == "shown"
        assert isinstance(delivered, SmsReported)
        assert isinstance(failed, SmsReported)
        assert (delivered.reference, delivered.state) == (42, DeliveryState.DELIVERED)
        assert (failed.reference, failed.state, failed.status) == (43, DeliveryState.FAILED, 0x46)
        assert bench.urcs.count(between) == (2 if between else 0)

    on_bench(scenario)


def test_a_pdu_between_the_lines_of_an_answer_is_no_part_of_it(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        pdu = delivers("x")[0]

        def answer(command: str) -> None:
            if command == "AT+CGSN":
                bench.peer.show("+CMT", pdu)
                bench.peer.say("860000000000016", "OK")
            else:
                bench.peer.say("+CMEE: 1", "OK")

        bench.peer._answer = answer  # type: ignore[method-assign]
        assert await bench.channel.command("AT+CGSN", timeout_s=3, is_bare=True) == ["860000000000016"]

    on_bench(scenario)


def test_our_own_stored_drafts_are_left_alone_and_rubbish_is_told_once(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.peer.store(delivers("draft")[0], "0001020304", *delivers("good"), tell=False)
        bench.peer.states["SM", 1] = 2
        rubbish, good = await bench.sms.read_all()
        assert isinstance(rubbish, SmsUnreadable)
        assert isinstance(good, SmsReceived)
        assert list(bench.peer.memories["SM"]) == [1]
        assert await bench.sms.read_all() == []

    on_bench(scenario)


def test_a_message_that_cannot_be_deleted_is_not_told_again(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        bench.peer.deletes = False
        bench.peer.store(*delivers("sticky"), tell=False)
        assert len(await bench.sms.read_all()) == 1
        assert await bench.sms.read_all() == []
        bench.peer.deletes = True
        assert await bench.sms.read_all() == []
        assert bench.peer.memories["SM"] == {}
        bench.peer.store(*delivers("sticky"), tell=False)
        assert len(await bench.sms.read_all()) == 1, "the same words again are another message"

    on_bench(scenario)


def test_parts_in_a_full_memory_make_room_for_the_missing_one(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        parts = delivers("很长" * 110)
        assert len(parts) == 4
        bench.peer.store(*parts[:3], tell=False)
        assert await bench.sms.read_all() == []
        assert bench.peer.memories["SM"] == {}, "three parts fill three of four places: one more must fit"
        bench.peer.store(parts[3], tell=False)
        (whole,) = await bench.sms.read_all()
        assert isinstance(whole, SmsReceived)
        assert whole.text == "很长" * 110

    on_bench(scenario, places=4)


def test_the_reader_learns_that_the_port_is_gone(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        reading = asyncio.create_task(first(bench.sms, 1))
        await asyncio.sleep(1)
        bench.peer.port.break_off()
        with pytest.raises(PortClosedError):
            await reading

    on_bench(scenario)


def test_nothing_is_read_or_sent_during_a_call(run_virtual: Run) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        peer = MessagePeer()
        in_call = True
        channel = AtChannel(peer.port, on_urc=lambda _: None, on_closed=lambda: None, now_s=loop.time)
        async with channel:
            sms = Sms(channel, now_s=loop.time, is_busy=lambda: in_call)
            with pytest.raises(LocalProtocolError, match="a call is on"):
                await sms.send(NUMBER, "hello")
            peer.store(*delivers("later"))
            reading = asyncio.create_task(first(sms, 1))
            await asyncio.sleep(60)
            assert peer.heard == []
            in_call = False
            assert [event.text for event in await reading if isinstance(event, SmsReceived)] == ["later"]

    run_virtual(scenario())


@pytest.mark.parametrize("number", ["112", "12a", "", "+8613800000001;+EGMR"])
def test_numbers_that_are_not_dialled_get_no_message_either(on_bench: Run, number: str) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises((LocalProtocolError, ForbiddenCommandError)):
            await bench.sms.send(number, "hello")
        with pytest.raises(LocalProtocolError):
            await bench.sms.send(NUMBER, "很" * 700)
        assert bench.peer.heard == []

    on_bench(scenario)


def test_the_prompt_has_one_door(on_bench: Run) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(ForbiddenCommandError):
            await bench.channel.command("AT+CMGS=20", timeout_s=3)
        with pytest.raises(LocalProtocolError):
            await bench.channel.submit("AT+CMGS=1", "00", timeout_s=3, prefix="+CMGS")
        with pytest.raises(LocalProtocolError):
            await bench.channel.submit("AT+CSQ", "00", timeout_s=3, prefix="+CMGS")
        with pytest.raises(CommandError):
            await bench.channel.command("AT+CMMS=1", timeout_s=3)
        assert bench.peer.heard == ["AT+CMEE?", "AT+CMMS=1"]

    on_bench(scenario)
