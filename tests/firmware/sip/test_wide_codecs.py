"""G.722 and Opus against Debian's baresip, the sound compared at both ends: spoken wide, and the box's own sound is 8 kHz."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.call_audio import CallAudio
from audio.events import AudioEvent, LevelReport, RecordingChunk
from audio.frame import freeze
from audio.orders import Play, StartRecording, StopRecording
from firmware.daemon.sip_trunks import trunk_of
from firmware.lines.line import Active
from firmware.settings import SettingsError
from firmware.settings_sections import TrunkSection
from firmware.sip.narrowing import Narrower
from firmware.sip.wire import Codec, EngineKind
from tests.firmware.sip.sip_far_end import far_baresip, heard_in, tone, until
from tests.firmware.sip.test_sip_line import CALLEE, line_to, on_a_loop

SAID_HZ, BEYOND_HZ, OURS_HZ = 700.0, 5500.0, 1100.0
"""What the far end says inside and beyond our band, and what we say."""
WIDE: dict[Codec, tuple[str, int, int]] = {
    "g722": ("G722/16000/1", 16000, 1),
    "opus": ("opus/48000/2", 48000, 2),
}


def level(pcm: NDArray[Any], hz: float, rate_hz: int) -> float:
    """Return the amplitude of one tone, of full scale 1."""
    turning = np.exp(-2j * np.pi * hz * np.arange(len(pcm)) / rate_hz)
    window = np.hanning(len(pcm))
    return float(2 * np.abs((pcm / 32768 * window) @ turning) / window.sum())


def best_part(pcm: NDArray[Any], hz: float, rate_hz: int) -> NDArray[Any]:
    """Return the 200 ms in which a tone is strongest: on a busy machine there may be a gap elsewhere."""
    n_part = rate_hz // 5
    parts = [pcm[at : at + n_part] for at in range(0, len(pcm) - n_part, n_part // 4)]
    return max(parts, key=lambda part: level(part, hz, rate_hz))


async def talks(folder: Path, engine: EngineKind, codec: Codec) -> None:
    """Have one call, and compare what each end heard with what the other said."""
    spec, rate_hz, n_channels = WIDE[codec]
    mixed = tone(SAID_HZ, 20, rate_hz=rate_hz) + tone(BEYOND_HZ, 20, rate_hz=rate_hz)
    said = np.stack([mixed] * n_channels, axis=1) if n_channels > 1 else mixed
    heard: list[AudioEvent] = []
    folder.mkdir()
    async with (
        far_baresip(folder, said, codecs=spec, rate_hz=rate_hz) as far,
        line_to(engine, far.port, codecs=(codec,)) as line,
    ):
        assert codec in line._trunk.state_of(0).codecs
        call = await line.dial(CALLEE, ring_timeout_s=10)

        async def talk() -> None:
            call.audio.order(Play(play_id=1, clips=(freeze(tone(OURS_HZ, 1.2)),)))
            call.audio.order(StartRecording())
            await until(lambda: any(isinstance(each, LevelReport) and each.in_dbfs > -20 for each in heard))
            call.audio.order(StopRecording())
            await asyncio.sleep(0.2)
            await call.hang_up()

        async with asyncio.timeout(20):
            async for event in call.events():
                if isinstance(event, Active):
                    call.audio.start(CallAudio(), heard.extend)
                    talking = asyncio.create_task(talk())
        await talking
        await call.audio.stop()
        await asyncio.sleep(0.2)
        (recorded,) = folder.glob("dump-*-dec.wav")
    ours = best_part(
        heard_in([event.pcm for event in heard if isinstance(event, RecordingChunk)])[:, 0], SAID_HZ, 8000
    )
    assert level(ours, SAID_HZ, 8000) == pytest.approx(0.3, rel=0.2)
    for hz in (BEYOND_HZ - 4000, 8000 - BEYOND_HZ):  # where a careless decimation would fold it
        assert level(ours, hz, 8000) < 0.003, "40 dB below what is inside the band"
    theirs, their_rate_hz = soundfile.read(recorded, dtype="int16", always_2d=True)
    assert (their_rate_hz, theirs.shape[1]) == (rate_hz, n_channels), "the wide codec it was"
    part = best_part(theirs[:, 0], OURS_HZ, rate_hz)
    assert level(part, OURS_HZ, rate_hz) == pytest.approx(0.3, rel=0.2)


@on_a_loop
async def test_a_wide_codec_carries_what_each_end_says(tmp_path: Path) -> None:
    """G.722 on both engines, Opus where there is one."""
    async with asyncio.TaskGroup() as calls:
        calls.create_task(talks(tmp_path / "a", "baresip", "g722"))
        calls.create_task(talks(tmp_path / "b", "pjsua2", "g722"))
        calls.create_task(talks(tmp_path / "c", "baresip", "opus"))


@settings(max_examples=25)
@given(
    cuts=st.lists(st.integers(1, 900), max_size=12),
    rate_and_channels=st.sampled_from([(16000, 1), (48000, 2)]),
)
def test_narrow_sound_does_not_depend_on_the_slicing(
    cuts: list[int], rate_and_channels: tuple[int, int]
) -> None:
    data = np.random.default_rng(5).integers(-9000, 9000, 4800).astype("<i2").tobytes()
    whole, sliced = Narrower(*rate_and_channels).feed(data), b""
    narrower, at = Narrower(*rate_and_channels), 0
    for cut in [*cuts, len(data)]:
        sliced += narrower.feed(data[at : at + cut])
        at += cut
    assert sliced == whole
    rate_hz, n_channels = rate_and_channels
    assert abs(len(whole) / 16000 - len(data) / (2 * n_channels * rate_hz)) < 0.008


def test_a_codec_that_the_engine_does_not_speak_is_refused() -> None:
    given = {"id": "office", "server": "sip.example.com", "user": "box7", "codecs": ["opus", "pcma"]}
    with pytest.raises(SettingsError, match="pjsua2 does not speak opus"):
        trunk_of(msgspec.convert(given | {"engine": "pjsua2"}, TrunkSection))
    assert trunk_of(msgspec.convert(given, TrunkSection)).plan.engine == "baresip"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given | {"codecs": ["g729"]}, TrunkSection)
