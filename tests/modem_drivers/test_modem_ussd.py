"""Questions to the operator: every way modems write the answer, menus, and what is never asked."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.at.channel import AtChannel
from modem_drivers.at.memory_port import MemoryPort
from modem_drivers.errors import (
    ForbiddenCommandError,
    LocalProtocolError,
    PortClosedError,
    UssdError,
    UssdTimeoutError,
)
from modem_drivers.pdu.ussd_text import decode_ussd, encode_packed
from modem_drivers.ussd import Ussd, UssdAnswer, UssdState

Run = Callable[..., Any]
CHINESE = "您的余额为25.50元"
IN_UCS2 = CHINESE.encode("utf-16-be").hex().upper()


class UssdPeer:
    """Answers AT+CUSD=1 with given lines, before or after its OK."""

    def __init__(self, answers: dict[str, list[str]], *, before_ok: bool = False) -> None:
        self.port = MemoryPort("modem0")
        self.port.connect(self._take)
        self.answers = answers
        self.before_ok = before_ok
        self.refused: dict[str, str] = {}
        self.heard: list[str] = []

    def say(self, *lines: str) -> None:
        self.port.feed("".join(f"\r\n{line}\r\n" for line in lines).encode("latin-1"))

    def _take(self, data: bytes) -> None:
        for command in data.decode().split("\r")[:-1]:
            self.heard.append(command)
            if command in self.refused:
                self.say(self.refused[command])
            elif command.startswith("AT+CUSD=1"):
                answer = self.answers.get(command.split('"')[1], [])
                if self.before_ok:
                    self.say(*answer, "OK")
                else:
                    self.say("OK")
                    asyncio.get_running_loop().call_later(2.0, self.say, *answer)
            else:
                self.say("+CMEE: 1", "OK")


@pytest.fixture
def asked(run_virtual: Run) -> Callable[..., Any]:
    """Run a scenario with the capability and its peer."""

    def run(scenario: Callable[[Ussd, UssdPeer], Any], peer_of: Callable[[], UssdPeer]) -> Any:
        async def wired() -> Any:
            loop = asyncio.get_running_loop()
            peer = peer_of()
            channel = AtChannel(peer.port, on_urc=lambda _: None, on_closed=lambda: None, now_s=loop.time)
            async with channel:
                return await scenario(Ussd(channel), peer)

        return run_virtual(wired())

    return run


@pytest.mark.parametrize("before_ok", [False, True], ids=["after OK", "before OK"])
@pytest.mark.parametrize(
    ("lines", "state", "text"),
    [
        pytest.param(['+CUSD: 0,"Balance: 10.00",15'], UssdState.FINISHED, "Balance: 10.00", id="plain"),
        pytest.param(['+CUSD: 0, "Balance: 10.00", 15'], UssdState.FINISHED, "Balance: 10.00", id="blanks"),
        pytest.param(['+CUSD: 0,"Balance: 10.00"'], UssdState.FINISHED, "Balance: 10.00", id="no coding"),
        pytest.param([f'+CUSD: 0,"{IN_UCS2}",72'], UssdState.FINISHED, CHINESE, id="UCS-2"),
        pytest.param(
            [f'+CUSD: 0,"{IN_UCS2}",8'], UssdState.FINISHED, CHINESE, id="UCS-2 by a message's number"
        ),
        pytest.param(
            ['+CUSD: 1,"1 Balance', "2 Data", 'Choose",15'],
            UssdState.REPLY_WANTED,
            "1 Balance\n2 Data\nChoose",
            id="three lines",
        ),
        pytest.param(
            ['+CUSD: 0,"say ""hi"" now",15'], UssdState.FINISHED, 'say ""hi"" now', id="quotes inside"
        ),
        pytest.param(["+CUSD: 2"], UssdState.ENDED_BY_NETWORK, "", id="ended"),
        pytest.param(["+CUSD: 4"], UssdState.NOT_SUPPORTED, "", id="not supported"),
        pytest.param(['+CUSD: 9,"x",15'], UssdState.FINISHED, "x", id="a state nobody knows"),
        pytest.param(["+CUSD: ?!"], UssdState.FINISHED, "", id="nonsense"),
    ],
)
def test_answers(asked: Run, lines: list[str], state: UssdState, text: str, before_ok: bool) -> None:
    async def scenario(ussd: Ussd, _: UssdPeer) -> UssdAnswer:
        return await ussd.ask("*100#")

    answer = asked(scenario, lambda: UssdPeer({"*100#": lines}, before_ok=before_ok))
    assert (answer.state, answer.text) == (state, text)


def test_a_menu_is_walked_and_left(asked: Run) -> None:
    async def scenario(ussd: Ussd, peer: UssdPeer) -> None:
        assert (await ussd.ask("*102#")).state is UssdState.REPLY_WANTED
        assert (await ussd.reply("1")).text == "10.00"
        await ussd.cancel()
        assert peer.heard[-1] == "AT+CUSD=2"

    asked(
        scenario,
        lambda: UssdPeer({"*102#": ['+CUSD: 1,"1 Balance",15'], "1": ['+CUSD: 0,"10.00",15']}),
    )


def test_a_modem_that_wants_it_packed_gets_it_packed_from_then_on(asked: Run) -> None:
    packed = encode_packed("*100#")
    assert packed == "AA180C3602", "as gammu writes it"

    async def scenario(ussd: Ussd, peer: UssdPeer) -> None:
        peer.refused['AT+CUSD=1,"*100#",15'] = "ERROR"
        assert (await ussd.ask("*100#")).text == "Balance: 10.00"
        assert (await ussd.ask("*100#")).text == "Balance: 10.00"
        asked_for = [command for command in peer.heard if "CUSD" in command]
        assert asked_for == ['AT+CUSD=1,"*100#",15'] + [f'AT+CUSD=1,"{packed}",15'] * 2

    asked(scenario, lambda: UssdPeer({packed: [f'+CUSD: 0,"{encode_packed("Balance: 10.00")}",15']}))


def test_refusal_silence_and_a_lost_end(asked: Run) -> None:
    async def scenario(ussd: Ussd, peer: UssdPeer) -> None:
        peer.refused['AT+CUSD=1,"*101#",15'] = "+CME ERROR: 30"
        with pytest.raises(UssdError) as refused:
            await ussd.ask("*101#")
        assert refused.value.code == 30
        with pytest.raises(UssdTimeoutError):
            await ussd.ask("*103#")
        assert peer.heard[-1] == "AT+CUSD=2", "the network's session is ended with ours"
        assert (await ussd.ask("*104#")).text == "Balance:\n10"
        late = asyncio.create_task(ussd.ask("*103#"))
        await asyncio.sleep(3)
        peer.port.break_off()
        with pytest.raises(PortClosedError):
            await late

    asked(scenario, lambda: UssdPeer({"*104#": ['+CUSD: 0,"Balance:', "10"]}))


def test_a_modem_whose_characters_stay_ucs2(asked: Run) -> None:
    async def scenario(ussd: Ussd, peer: UssdPeer) -> UssdAnswer:
        peer.refused = {'AT+CSCS="GSM"': "ERROR", 'AT+CSCS="IRA"': "ERROR"}
        original = peer._take

        def take(data: bytes) -> None:
            if data == b"AT+CSCS?\r":
                peer.say('+CSCS: "UCS2"', "OK")
            else:
                original(data)

        peer.port.connect(take)
        return await ussd.ask("*100#")

    balance = "10".encode("utf-16-be").hex().upper()
    assert asked(scenario, lambda: UssdPeer({"*100#": [f'+CUSD: 0,"{balance}",15']})).text == "10"


@pytest.mark.parametrize(
    "code",
    [
        "*21*13800000001#",
        "**61*1#",
        "##002#",
        "#31#",
        "*31#",
        "*30#",
        "**04*1234*1*1#",
        "*33*1#",
        "*43#",
        "*591#",
    ],
)
def test_services_are_never_changed(asked: Run, code: str) -> None:
    async def scenario(ussd: Ussd, peer: UssdPeer) -> None:
        with pytest.raises(ForbiddenCommandError):
            await ussd.ask(code)
        assert peer.heard == []

    asked(scenario, lambda: UssdPeer({}))


@pytest.mark.parametrize("code", ["", "abc", '*100#"', "*100#\r", "*100*", "112", "*1;2#", "1" * 21])
def test_what_is_no_code_is_not_sent(asked: Run, code: str) -> None:
    async def scenario(ussd: Ussd, peer: UssdPeer) -> None:
        with pytest.raises(LocalProtocolError):
            await ussd.ask(code)
        assert peer.heard == []

    asked(scenario, lambda: UssdPeer({}))


@pytest.mark.parametrize(
    ("text", "dcs", "read"),
    [
        pytest.param("1234567890", 15, "1234567890", id="digits stay digits"),
        pytest.param("DEADBEEF", 15, "DEADBEEF", id="a word that happens to be hexadecimal"),
        pytest.param(encode_packed("Saldo: 12.50 EUR"), 15, "Saldo: 12.50 EUR", id="packed"),
        pytest.param("Saldo".encode("utf-16-be").hex(), 15, "Saldo", id="UCS-2 that nobody announced"),
        pytest.param("7A68" + IN_UCS2, 0x11, CHINESE, id="UCS-2 after a language"),
        pytest.param("48656C6C6F", 68, "Hello", id="8-bit"),
        pytest.param("12\x00\x02\x11", 15, "12@$_", id="codes of the GSM table"),
        pytest.param("Gr\u00c3\u00bc\u00c3\u009fe", 15, "Grüße", id="UTF-8"),
        pytest.param("caf\u00e9", 15, "café", id="Latin-1"),
    ],
)
def test_strings(text: str, dcs: int, read: str) -> None:
    assert decode_ussd(text, dcs) == read


@given(
    text=st.text(max_size=60), dcs=st.none() | st.integers(0, 255), packed=st.booleans(), ucs2=st.booleans()
)
@settings(max_examples=100, deadline=None)
def test_any_string_is_read(text: str, dcs: int | None, packed: bool, ucs2: bool) -> None:
    decode_ussd(text, dcs, is_packed=packed, is_ucs2=ucs2)
    decode_ussd(text.encode("utf-8").hex(), dcs, is_packed=packed, is_ucs2=ucs2)


@given(text=st.text(st.sampled_from("0123456789*#abcXYZ .:€"), min_size=1, max_size=100).map(str.strip))
@settings(max_examples=100, deadline=None)
def test_packed_both_ways(text: str) -> None:
    assert decode_ussd(encode_packed(text), 15, is_packed=True) == text


@given(text=st.text(st.sampled_from("0123456789您的余额元👍 ."), max_size=70))
@settings(max_examples=100, deadline=None)
def test_ucs2_both_ways(text: str) -> None:
    assert decode_ussd(text.encode("utf-16-be").hex().upper(), 72) == text
