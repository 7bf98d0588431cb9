"""Who calls in on a SIP line: Debian's baresip by way of the trunk's address, a stranger from another one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from audio.call_audio import CallAudio
from audio.events import AudioEvent, DigitHeard, LevelReport, RecordingChunk
from audio.frame import freeze
from audio.orders import Play, StartRecording, StopRecording
from firmware.lines.line import Active, Ended, EndKind, LineNotReadyError, LineStatus
from firmware.lines.sip_line import SipLine
from firmware.sip.caller import caller_of
from firmware.sip.doorkeeper import Doorkeeper
from firmware.sip.trunk import Trunk, TrunkPlan
from firmware.sip.wire import Account, EngineKind
from firmware.values import E164
from tests.firmware.sip.sip_far_end import far_baresip, heard_in, strongest_hz, tone, until
from tests.firmware.sip.test_registering import Registrar, served
from tests.firmware.sip.test_sip_line import loud_part, on_each_engine

CALLER = "+8613912345678"


class Doorbell:
    """Counts who rings."""

    def __init__(self, line: SipLine[Any]) -> None:
        self.line, self.n_rings = line, 0

    def __call__(self) -> None:
        self.n_rings += 1


@on_each_engine
async def test_a_call_by_the_trunk_is_answered_and_a_strangers_is_not(
    tmp_path: Path, engine: EngineKind
) -> None:
    """Rung with the caller's number; turned away once, given up once, then answered, heard both ways, keys told."""
    loop = asyncio.get_running_loop()
    transport, registrar = await loop.create_datagram_endpoint(Registrar, ("127.0.0.1", 0))
    server = transport.get_extra_info("sockname")[1]
    heard: list[AudioEvent] = []
    try:
        async with (
            far_baresip(tmp_path, tone(700, 12)) as far,
            served(engine, domain=f"127.0.0.1:{server}", keep_alive_s=0, expects_callers=True) as line,
        ):
            line.on_ringing = doorbell = Doorbell(line)
            await until(lambda: line.report.status is LineStatus.READY)
            ours = f"sip:{registrar.user}@127.0.0.1:{registrar.caller[1]}"

            stranger = await asyncio.create_subprocess_exec(
                "sipp", "-sn", "uac", "-s", registrar.user, f"127.0.0.1:{registrar.caller[1]}", "-i", "127.0.0.2",
                "-m", "1", "-nostdin", "-timeout", "8", "-trace_shortmsg", "-shortmessage_file", "stranger.txt",
                cwd=tmp_path, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            async with asyncio.timeout(15):
                await stranger.wait()
            told = (tmp_path / "stranger.txt").read_text(encoding="utf-8")
            assert "SIP/2.0 486" in told, "refused"
            assert "SIP/2.0 200" not in told, "and never answered"
            assert (doorbell.n_rings, line.report.status) == (0, LineStatus.READY)

            await far.command("dial", ours)
            await until(lambda: line.is_rung)
            assert line.caller == CALLER
            assert line.report.status is LineStatus.IN_CALL
            with pytest.raises(LineNotReadyError):
                await line.dial(E164(CALLER), ring_timeout_s=5)
            await line.turn_away()
            await until(lambda: line.report.status is LineStatus.READY)

            await far.command("dial", ours)
            await until(lambda: line.is_rung)
            await far.command("hangup")
            await until(lambda: line.report.status is LineStatus.READY)
            assert not line.is_rung
            with pytest.raises(LineNotReadyError):
                await line.answer()

            await far.command("dial", ours)
            await until(lambda: line.is_rung)
            call = await line.answer()

            async def talk() -> None:
                call.audio.order(Play(play_id=1, clips=(freeze(tone(1100, 1.0)),)))
                call.audio.order(StartRecording())
                await until(
                    lambda: any(isinstance(each, LevelReport) and each.in_dbfs > -20 for each in heard)
                )
                await far.command("sndcode", "7")
                await until(lambda: any(isinstance(each, DigitHeard) for each in heard))
                await asyncio.sleep(0.2)  # a second telling of the same press would come now
                call.audio.order(StopRecording())
                await asyncio.sleep(0.1)
                await far.command("hangup")

            async with asyncio.timeout(20):
                async for event in call.events():
                    if isinstance(event, Active):
                        call.audio.start(CallAudio(), heard.extend)
                        talking = asyncio.create_task(talk())
            await talking
            await call.audio.stop()
            assert isinstance(event, Ended)
            assert (event.kind, event.saw_active) == (EndKind.RELEASED_BY_CALLEE, True)
            await until(lambda: line.report.status is LineStatus.READY)
            assert doorbell.n_rings == 3
            assert line._trunk.processes[0].state.n_restarts == 0
            far_heard = far.heard()
    finally:
        transport.close()
    recorded = heard_in([event.pcm for event in heard if isinstance(event, RecordingChunk)])
    assert strongest_hz(recorded[:, 0]) == pytest.approx(700, abs=4)
    assert strongest_hz(loud_part(far_heard, seconds=1.0)) == pytest.approx(1100, abs=4)
    assert [event.digit for event in heard if isinstance(event, DigitHeard)] == ["7"]


INVITE = "INVITE sip:box@192.0.2.1 SIP/2.0\r\n{headers}\r\nCall-ID: a\r\n\r\nFrom: <sip:999@in-the-body>\r\n"


@pytest.mark.parametrize(
    ("headers", "number"),
    [
        pytest.param("From: <sip:+8613912345678@x>;tag=1", CALLER, id="plain"),
        pytest.param("f: sip:008613912345678@x;tag=1", "008613912345678", id="short form, no brackets"),
        pytest.param('From: "+44 20 <sip:911@y>" <sip:13912345678;phone-context=+86@x>', "13912345678", id="a name"),
        pytest.param("From: <tel:+86-139-1234-5678>", CALLER, id="tel with separators"),
        pytest.param("From: <sip:a@x>\r\nP-Asserted-Identity: <sip:+8613912345678@x>", CALLER, id="vouched for"),
        pytest.param(
            'From: <sip:+1@x>\r\nP-Asserted-Identity: "A" <sip:bob@x>,\r\n <tel:+8613912345678>', CALLER, id="two, folded"
        ),
        pytest.param("From: <sip:+8613912345678@x>\r\nPrivacy: id;critical", "", id="wants to be unknown"),
        pytest.param("From: <sip:+8613912345678@x>\r\nPrivacy: none", CALLER, id="privacy: none"),
        pytest.param('From: "Anonymous" <sip:anonymous@anonymous.invalid>', "", id="anonymous"),
        pytest.param("From: <sip:1001;DROP TABLE@x>", "1001", id="an extension"),
        pytest.param("From: <sip:+86139' OR 1=1@x>", "", id="no number"),
        pytest.param("Subject: none", "", id="no From"),
        pytest.param('From: "' + '\\"' * 30_000, "", id="a quote without end"),
        pytest.param("P-Asserted-Identity: x\r\n" * 2000 + "From: <sip:+8613912345678@x>", CALLER, id="many"),
    ],
)  # fmt: skip
def test_the_number_that_an_invite_shows(headers: str, number: str) -> None:
    assert caller_of(INVITE.format(headers=headers)) == number


def test_whose_address_is_the_trunks() -> None:
    """Its servers' by name, those that the settings name, those that took us; in whatever spelling, and no other."""

    async def go() -> None:
        door = Doorkeeper(Account(user="box7", domain="localhost:5061", peers=("203.0.113.8", "2001:DB8::7")))
        assert not door.is_trunks("127.0.0.1"), "nobody looked yet"
        looking = asyncio.create_task(door.keep_looking())
        await until(lambda: door.is_trunks("127.0.0.1"))
        looking.cancel()
        assert door.is_trunks("203.0.113.8")
        assert door.is_trunks("::ffff:203.0.113.8")
        assert door.is_trunks("[2001:db8:0:0::7]")
        assert not any(map(door.is_trunks, ("203.0.113.9", "", "sip.example.com", "0.0.0.0")))
        for place in range(100):
            door.served_by(f"198.51.100.{place}")
        assert door.is_trunks("198.51.100.99")
        assert not door.is_trunks("198.51.100.0"), "a farm, and not the world"

    asyncio.run(go())


@pytest.mark.parametrize(
    ("written", "caller"), [("008613912345678", CALLER), (CALLER, CALLER), ("13912345678", "13912345678")]
)
def test_a_server_that_writes_00_is_read_so(written: str, caller: str) -> None:
    account = Account(user="box", domain="127.0.0.1:9", registers=False)
    trunk = Trunk(TrunkPlan(name="t", engine="baresip", account=account, n_lines=1, number_format="00"))
    assert trunk._shown(written) == caller
