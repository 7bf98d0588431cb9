"""What a SIP call costs on each engine, how long it takes to be set up, and how late the box makes its sound.

    python -m benchmarks.sip_call [--engines baresip pjsua2] [--calls 1 4 16] [--seconds 8]

The far end is a process of its own that answers at once and sends every packet of sound back as it comes, so that the time
from a burst in what we say to the same burst in what we hear is the box's own: its engine, its sockets, its frame loop, both
ways. Processor time is read from the kernel, the engines' and the daemon's apart; the far end's is nobody's.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from audio.call_audio import CallAudio
from audio.events import AudioEvent, RecordingChunk
from audio.frame import freeze
from audio.orders import Play, StartRecording, StopRecording
from audio.ports.frame_thread import FrameThread
from firmware.clock import RealWorld
from firmware.lines.line import Active, LineStatus
from firmware.lines.sip_line import SipLine
from firmware.sip.trunk import Trunk, TrunkPlan
from firmware.sip.wire import Account, EngineKind
from firmware.values import E164, LineId
from modem_drivers.simulator.sip_messages import SipMessageError, read_message, response, session_of

ADDRESS = "127.0.0.1"
BURST_HZ, BURST_S, EVERY_S = 1000.0, 0.04, 1.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class _Mirror(asyncio.DatagramProtocol):
    """Sends every packet of sound back to where it came from."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


class _FarEnd(asyncio.DatagramProtocol):
    """Answers every call at once, with a mirror for its sound."""

    def __init__(self) -> None:
        self._answers: dict[str, bytes] = {}
        self._opening: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        with contextlib.suppress(SipMessageError):
            request = read_message(data)
            if request.method == "INVITE":
                task = asyncio.get_running_loop().create_task(self._answer(request, addr))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)
            elif request.method in {"BYE", "CANCEL"}:
                self.transport.sendto(response(request, "200 OK", tag="far"), addr)

    async def _answer(self, request: Any, addr: Any) -> None:
        call = request.get("call-id")
        if call not in self._answers:
            mirror, _ = await asyncio.get_running_loop().create_datagram_endpoint(_Mirror, (ADDRESS, 0))
            contact = f"Contact: <sip:{ADDRESS}:{self.transport.get_extra_info('sockname')[1]}>"
            session = session_of(ADDRESS, mirror.get_extra_info("sockname")[1], 8)
            self._answers[call] = response(request, "200 OK", tag="far", extra=(contact,), session=session)
        self.transport.sendto(self._answers[call], addr)


