"""A call on a SIP line: what the network says before the answer is heard, ringing is bounded, keys come by two ways."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol, assert_never

import msgspec

from audio.call_audio import CallAudio
from audio.dsp.progress_tones import ProgressTone
from audio.errors import AudioError
from audio.events import AudioEvent, ProgressHeard
from audio.ports.port import AudioPort
from firmware.lines.line import Active, Alerting, CallEvent, Dialing, Ended, EndKind, SoundQuality
from firmware.lines.sip_ends import EarlyWord, early_word, end_of
from firmware.sip.engine_process import EngineCall, SipEngineError
from firmware.sip.wire import Answered, EarlyMedia, KeyHeard, Over, Referred, Ringing

RELEASE_LIMIT_S = 40.0
"""From our hang-up to the engine's word of the end: a CANCEL or BYE that nobody answers is given up after 32 s
(RFC 3261, timers B and F)."""


class CallSound(AudioPort, Protocol):
    """The sound of one SIP call, which is told the keys that the engine heard."""

    def key_heard(self, key: str, duration_ms: int) -> None:
        """Tell a key that came as an event."""
        ...


class OpenSound(Protocol):
    """Makes the port of a call's sound, not yet started."""

    def __call__(self, call: EngineCall, *, speaks: bool) -> CallSound:
        """Return it; one that does not speak is for what comes before the answer."""
        ...


class SipCall:
    """One call on a SIP line."""

    def __init__(
        self,
        call: EngineCall,
        *,
        ring_timeout_s: float,
        now_s: Callable[[], float],
        on_over: Callable[["SipCall"], None],
        open_sound: OpenSound,
        uri_of: Callable[[str], str],
        is_incoming: bool = False,
    ) -> None:
        """`uri_of` says where a number or an address is to be found, for `transfer`; it may raise SipEngineError."""
        self.is_incoming = is_incoming
        self.audio_tries = 1
        """A SIP call's sound is never asked for twice."""
        self._port = open_sound(call, speaks=True)
        self.audio: AudioPort = self._port
        self._call = call
        self._ring_timeout_s = ring_timeout_s
        self._now_s = now_s
        self._on_over = on_over
        self._open_sound = open_sound
        self._uri_of = uri_of
        self._early_port: CallSound | None = None
        self._early: EarlyWord | None = None
        self._gave_up_ringing = False
        self._saw_alerting = self._saw_active = False
        self._release_by_s: float | None = None
        self._referred: asyncio.Future[Referred] | None = None

    async def events(self) -> AsyncIterator[CallEvent]:
        """Return what happens, ending with `Ended`."""
        loop = asyncio.get_running_loop()
        ringing = loop.call_later(self._ring_timeout_s, self._stop_ringing)
        try:
            yield Dialing(at_s=self._now_s())
            while True:
                match await self._next():
                    case Ringing():
                        if not self._saw_alerting:
                            self._saw_alerting = True
                            yield Alerting(at_s=self._now_s())
                    case EarlyMedia():
                        self._hear_early()
                    case Answered():
                        if not self._saw_active:  # a re-INVITE is answered too
                            ringing.cancel()
                            await self._end_early()
                            self._saw_active = True
                            yield Active(at_s=self._now_s())
                    case KeyHeard(key=key, duration_ms=duration_ms):
                        self._port.key_heard(key, duration_ms)
                    case Referred() as referred:
                        if self._referred is not None and not self._referred.done():
                            self._referred.set_result(referred)
                    case Over() as over:
                        if self._referred is not None and not self._referred.done():
                            self._referred.set_result(
                                Referred(call=over.call, code=0, detail="the call ended")
                            )
                        await self._end_early()
                        yield self._ended(over)
                        return
                    case other:
                        assert_never(other)
        finally:
            ringing.cancel()
            if not self._call.is_over:
                self._call.hang_up()
            await self._end_early()
            self._on_over(self)

    async def hang_up(self) -> None:
        """End the call; `Ended` follows."""
        self._hang_up()

    def send_keys(self, keys: str) -> None:
        """Press keys at the far end as RFC 4733 events."""
        self._call.send_keys(keys)

    async def transfer(self, to: str, *, timeout_s: float) -> EndKind | None:
        """Have the far end call `to` instead of us (RFC 5589 §6); None when that was answered, else why not."""
        try:
            uri = self._uri_of(to)
        except SipEngineError:
            return EndKind.LOCAL_FAULT
        self._referred = asyncio.get_running_loop().create_future()
        self._call.refer(uri)
        try:
            async with asyncio.timeout(timeout_s):
                referred = await self._referred
        except TimeoutError:
            return EndKind.NO_ANSWER
        if 200 <= referred.code < 300:
            return None
        told = Over(call=self._call.number, code=referred.code, reason=referred.detail)
        return end_of(told, saw_alerting=True, saw_active=False).kind

    # ---- before the answer

    def _hear_early(self) -> None:
        if self._early_port is not None or self._saw_active:
            return
        port = self._open_sound(self._call, speaks=False)
        try:
            port.start(CallAudio(port.format), self._heard_early)
        except AudioError:
            return  # the end is on its way
        self._early_port = port

    def _heard_early(self, events: list[AudioEvent]) -> None:
        for event in events:
            if isinstance(event, ProgressHeard) and event.tone is ProgressTone.RINGBACK:
                self._saw_alerting = True  # a 183 whose ringing is a sound alone
            word = early_word(event)
            if word is not None and (self._early is None or word.confidence >= self._early.confidence):
                self._early = word

    async def _end_early(self) -> None:
        port, self._early_port = self._early_port, None
        if port is not None:
            await port.stop()

    # ---- the end

    async def _next(self) -> Ringing | EarlyMedia | Answered | KeyHeard | Referred | Over:
        """Return the engine's next word; after our hang-up it has so long for the last one."""
        while True:
            by_s = self._release_by_s
            limit_s = 1.0 if by_s is None else max(0.0, min(1.0, by_s - self._now_s()))
            try:
                async with asyncio.timeout(limit_s):
                    return await self._call.happenings.get()
            except TimeoutError:
                if by_s is not None and self._now_s() >= by_s:
                    return Over(call=self._call.number, reason="engine: no release after hang-up")

    def _hang_up(self) -> None:
        self._release_by_s = self._release_by_s or self._now_s() + RELEASE_LIMIT_S
        self._call.hang_up()

    def _stop_ringing(self) -> None:
        self._gave_up_ringing = True
        self._hang_up()

    def _ended(self, over: Over) -> Ended:
        end = end_of(
            over,
            saw_alerting=self._saw_alerting,
            saw_active=self._saw_active,
            gave_up_ringing=self._gave_up_ringing,
            early=self._early,
        )
        has_given_up = self.is_incoming and not (self._saw_active or over.is_ours)
        return Ended(
            at_s=self._now_s(),
            kind=EndKind.RELEASED_BY_CALLEE
            if has_given_up and end.kind is not EndKind.LOCAL_FAULT
            else end.kind,
            q850=end.q850,
            confidence=end.confidence,
            saw_alerting=self._saw_alerting,
            saw_active=self._saw_active,
            evidence=end.evidence,
            quality=None if over.quality is None else SoundQuality(**msgspec.structs.asdict(over.quality)),
        )
