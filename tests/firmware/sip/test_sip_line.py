"""A SIP line against real far ends: Debian's baresip for the sound, sipp for what a server may answer."""

import asyncio
import functools
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from audio.call_audio import CallAudio
from audio.events import AudioEvent, DigitHeard, RecordingChunk
from audio.frame import freeze
from audio.orders import Play, StartRecording, StopRecording
from firmware.clock import RealWorld
from firmware.lines.line import Active, CallEvent, Ended, EndKind, LineError, LineStatus
from firmware.lines.sip_call import SipCall
from firmware.lines.sip_line import SipLine
from firmware.sip.trunk import Trunk, TrunkPlan
from firmware.sip.wire import Account, Codec, EngineKind
from firmware.values import E164, LineId
from tests.firmware.sip.sip_far_end import (
    EMPTY,
    RECV_INVITE,
    SDP,
    far_baresip,
    far_sipp,
    free_port,
    in_dialogue,
    scenario,
    send,
    strongest_hz,
    tone,
    until,
)

CALLEE, OWN = E164("+8613912345678"), "+862155501234"
ENGINES: tuple[EngineKind, ...] = ("baresip", "pjsua2")


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*given: Any, **named: Any) -> None:
        asyncio.run(test(*given, **named))

    return run


def on_each_engine(test: Callable[[Path, EngineKind], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """Run a test on both engines at the same time, each with a folder of its own."""

    async def on(engine: EngineKind, tmp_path: Path) -> None:
        folder = tmp_path / engine
        folder.mkdir()
        try:
            await test(folder, engine)
        except Exception as error:
            error.add_note(f"on {engine}")
            raise

    async def on_both(tmp_path: Path) -> None:
        async with asyncio.TaskGroup() as both:
            for engine in ENGINES:
                both.create_task(on(engine, tmp_path), name=engine)

    def run(tmp_path: Path) -> None:
        asyncio.run(on_both(tmp_path))

    run.__doc__, run.__name__ = test.__doc__, test.__name__
    return run


@asynccontextmanager
async def line_to(
    engine: EngineKind, port: int, *, codecs: tuple[Codec, ...] = ("pcma", "pcmu")
) -> AsyncIterator[SipLine[RealWorld]]:
    """A line on a trunk without registration whose server is a far end on this machine."""
    account = Account(
        user="box", domain=f"127.0.0.1:{port}", registers=False, interface="127.0.0.1", codecs=codecs
    )
    trunk = Trunk(TrunkPlan(name="t", engine=engine, account=account, n_lines=1, numbers=(OWN,)))
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()
    line = SipLine(
        LineId("t-1"), trunk, 0, world=RealWorld, now_s=loop.time, on_change=lambda _report: changed.set()
    )
    serving = asyncio.create_task(line.serve())
    try:
        async with asyncio.timeout(20):
            while line.report.status is not LineStatus.READY:
                changed.clear()
                await changed.wait()
        yield line
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def ended(call: SipCall) -> tuple[list[CallEvent], Ended]:
    seen: list[CallEvent] = []
    async with asyncio.timeout(20):
        async for event in call.events():
            seen.append(event)
    assert isinstance(seen[-1], Ended)
    return seen, seen[-1]


@on_each_engine
async def test_sound_keys_and_hang_up_both_ways(tmp_path: Path, engine: EngineKind) -> None:
    """The far end's tone is heard, ours is in its recording, its RFC 4733 key is told once; the line is free after."""
    heard: list[AudioEvent] = []
    async with far_baresip(tmp_path, tone(700, 12)) as far, line_to(engine, far.port) as line:
        call = await line.dial(CALLEE, ring_timeout_s=10)

        def take(events: list[AudioEvent]) -> None:
            heard.extend(events)

        async def talk() -> None:
            call.audio.order(Play(play_id=1, clips=(freeze(tone(1100, 1.2)),)))
            call.audio.order(StartRecording())
            await asyncio.sleep(1.0)  # real media: the call lasts as long as its sound
            await far.command("sndcode", "5")
            await asyncio.sleep(0.6)
            call.audio.order(StopRecording())
            await asyncio.sleep(0.1)
            await call.hang_up()

        events: list[CallEvent] = []
        async with asyncio.timeout(20):
            async for event in call.events():
                events.append(event)
                if isinstance(event, Active):
                    call.audio.start(CallAudio(), take)
                    talking = asyncio.create_task(talk())
        await talking
        statistics = await call.audio.stop()
        assert line.report.status is LineStatus.READY
        await asyncio.sleep(0.2)
        far_heard = far.heard()
    last = events[-1]
    assert isinstance(last, Ended)
    assert last.kind is EndKind.RELEASED_BY_US
    assert last.saw_active
    recorded = [event.pcm for event in heard if isinstance(event, RecordingChunk)]
    both = np.frombuffer(b"".join(recorded), dtype="<i2").reshape(-1, 2)
    assert strongest_hz(both[2400:8000, 0]) == pytest.approx(700, abs=3)
    assert strongest_hz(loud_part(far_heard)) == pytest.approx(1100, abs=3)
    assert [event.digit for event in heard if isinstance(event, DigitHeard)] == ["5"]
    assert 40 <= statistics.frames <= 150
    quality = last.quality
    assert quality is not None
    assert min(quality.packets_in, quality.packets_out) > 40
    assert quality.lost_in < 10
    assert 0 <= quality.jitter_in_ms < 200


def loud_part(pcm: NDArray[np.int16], *, seconds: float = 1.2) -> NDArray[np.int16]:
    loud = np.flatnonzero(np.abs(pcm) > 3000)
    assert len(loud), "the far end heard nothing"
    part = pcm[loud[0] : loud[-1]]
    assert len(part) > 0.8 * seconds * 8000, "the far end heard only a part of it"
    return part


REFUSED = [
    ("486 Busy Here", "", EndKind.BUSY, 17),
    ("480 Temporarily Unavailable", 'Reason: Q.850;cause=20;text="absent"', EndKind.UNREACHABLE, 20),
    ("480 Temporarily Unavailable", "Reason: Q.850 ;cause=19, SIP;cause=480", EndKind.NO_ANSWER, 19),
    ("302 Moved Temporarily", "", EndKind.FORWARDED, None),  # and nobody follows it
    ("603 Decline", "", EndKind.REJECTED, 21),
    ("404 Not Found", "", EndKind.VACANT_NUMBER, 1),
    ("410 Gone", "", EndKind.VACANT_NUMBER, 22),
    ("503 Service Unavailable", "Reason: Q.850;cause=34", EndKind.CONGESTION, 34),
    ("500 Server Internal Error", "Reason: Q.850;cause=17", EndKind.BUSY, 17),
    ("488 Not Acceptable Here", "", EndKind.LOCAL_FAULT, None),
    ("604 Does Not Exist Anywhere", "", EndKind.VACANT_NUMBER, 1),
    ("487 Request Terminated", "", EndKind.NO_ANSWER, None),
]


@on_each_engine
async def test_a_refusal_has_the_outcome_of_a_gsm_call(tmp_path: Path, engine: EngineKind) -> None:
    """On both engines alike: the status, a Reason header where there is one, and whether it rang."""
    ends: list[Ended] = []
    port = free_port()
    async with line_to(engine, port) as line:
        for status, reason, _kind, _q850 in REFUSED:
            more = (reason + "\n" if reason else "") + EMPTY
            text = scenario(RECV_INVITE, send("180 Ringing"), send(status, more), '<recv request="ACK"/>')
            async with far_sipp(tmp_path, text, port=port) as far:
                ends.append((await ended(await line.dial(CALLEE, ring_timeout_s=10)))[1])
        invites = far.text()
    assert [(end.kind, end.q850) for end in ends] == [
        (kind, q850) for _status, _reason, kind, q850 in REFUSED
    ]
    assert all(end.saw_alerting and not end.saw_active for end in ends)
    assert str(CALLEE) not in " ".join(word for end in ends for word in end.evidence)
    assert f"P-Preferred-Identity: <sip:{OWN}@" in invites  # red line 1: no number but the trunk's own
    assert "From: <sip:box@" in invites
    assert "Privacy:" not in invites


ANSWERED_BY_200 = '<recv response="100" optional="true"/><recv response="200"/>'


def offer(cseq: int, sdp: str, *headers: str) -> str:
    """A re-INVITE that the far end sends, answered with 200 and acknowledged."""
    return (
        in_dialogue("INVITE", cseq, "".join(f"{header}\n" for header in headers) + sdp)
        + ANSWERED_BY_200
        + in_dialogue("ACK", cseq).replace(' retrans="500"', "")
    )


@on_each_engine
async def test_the_far_end_changes_the_session_and_hangs_up(tmp_path: Path, engine: EngineKind) -> None:
    """183 with sound, the answer with a session timer, its refresh, hold, resume, and a BYE with a Reason header."""
    sdp = SDP.format(rtp=free_port())
    timer = ("Supported: timer", "Session-Expires: 1800;refresher=uas")
    text = scenario(
        RECV_INVITE,
        send("183 Session Progress", sdp),
        '<pause milliseconds="200"/>',
        send("200 OK", "".join(f"{header}\n" for header in timer) + sdp),
        '<recv request="ACK"/>',
        offer(7, sdp, *timer),
        offer(8, sdp + "a=sendonly\n"),
        offer(9, sdp),
        '<pause milliseconds="100"/>',
        in_dialogue("BYE", 10, "Reason: Q.850;cause=16\n" + EMPTY),
        '<recv response="200"/>',
    )
    async with far_sipp(tmp_path, text) as far, line_to(engine, far.port) as line:
        events, last = await ended(await line.dial(CALLEE, ring_timeout_s=10))
        told = far.text()
    assert sum(isinstance(event, Active) for event in events) == 1
    assert last.kind is EndKind.RELEASED_BY_CALLEE
    assert "a=recvonly" in told, "on hold we send nothing (RFC 3264 §8.4)"


REFERRED = "Event: refer\nSubscription-State: {state}\nContent-Type: message/sipfrag;version=2.0\nContent-Length: [len]\n\nSIP/2.0 {said}\n"


@pytest.mark.parametrize(
    ("said", "kind"),
    [pytest.param("200 OK", None, id="taken"), pytest.param("486 Busy Here", EndKind.BUSY, id="busy")],
)
@on_a_loop
async def test_a_call_is_put_through_by_the_trunk(tmp_path: Path, said: str, kind: EndKind | None) -> None:
    """REFER on each engine: whom we name is whom the far end is told to call, and its last NOTIFY is the result."""
    text = scenario(
        RECV_INVITE,
        send("200 OK", SDP.format(rtp=free_port())),
        '<recv request="ACK"/><recv request="REFER"/>',
        send("202 Accepted"),
        in_dialogue("NOTIFY", 7, REFERRED.format(state="active;expires=60", said="100 Trying")),
        '<recv response="200"/>',
        in_dialogue("NOTIFY", 8, REFERRED.format(state="terminated;reason=noresource", said=said)),
        '<recv response="200"/><recv request="BYE"/>',
        send("200 OK"),
    )

    async def on(engine: EngineKind) -> None:
        folder = tmp_path / engine
        folder.mkdir()
        async with far_sipp(folder, text) as far, line_to(engine, far.port) as line:
            call = await line.dial(CALLEE, ring_timeout_s=10)
            results: list[EndKind | None] = []

            async def transfer() -> None:
                results.append(await call.transfer("2001", timeout_s=10))
                await call.hang_up()

            async with asyncio.timeout(20):
                async for event in call.events():
                    if isinstance(event, Active):
                        transferring = asyncio.create_task(transfer())
            await transferring
            assert results == [kind], engine
            assert f"sip:2001@127.0.0.1:{far.port}" in re.findall(r"(?im)^Refer-To:.*$", far.text())[0]

    async with asyncio.TaskGroup() as both:
        for engine in ENGINES:
            both.create_task(on(engine))


@on_each_engine
async def test_an_engine_that_dies_costs_its_call_and_comes_back(tmp_path: Path, engine: EngineKind) -> None:
    text = scenario(RECV_INVITE, send("180 Ringing"), '<pause milliseconds="15000"/>')
    async with far_sipp(tmp_path, text) as far, line_to(engine, far.port) as line:
        call = await line.dial(CALLEE, ring_timeout_s=10)
        process = line._trunk.processes[0]
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        _events, last = await ended(call)
        assert last.kind is EndKind.LOCAL_FAULT
        await until(lambda: line.report.status is LineStatus.READY, limit_s=60)
        assert process.state.n_restarts >= 1


@on_a_loop
async def test_a_number_that_is_no_e164_number_is_not_dialled() -> None:
    account = Account(user="box", domain="127.0.0.1:9", registers=False, interface="127.0.0.1")
    trunk = Trunk(TrunkPlan(name="t", engine="baresip", account=account, n_lines=1, number_format="digits"))
    line = SipLine(LineId("t-1"), trunk, 0, world=RealWorld, now_s=lambda: 0.0)
    with pytest.raises(LineError):
        await line.dial(E164("110"), ring_timeout_s=1)
