"""A test call that finds out whether both directions of a line's sound are alive; to a test number only."""

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from audio.call_audio import CallAudio
from audio.dsp.line_probe import PROBE_DIGITS, ProbeReturn, hear_probe, probe_clip
from audio.errors import AudioError
from audio.events import AudioEvent, PlayStarted, PortDied, RecordingChunk
from audio.orders import Play, StartRecording
from audio.ports.port import AudioPort
from firmware.lines.gsm_line import GsmLine
from firmware.lines.line import Active, Ended, LineCall, LineError
from firmware.lines.sip_line import SipLine
from firmware.values import E164

RING_TIMEOUT_S = 40.0
CALL_LIMIT_S = 60.0
RELEASE_LIMIT_S = 110.0
ROUNDS = 4
"""An echo service greets before it gives anything back."""
FIRST_PAUSE_S = 1.0
ROUND_S = 6.5
"""The probe takes 2.8 s; the rest is for its way back."""
SOONEST_S = 4.2
"""By then most echoes are back."""
WHOLE, SOME = 0.85, 0.25
"""Of the probe's tones: from where it came back sound, and up to where nothing came back."""
_CHUNK_MS = 200


class NumberKind(StrEnum):
    """What answers at a test number."""

    ECHO = "echo"
    """Everything said to it comes back."""
    TONE = "tone"
    """A tone or an announcement: only what is heard can be judged."""


