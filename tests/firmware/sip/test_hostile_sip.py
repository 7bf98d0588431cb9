"""Whoever finds an engine's port: the traps of RFC 4475 and a flood of calls break nothing, and nobody is answered.

Calls are wanted on the line. The traps come from a stranger's address; the flood has the trunk's own, as a server that lets
everybody through would bring it.
"""

import asyncio
import contextlib
import re
from pathlib import Path
from typing import Any

from firmware.lines.line import EndKind, LineStatus
from firmware.lines.sip_line import SipLine
from firmware.sip.trunk import MOST_OFFERED_AT_ONCE, OFFERED_PER_S
from firmware.sip.wire import EngineKind
from firmware.values import E164
from tests.firmware.sip.sip_far_end import until
from tests.firmware.sip.test_registering import Registrar, served
from tests.firmware.sip.test_sip_line import ended, on_each_engine
from tests.firmware.sip.torture_messages import TORTURES, torture_bytes

N_FLOOD, FLOOD_PER_S = 400, 400


class Stranger(asyncio.DatagramProtocol):
    """Sends what it likes and keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        del addr
        self.got.append(data)


NO_CALL = f"t{next(n for n, name in enumerate(TORTURES) if 'two methods' in name)}@"
"""An OPTIONS that says in its CSeq that it is an INVITE: whoever says 200 has answered no call."""


def answers(got: list[bytes]) -> set[int]:
    """Return the statuses that an INVITE got."""
    texts = [data.decode("utf-8", "replace") for data in got]
    return {
        int(text[8:11])
        for text in texts
        if text[:8] == "SIP/2.0 "
        and re.search(r"(?im)^CSeq\s*:\s*\d+\s+INVITE", text)
        and NO_CALL not in text
    }


def test_there_is_a_message_for_every_trap() -> None:
    sections = {name.split()[0] for name in TORTURES}
    assert len(sections) == len(TORTURES) == 13 + 19 + 1 + 15 + 1


class Refuser:
    """Turns away whoever rings, as the reception does with those whom nobody knows."""

    def __init__(self, line: SipLine[Any]) -> None:
        self.line, self.n_rings = line, 0
        self._refusing: list[asyncio.Task[None]] = []

    def __call__(self) -> None:
        self.n_rings += 1
        self._refusing.append(asyncio.create_task(self.line.turn_away()))


@on_each_engine
async def test_strangers_break_nothing_and_are_not_answered(tmp_path: Path, engine: EngineKind) -> None:
    loop = asyncio.get_running_loop()
    transport, registrar = await loop.create_datagram_endpoint(Registrar, ("127.0.0.1", 0))
    door, stranger = await loop.create_datagram_endpoint(Stranger, ("127.0.0.2", 0))
    try:
        server = transport.get_extra_info("sockname")[1]
        async with served(engine, domain=f"127.0.0.1:{server}", keep_alive_s=0, expects_callers=True) as line:
            line.on_ringing = refuser = Refuser(line)
            await until(lambda: line.report.status is LineStatus.READY)
            process = line._trunk.processes[0]
            for data in torture_bytes(door.get_extra_info("sockname")[1], registrar.user):
                door.sendto(data, registrar.caller)
            await until(lambda: bool(answers(stranger.got)))
            assert refuser.n_rings == 0
            began_s = loop.time()
            flood = await asyncio.create_subprocess_exec(
                "sipp", "-sn", "uac", "-s", registrar.user, f"127.0.0.1:{registrar.caller[1]}",
                "-i", "127.0.0.1", "-nostdin", "-timeout", "8", "-recv_timeout", "2000",
                "-m", str(N_FLOOD), "-r", str(FLOOD_PER_S), "-nr", "-trace_shortmsg", "-shortmessage_file", "flood.txt",
                cwd=tmp_path, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                async with asyncio.timeout(15):
                    await flood.wait()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    flood.kill()
                await flood.wait()
            # The line is as it was, was hardly troubled, and calls whom it wants.
            most = MOST_OFFERED_AT_ONCE + OFFERED_PER_S * (loop.time() - began_s)
            assert 1 <= refuser.n_rings <= most
            await until(lambda: line.report.status is LineStatus.READY)
            assert (line.report.status, process.state.n_restarts) == (LineStatus.READY, 0)
            _events, last = await ended(await line.dial(E164("+8613912345678"), ring_timeout_s=5))
            assert last.kind is EndKind.BUSY
            assert process.state.n_restarts == 0
        replies = set(
            re.findall(r"SIP/2\.0 ([0-9]{3})", (tmp_path / "flood.txt").read_text(encoding="utf-8"))
        )
        told = answers(stranger.got) | {int(status) for status in replies}
        assert told
        assert not {status for status in told if 200 <= status < 300}, told
    finally:
        transport.close()
        door.close()
