"""Registration with digest at Debian's kamailio, and its loss and recovery at the line; what [[trunk]] refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from firmware.clock import RealWorld
from firmware.lines.line import LineStatus
from firmware.lines.sip_line import SipLine
from firmware.settings import SettingsError
from firmware.settings_sections import TrunkSection
from firmware.sip.engine_process import SipEngineError
from firmware.sip_trunks import read_password, trunk_of
from firmware.values import LineId
from tests.firmware.sip.sip_far_end import free_port, until

SECRET = "s3cret word"
CONFIG = """
debug=0
log_stderror=yes
children=1
fork=no
listen=udp:127.0.0.1:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
request_route {{
    if (method == "REGISTER") {{
        if (!pv_www_authenticate("127.0.0.1", "{secret}", "0")) {{
            www_challenge("127.0.0.1", "1");
            exit;
        }}
        save("location");
        exit;
    }}
    sl_send_reply("404", "Not Here");
}}
"""


@asynccontextmanager
async def kamailio(folder: Path, port: int) -> AsyncIterator[None]:
    path = folder / "kamailio.cfg"
    path.write_text(CONFIG.format(port=port, secret=SECRET), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        "kamailio", "-f", str(path), "-DD", "-E", "-m", "32", "-M", "4", "-Y", str(folder), "-w", str(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=(folder / "kamailio.txt").open("wb"),
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def section(folder: Path, port: int, *, password: str = SECRET, engine: str = "baresip") -> TrunkSection:
    path = folder / "password"
    path.write_text(password + "\n", encoding="utf-8")
    path.chmod(0o400)
    given = {
        "id": "office", "server": f"127.0.0.1:{port}", "user": "box7", "password_file": str(path),
        "engine": engine, "interface": "127.0.0.1",
    }  # fmt: skip
    return msgspec.convert(given, TrunkSection)


@pytest.mark.parametrize("engine", ["baresip", "pjsua2"])
def test_a_line_is_ready_once_the_registrar_knows_us(tmp_path: Path, engine: str) -> None:
    async def go() -> None:
        port = free_port()
        line = SipLine(
            LineId("office-1"), trunk_of(section(tmp_path, port, engine=engine)), 0, world=RealWorld,
            now_s=asyncio.get_running_loop().time,
        )  # fmt: skip
        async with kamailio(tmp_path, port):
            serving = asyncio.create_task(line.serve())
            try:
                await until(lambda: line.report.status is LineStatus.READY, limit_s=12)
            finally:
                serving.cancel()
                with suppress(asyncio.CancelledError):
                    await serving
        assert line.report.operator == f"127.0.0.1:{port}"
        assert engine in line.report.model

    asyncio.run(go())


def test_a_wrong_password_is_a_fault_that_the_line_tells(tmp_path: Path) -> None:
    async def go() -> None:
        port = free_port()
        line = SipLine(
            LineId("office-1"), trunk_of(section(tmp_path, port, password="wrong")), 0, world=RealWorld,
            now_s=asyncio.get_running_loop().time,
        )  # fmt: skip
        async with kamailio(tmp_path, port):
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