class Way(StrEnum):
    """How one direction of the sound is."""

    GOOD = "good"
    NOTHING = "nothing"
    TORN = "torn"
    """Pieces come through."""
    UNKNOWN = "unknown"
    """Nothing can be said of it by this call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundVerdict:
    """What a test call showed."""

    heard: Way
    """From the network to the box."""
    sent: Way
    """From the box to the network."""
    detail: str
    audio_tries: int = 0
    share: float = 0.0
    delay_ms: int | None = None
    loudest_dbfs: float | None = None
    digits: str = ""

    @property
    def passed(self) -> bool:
        """Say whether the line can talk with people."""
        return self.heard is Way.GOOD and self.sent in {Way.GOOD, Way.UNKNOWN}


async def sound_test(line: GsmLine[Any] | SipLine[Any], number: E164, kind: NumberKind) -> SoundVerdict:
    """Call `number` once on a line that is ready, and judge its sound. Whoever calls this has checked the number."""
    try:
        call = await line.dial(number, ring_timeout_s=RING_TIMEOUT_S)
    except LineError as error:
        return SoundVerdict(heard=Way.UNKNOWN, sent=Way.UNKNOWN, detail=str(error))
    watch = _Watch()
    following = asyncio.create_task(watch.follow(call), name="test-call")
    try:
        async with asyncio.timeout(RING_TIMEOUT_S + CALL_LIMIT_S):
            await watch.settled.wait()
            if watch.ended is not None:
                words = "; ".join(watch.ended.evidence[-3:])
                why = f"the test number was not reached: {watch.ended.kind.value}"
                return SoundVerdict(
                    heard=Way.UNKNOWN, sent=Way.UNKNOWN, detail=f"{why} ({words})" if words else why
                )
            returned = await _Probe(call.audio).run(watch.over)
    except TimeoutError:
        return SoundVerdict(heard=Way.UNKNOWN, sent=Way.UNKNOWN, detail="the test call took too long")
    except AudioError as error:
        return SoundVerdict(heard=Way.NOTHING, sent=Way.NOTHING, detail=f"no sound path: {error}")
    finally:
        await call.hang_up()
        await asyncio.wait([following], timeout=RELEASE_LIMIT_S)
        following.cancel()
    return judge(returned, kind, audio_tries=call.audio_tries)


def judge(returned: ProbeReturn, kind: NumberKind, *, audio_tries: int) -> SoundVerdict:
    """Return what is wrong with which direction. Pure."""
    heard, sent = Way.GOOD, Way.GOOD
    if returned.is_silent:
        heard, sent = Way.NOTHING, Way.UNKNOWN
        detail = "nothing is heard, not even noise"
        if audio_tries > 1:
            detail += f", and the path opened only at try {audio_tries}: it has rotted, restart the modem"
        else:
            detail += ": check the PCM port, and restart the modem"
    elif kind is NumberKind.TONE:
        sent = Way.UNKNOWN
        detail = "the far end is heard; whether it hears us a tone number cannot tell"
    elif returned.share >= WHOLE:
        detail = f"the probe came back after {returned.delay_ms} ms"
        if PROBE_DIGITS not in returned.digits:
            sent = Way.TORN
            detail += f", but of its keys {PROBE_DIGITS} only {returned.digits or 'none'}"
    elif returned.share >= SOME:
        heard, sent = Way.TORN, Way.TORN
        detail = f"only {returned.share:.0%} of the probe came back: sound is lost on the way"
    else:
        sent = Way.NOTHING
        detail = "the far end is heard, but nothing of ours comes back from it: nothing arrives there"
    return SoundVerdict(
        heard=heard,
        sent=sent,
        detail=detail,
        audio_tries=audio_tries,
        share=round(returned.share, 2),
        delay_ms=returned.delay_ms,
        loudest_dbfs=round(returned.loudest_dbfs, 1),
        digits=returned.digits,
    )


class _Watch:
    """Follows the test call to its end."""

    def __init__(self) -> None:
        self.settled = asyncio.Event()
        """Answered, or over."""
        self.over = asyncio.Event()
        self.ended: Ended | None = None

    async def follow(self, call: LineCall) -> None:
        async for event in call.events():
            if isinstance(event, Ended):
                self.ended = event
                self.over.set()
            if isinstance(event, Active | Ended):
                self.settled.set()


class _Probe:
    """Sends the probe, round after round, until it comes back whole or the rounds are over."""

    def __init__(self, audio: AudioPort) -> None:
        self._audio = audio
        self._heard = bytearray()
        """Stereo s16: what was heard, what was said."""
        self._began_ms: dict[int, int] = {}
        self._died = asyncio.Event()

    async def run(self, over: asyncio.Event) -> ProbeReturn:
        """Return the best round. Raises PortOpenError."""
        self._audio.start(CallAudio(self._audio.format, recording_chunk_ms=_CHUNK_MS), self._take)
        best = ProbeReturn(loudest_dbfs=-120.0, share=0.0, delay_ms=None, digits="")
        try:
            self._audio.order(StartRecording())
            await self._wait(over, FIRST_PAUSE_S)
            for n_round in range(1, ROUNDS + 1):
                self._audio.order(Play(play_id=n_round, clips=(probe_clip(),)))
                is_over = await self._wait(over, SOONEST_S)
                returned = self._judge_round(n_round)
                if not is_over and returned.share < WHOLE:
                    is_over = await self._wait(over, ROUND_S - SOONEST_S)
                    returned = self._judge_round(n_round)
                loudest_dbfs = max(best.loudest_dbfs, returned.loudest_dbfs)
                best = replace(
                    max(best, returned, key=lambda each: (each.share, PROBE_DIGITS in each.digits)),
                    loudest_dbfs=loudest_dbfs,
                )
                if is_over or (best.share >= WHOLE and PROBE_DIGITS in best.digits):
                    break
        finally:
            await self._audio.stop()
        return best

    async def _wait(self, over: asyncio.Event, seconds: float) -> bool:
        """Let the call go on for a while; say whether it is over or its sound has died."""
        waits = [asyncio.create_task(event.wait()) for event in (over, self._died)]
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return bool(done)

    def _judge_round(self, n_round: int) -> ProbeReturn:
        began_ms = self._began_ms.get(n_round)
        n_whole = len(self._heard) // 4
        heard = np.frombuffer(bytes(self._heard[: 4 * n_whole]), dtype="<i2")[::2].astype(np.int16)
        return hear_probe(heard, len(heard) if began_ms is None else began_ms * 8)

    def _take(self, events: list[AudioEvent]) -> None:
        for event in events:
            match event:
                case RecordingChunk(pcm=pcm):
                    self._heard += pcm
                case PlayStarted(play_id=play_id, at_ms=at_ms):
                    self._began_ms[play_id] = at_ms
                case PortDied():
                    self._died.set()
                case _:
                    pass
