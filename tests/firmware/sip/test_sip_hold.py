"""The far end puts us on hold and comes back: sipp does it, and echoes all that we send, so that what we hear shows both ways."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.call_audio import CallAudio
from audio.events import AudioEvent, RecordingChunk
from audio.frame import freeze
from audio.orders import Play, StartRecording, StopPlaying, StopRecording
from firmware.lines.line import Active, CallEvent, Ended, EndKind
from firmware.sip.wire import EngineKind
from tests.firmware.sip.sip_far_end import (
    RECV_INVITE,
    SDP,
    far_sipp,
    free_port,
    heard_in,
    scenario,
    send,
    tone,
    until,
)
from tests.firmware.sip.test_sip_line import CALLEE, line_to, offer, on_each_engine

BEFORE_HZ, MEANWHILE_HZ, AFTER_HZ = 1100.0, 1500.0, 1900.0
"""What we say."""
PART_S, SETTLED_S = 0.8, 0.25
"""Each part, and what a re-INVITE takes to have its effect."""


def n_parts_with(pcm: NDArray[Any], hz: float) -> int:
    """Return in how many parts of 100 ms a tone is."""
    parts = pcm[: len(pcm) // 800 * 800].astype(float).reshape(-1, 800)
    level = 2 * np.abs(parts @ np.exp(-2j * np.pi * hz * np.arange(800) / 8000)) / 800
    return int((level > 2000).sum())


@on_each_engine
async def test_a_call_on_hold_goes_on_where_it_was(tmp_path: Path, engine: EngineKind) -> None:
    """One call, one answer; its frames go on at their pace, nothing passes while it is held, and both ways do after."""
    heard: list[AudioEvent] = []
    rtp = free_port()
    sdp = SDP.format(rtp=rtp)
    text = scenario(
        RECV_INVITE,
        send("200 OK", sdp),
        '<recv request="ACK"/>',
        f'<pause milliseconds="{int(1000 * PART_S)}"/>',
        offer(7, sdp + "a=sendonly\n"),
        f'<pause milliseconds="{int(1000 * (PART_S + 3 * SETTLED_S))}"/>',
        offer(8, sdp),
        '<recv request="BYE"/>',
        send("200 OK"),
    )
    async with far_sipp(tmp_path, text, echo_at=rtp) as far, line_to(engine, far.port) as line:
        call = await line.dial(CALLEE, ring_timeout_s=10)

        def says(hz: float) -> None:
            call.audio.order(StopPlaying())
            call.audio.order(Play(play_id=int(hz), clips=(freeze(tone(hz, 5)),)))

        async def talk() -> None:
            call.audio.order(StartRecording())
            says(BEFORE_HZ)
            await until(lambda: "a=sendonly" in far.text())
            await asyncio.sleep(SETTLED_S)  # real media: each part lasts as long as its sound
            says(MEANWHILE_HZ)
            await asyncio.sleep(PART_S - SETTLED_S)
            call.audio.order(StopPlaying())
            await until(lambda: "CSeq: 8 INVITE" in far.text())
            says(AFTER_HZ)
            await asyncio.sleep(2 * PART_S)
            call.audio.order(StopRecording())
            await asyncio.sleep(0.1)
            await call.hang_up()

        events: list[CallEvent] = []
        async with asyncio.timeout(20):
            async for event in call.events():
                events.append(event)
                if isinstance(event, Active):
                    call.audio.start(CallAudio(), heard.extend)
                    talking = asyncio.create_task(talk())
        await talking
        statistics = await call.audio.stop()
        assert sum(isinstance(each, Active) for each in events) == 1
        assert isinstance(event, Ended)
        assert event.kind is EndKind.RELEASED_BY_US
    echo = heard_in([each.pcm for each in heard if isinstance(each, RecordingChunk)])[:, 0]
    n_parts = {hz: n_parts_with(echo, hz) for hz in (BEFORE_HZ, MEANWHILE_HZ, AFTER_HZ)}
    assert n_parts[BEFORE_HZ] >= 3, n_parts
    assert n_parts[MEANWHILE_HZ] == 0, n_parts
    assert n_parts[AFTER_HZ] >= 3, n_parts
    assert statistics.frames / 50 > 3 * PART_S, "held or not, a frame every 20 ms"