async def _be_far_end() -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(_FarEnd, (ADDRESS, 0))
    print(transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


@contextlib.asynccontextmanager
async def _far_end() -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.sip_call", "--far-end",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


@dataclass(slots=True)
class _Figures:
    setup_ms: list[float] = field(default_factory=list)
    round_trip_ms: list[float] = field(default_factory=list)
    starved: int = 0
    engine_share: float = 0.0
    """Of one core, all engine processes together."""
    daemon_share: float = 0.0


async def _one_call(line: SipLine[RealWorld], figures: _Figures, until_s: float) -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    call = await line.dial(E164("+8613912345678"), ring_timeout_s=10)
    chunks: list[bytes] = []

    def take(events: list[AudioEvent]) -> None:
        chunks.extend(event.pcm for event in events if isinstance(event, RecordingChunk))

    async def talk() -> None:
        call.audio.order(StartRecording())
        burst = 0.5 * 32767 * np.sin(2 * np.pi * BURST_HZ * np.arange(round(8000 * BURST_S)) / 8000)
        number = 0
        while loop.time() < until_s:
            number += 1
            call.audio.order(Play(play_id=number, clips=(freeze(burst.astype(np.int16)),)))
            await asyncio.sleep(EVERY_S)
        call.audio.order(StopRecording())
        await asyncio.sleep(0.1)
        await call.hang_up()

    talking: asyncio.Task[None] | None = None
    async for event in call.events():
        if isinstance(event, Active):
            figures.setup_ms.append((loop.time() - began_s) * 1000)
            call.audio.start(CallAudio(), take)
            talking = asyncio.create_task(talk())
    if talking is not None:
        await talking
    await call.audio.stop()
    quality = getattr(event, "quality", None)
    figures.starved += quality.starved_frames if quality is not None else 0
    figures.round_trip_ms += _round_trips(np.frombuffer(b"".join(chunks), "<i2").reshape(-1, 2))


def _round_trips(sound: Any) -> list[float]:
    """Return how long after each burst in what we said (channel 1) it is in what we heard (channel 0)."""
    heard, said = (_begins(sound[:, channel]) for channel in (0, 1))
    waits = [next((later - at for later in heard if later > at), None) for at in said]
    return [wait / 8 for wait in waits if wait is not None and wait < EVERY_S * 8000]


def _begins(pcm: Any) -> list[int]:
    loud = np.flatnonzero(np.abs(pcm.astype(int)) > 4000)
    return [int(at) for at, before in zip(loud, np.r_[-9999, loud[:-1]], strict=True) if at - before > 2000]


def _used_s(pids: list[int]) -> float:
    """Return the processor seconds that processes have used so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_A_SECOND


async def _measure(engine: EngineKind, n_calls: int, seconds: float, port: int) -> _Figures:
    loop, frames, figures = asyncio.get_running_loop(), FrameThread(), _Figures()
    account = Account(user="box", domain=f"{ADDRESS}:{port}", registers=False, interface=ADDRESS)
    trunk = Trunk(TrunkPlan(name="t", engine=engine, account=account, n_lines=n_calls))
    lines = [
        SipLine(LineId(f"t-{index}"), trunk, index, world=RealWorld, now_s=loop.time, frames=frames)
        for index in range(n_calls)
    ]
    serving = [asyncio.create_task(line.serve()) for line in lines]
    try:
        async with asyncio.timeout(30):
            while any(line.report.status is not LineStatus.READY for line in lines):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        until_s = loop.time() + 1.5 + seconds
        calls = [asyncio.create_task(_one_call(line, figures, until_s)) for line in lines]
        await asyncio.sleep(1.5)
        pids = [process.pid for process in trunk.processes if process.pid is not None]
        began_s, engines_s, ours_s = loop.time(), _used_s(pids), time.process_time()
        await asyncio.sleep(seconds - 0.5)
        passed_s = loop.time() - began_s
        figures.engine_share = (_used_s(pids) - engines_s) / passed_s
        figures.daemon_share = (time.process_time() - ours_s) / passed_s
        await asyncio.gather(*calls)
    finally:
        for task in serving:
            task.cancel()
        await asyncio.wait(serving)
    return figures


async def _run(engines: list[EngineKind], counts: list[int], seconds: float) -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {seconds:.0f} s each")
    print(
        "engine   calls  engine, % of a core a call  daemon, the same  set-up ms (max)  box there and back ms (max)"
    )
    async with _far_end() as port:
        for engine in engines:
            for n_calls in counts:
                found = await _measure(engine, n_calls, seconds, port)
                trips, setups = found.round_trip_ms or [float("nan")], found.setup_ms or [float("nan")]
                print(
                    f"{engine:8} {n_calls:5}  {100 * found.engine_share / n_calls:26.2f}"
                    f"  {100 * found.daemon_share / n_calls:16.2f}"
                    f"  {statistics.median(setups):8.0f} ({max(setups):.0f})"
                    f"  {statistics.median(trips):14.0f} ({max(trips):.0f}), {len(trips)} bursts, {found.starved} gaps",
                    flush=True,
                )


def main() -> None:
    """Print one row an engine and number of calls."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engines", nargs="+", default=["baresip", "pjsua2"], choices=["baresip", "pjsua2"])
    parser.add_argument("--calls", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--far-end", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.far_end:
        asyncio.run(_be_far_end())
    else:
        asyncio.run(_run(given.engines, given.calls, given.seconds))


if __name__ == "__main__":
    main()
