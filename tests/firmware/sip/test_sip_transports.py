"""Calls through Debian's kamailio over TCP and over TLS with SRTP, by an outbound proxy; who is not who it should be is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audio.call_audio import CallAudio
from audio.frame import freeze
from audio.orders import Play
from firmware.clock import RealWorld
from firmware.daemon.sip_trunks import trunk_of
from firmware.lines.line import Active, Ended, EndKind, LineStatus
from firmware.lines.sip_line import SipLine
from firmware.settings import SettingsError
from firmware.settings_sections import TrunkSection
from firmware.sip.wire import EngineKind
from firmware.values import E164, LineId
from tests.firmware.sip.kamailio_server import DOMAIN, SECRET, kamailio
from tests.firmware.sip.sip_far_end import far_baresip, strongest_hz, tone, until
from tests.firmware.sip.test_sip_line import loud_part, on_a_loop

SAID_S = 0.9
ENGINES: tuple[EngineKind, ...] = ("baresip", "pjsua2")


@asynccontextmanager
async def line_by(folder: Path, engine: EngineKind, **given: Any) -> AsyncIterator[SipLine[RealWorld]]:
    """A served line of a trunk as the settings give it."""
    password = folder / f"{engine}.password"
    password.write_text(SECRET, encoding="utf-8")
    password.chmod(0o400)
    document = {
        "id": "office", "user": "box7", "engine": engine, "password_file": str(password), "interface": "127.0.0.1",
    }  # fmt: skip
    section = msgspec.convert(document | given, TrunkSection)
    now_s = asyncio.get_running_loop().time
    line = SipLine(LineId("office-1"), trunk_of(section), 0, world=RealWorld, now_s=now_s)
    serving = asyncio.create_task(line.serve())
    try:
        yield line
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def talks(line: SipLine[RealWorld]) -> Ended:
    """Have one call say a tone, and return its end."""
    await until(lambda: line.report.status is LineStatus.READY, limit_s=12)
    call = await line.dial(E164("+8613912345678"), ring_timeout_s=8)
    hanging: list[asyncio.Task[None]] = []

    async def hang_up_soon() -> None:
        await asyncio.sleep(SAID_S + 0.3)  # real media: the call lasts as long as its sound
        await call.hang_up()

    async with asyncio.timeout(20):
        async for event in call.events():
            if isinstance(event, Active):
                call.audio.start(CallAudio(), lambda _events: None)
                call.audio.order(Play(play_id=1, clips=(freeze(tone(1100, SAID_S)),)))
                hanging.append(asyncio.create_task(hang_up_soon()))
    await call.audio.stop()
    assert isinstance(event, Ended)
    assert event.quality is not None
    assert event.quality.packets_in > 30
    return event


async def has_called(folder: Path, *, is_tls: bool) -> None:
    """Call once on each engine, over one kind of connection."""
    folder.mkdir()
    account = "regint=0;answermode=auto" + (";mediaenc=srtp-mand" if is_tls else "")
    async with (
        far_baresip(folder, tone(700, 4), account=account) as far,
        kamailio(folder, far=far.port) as server,
    ):
        given: dict[str, Any] = (
            {"server": f"localhost:{server.tls_port}", "transport": "tls", "srtp": True, "ca": str(server.ca)}
            if is_tls
            else {"server": DOMAIN, "transport": "tcp", "proxy": f"127.0.0.1:{server.port}"}
        )
        async with line_by(folder, "pjsua2", **given) as two, line_by(folder, "baresip", **given) as one:
            # One after the other: the far end names its recordings by the second.
            ends = [await talks(one), await talks(two)]
        heard = far.recordings()
        told = [line.split() for line in server.told()]
    assert [end.kind for end in ends] == [EndKind.RELEASED_BY_US] * 2
    assert len(heard) == 2
    for pcm in heard:
        assert strongest_hz(loud_part(pcm, seconds=SAID_S)) == pytest.approx(1100, abs=3)
    assert {method for method, _, _ in told} == {"REGISTER", "INVITE", "ACK", "BYE"}
    assert {transport for _, transport, _ in told} == {"tls" if is_tls else "tcp"}
    assert {sound for method, _, sound in told if method == "INVITE"} == {"secured" if is_tls else "-"}


@on_a_loop
async def test_calls_over_connections(tmp_path: Path) -> None:
    """Registered, challenged, answered, heard and ended: by an outbound proxy over TCP alone, and over TLS with SRTP alone."""
    async with asyncio.TaskGroup() as both:
        both.create_task(has_called(tmp_path / "tcp", is_tls=False))
        both.create_task(has_called(tmp_path / "tls", is_tls=True))


@on_a_loop
async def test_a_server_that_is_not_who_it_should_be_hears_nothing(tmp_path: Path) -> None:
    """A certificate of another CA, or for another name: no engine tells the account, and the line is not ready."""
    async with kamailio(tmp_path) as server, AsyncExitStack() as stack:
        lines = [
            await stack.enter_async_context(
                line_by(tmp_path, engine, server=f"localhost:{port}", transport="tls", srtp=True, ca=str(ca))
            )
            for engine in ENGINES
            for port, ca in ((server.tls_port, server.strange_ca), (server.other_tls_port, server.ca))
        ]
        await until(lambda: all(line.report.status is LineStatus.SEARCHING for line in lines))
        await until(lambda: all("registering" not in line.report.detail for line in lines))
        assert server.told() == []


def test_a_certificate_is_held_against_what_the_engine_can_check() -> None:
    """baresip takes any certificate of the CA for a server that is written as an address: so it gets none to take."""
    section = {"id": "office", "user": "box7", "transport": "tls", "ca": "ca.pem"}
    for peer in ({"server": "192.0.2.7:5061"}, {"server": DOMAIN, "proxy": "[2001:db8::7]:5061"}):
        with pytest.raises(SettingsError, match="as its certificate does"):
            trunk_of(msgspec.convert(section | peer | {"engine": "baresip"}, TrunkSection))
        assert trunk_of(msgspec.convert(section | peer, TrunkSection)).plan.engine == "pjsua2"
    named = {"server": "192.0.2.7", "proxy": f"{DOMAIN}:5061"}
    assert trunk_of(msgspec.convert(section | named, TrunkSection)).plan.engine == "baresip"
