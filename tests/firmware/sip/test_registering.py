"""Registration with digest at Debian's kamailio, and its loss and recovery at the line; what [[trunk]] refuses."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.clock import RealWorld
from firmware.daemon.sip_trunks import read_password, trunk_of
from firmware.lines.line import LineStatus
from firmware.lines.sip_line import SipLine
from firmware.settings import SettingsError
from firmware.settings_sections import TrunkSection
from firmware.sip.engine_process import SipEngineError
from firmware.sip.trunk import Trunk, TrunkPlan
from firmware.sip.wire import Account, EngineKind
from firmware.values import LineId
from tests.firmware.sip.kamailio_server import SECRET, kamailio
from tests.firmware.sip.sip_far_end import until

ENGINES: tuple[EngineKind, ...] = ("baresip", "pjsua2")


def section(folder: Path, port: int, *, password: str = SECRET) -> TrunkSection:
    path = folder / "password"
    path.write_text(password + "\n", encoding="utf-8")
    path.chmod(0o400)
    given = {
        "id": "office", "server": f"127.0.0.1:{port}", "user": "box7", "password_file": str(path),
        "engine": "baresip", "interface": "127.0.0.1",
    }  # fmt: skip
    return msgspec.convert(given, TrunkSection)


@asynccontextmanager
async def served(engine: EngineKind, **given: Any) -> AsyncIterator[SipLine[RealWorld]]:
    account = Account(user="box7", interface="127.0.0.1", **given)
    trunk = Trunk(TrunkPlan(name="office", engine=engine, account=account, n_lines=1), lambda: SECRET)
    line = SipLine(LineId("office-1"), trunk, 0, world=RealWorld, now_s=asyncio.get_running_loop().time)
    serving = asyncio.create_task(line.serve())
    try:
        yield line
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def test_a_lost_registrar_costs_readiness_and_comes_back(tmp_path: Path) -> None:
    """Ready once the registrar has taken the digest; searching while it is gone; ready again without a restart."""

    async def on(engine: EngineKind) -> None:
        folder = tmp_path / engine
        folder.mkdir()
        async with AsyncExitStack() as stack:
            async with kamailio(folder) as server:
                domain = f"127.0.0.1:{server.port}"
                line = await stack.enter_async_context(
                    served(engine, domain=domain, transport="tcp", register_s=2, retry_s=1)
                )
                await until(lambda: line.report.status is LineStatus.READY)
                assert line.report.operator == domain
                assert engine in line.report.model
            await until(lambda: line.report.status is LineStatus.SEARCHING)
            assert "refused" in line.report.detail
            async with kamailio(folder, port=server.port):
                await until(lambda: line.report.status is LineStatus.READY)
        assert line._trunk.processes[0].state.n_restarts == 0

    async def go() -> None:
        async with asyncio.TaskGroup() as both:
            for engine in ENGINES:
                both.create_task(on(engine))

    asyncio.run(go())


class Registrar(asyncio.DatagramProtocol):
    """Takes everybody, is busy to every call, and keeps what was sent."""

    def __init__(self) -> None:
        self.caller: tuple[str, int] = ("", 0)
        self.user = ""
        """Where the last request came from, an engine's own SIP port, and as whom it wants to be called."""
        self.heard: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.append(data)
        if data.startswith((b"REGISTER", b"INVITE")):
            self.caller = addr
            found = re.search(rb"(?im)^(?:Contact|m)\s*:.*?sip:([^@]+)@", data)
            self.user = found.group(1).decode() if found else self.user
            kept = [
                line
                for line in data.split(b"\r\n")
                if line.partition(b":")[0].lower()
                in {b"via", b"from", b"to", b"call-id", b"cseq", b"contact", b"expires"}
            ]
            status = b"SIP/2.0 200 OK" if data.startswith(b"REGISTER") else b"SIP/2.0 486 Busy Here"
            answer = [status, *kept, b"Content-Length: 0", b"", b""]
            self._transport.sendto(b"\r\n".join(answer), addr)


def test_a_nat_on_the_way_is_kept_open() -> None:
    """Over UDP something goes out again before a NAT forgets: a registration, or an empty line (RFC 5626 §3.5.1)."""

    async def on(engine: EngineKind, kept_open: Callable[[list[bytes]], bool]) -> None:
        transport, registrar = await asyncio.get_running_loop().create_datagram_endpoint(
            Registrar, ("127.0.0.1", 0)
        )
        port = transport.get_extra_info("sockname")[1]
        try:
            async with served(engine, domain=f"127.0.0.1:{port}", keep_alive_s=2):
                await until(lambda: kept_open(registrar.heard))
        finally:
            transport.close()

    async def go() -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(on("baresip", lambda heard: sum(b"REGISTER" in data for data in heard) > 1))
            both.create_task(on("pjsua2", lambda heard: b"\r\n" in heard))

    asyncio.run(go())


def test_a_wrong_password_is_a_fault_that_the_line_tells(tmp_path: Path) -> None:
    async def go() -> None:
        async with kamailio(tmp_path) as server:
            line = SipLine(
                LineId("office-1"), trunk_of(section(tmp_path, server.port, password="wrong")), 0,
                world=RealWorld, now_s=asyncio.get_running_loop().time,
            )  # fmt: skip
            serving = asyncio.create_task(line.serve())
            try:
                await until(lambda: line.report.status is LineStatus.FAULTED, limit_s=12)
            finally:
                serving.cancel()
                with suppress(asyncio.CancelledError):
                    await serving
        assert "401" in line.report.detail
        assert "wrong" not in line.report.detail

    asyncio.run(go())


def test_a_password_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    found = section(tmp_path, 5060)
    assert read_password(found) == SECRET
    (tmp_path / "password").chmod(0o444)
    with pytest.raises(SipEngineError, match="chmod 0400"):
        read_password(found)


def test_an_engine_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"branchline\[sip\]"):
        trunk_of(section(tmp_path, 5060))
