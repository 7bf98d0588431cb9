"""The call to an agent: rings, asks for a key, whispers, is joined to the callee's call, and is released."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from audio import events as sound
from audio import orders
from audio.call_audio import CallAudio
from audio.dsp.answer import AnswerClass
from audio.errors import AudioError
from audio.frame import Clip, clip_duration_ms, silence
from audio.ports.port import PortClock
from firmware.calls.agents import Agent, HandOverResult, Terms
from firmware.calls.whisper import fitting
from firmware.lines.line import (
    Active,
    CallEvent,
    CallsAddresses,
    Ended,
    EndKind,
    Line,
    LineCall,
    LineError,
)

ACCEPT_KEY, DECLINE_KEY = "1", "2"
BRIEFING_MOST_S = 4.0
"""The callee waits meanwhile: a sentence that would not be over by then is left out."""
PLAY_GRACE_S = 0.5
"""A leg whose sound does not tell the end of what it plays is not waited for longer."""
RELEASE_DEADLINE_S = 100.0
"""From our hang-up to `Ended`, as for any call."""
RING_GRACE_S = 15.0
"""The line bounds the ringing; one that says nothing so long after that has failed."""
INBOX_SIZE = 1024
_PAUSE = silence(3 * 8000)
"""Between the invitation and its repetition."""
_GREETING_MOST_MS = 2500
_WORD_MS = range(150, 2501)
"""How long the word is that takes a call: not a click, not a greeting that a machine plays."""

UNANSWERED = {
    EndKind.BUSY: HandOverResult.BUSY,
    EndKind.NO_ANSWER: HandOverResult.NO_ANSWER,
    EndKind.POWERED_OFF: HandOverResult.NO_ANSWER,
    EndKind.UNREACHABLE: HandOverResult.NO_ANSWER,
    EndKind.REJECTED: HandOverResult.DECLINED,
    EndKind.RELEASED_BY_CALLEE: HandOverResult.DECLINED,
}


class AgentLeg:
    """One call to one agent. Entering dials; leaving hangs up and waits until the line is free again."""

    def __init__(self, line: Line[Any], agent: Agent, terms: Terms, *, ring_s: float) -> None:
        """`ring_s` bounds the ringing."""
        self.agent = agent
        self.answered_s: float | None = None
        """When the agent's telephone was picked up, by the loop's clock."""
        self._line = line
        self._terms = terms
        self._ring_s = ring_s
        self._call: LineCall | None = None
        self._pump: asyncio.Task[None] | None = None
        self._inbox: asyncio.Queue[CallEvent | sound.AudioEvent] = asyncio.Queue(INBOX_SIZE)
        self._has_sound = False
        self._ended = asyncio.Event()
        self._end: Ended | None = None
        self._next_play = 1

    async def __aenter__(self) -> Self:
        """Dial. Raises LineError."""
        line, number = self._line, self.agent.number
        if number is not None:
            self._call = await line.dial(number, ring_timeout_s=self._ring_s)
        elif isinstance(line, CallsAddresses):
            self._call = await line.dial_address(self.agent.address, ring_timeout_s=self._ring_s)
        else:
            raise LineError(f"line {line.line_id} reaches numbers alone, and {self.agent.agent} has none")
        self._pump = asyncio.create_task(self._events(self._call), name=f"agent-events:{self._line.line_id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the line, under a deadline."""
        call, pump = self._call, self._pump
        if call is None or pump is None:
            return
        hanging_up = None
        if self._end is None:
            hanging_up = asyncio.create_task(call.hang_up(), name=f"agent-hang-up:{self._line.line_id}")
        try:
            await asyncio.wait([pump], timeout=RELEASE_DEADLINE_S)
        finally:
            if self._has_sound:
                await call.audio.stop()
            for task in (pump, hanging_up):
                if task is not None and not task.done():
                    task.cancel()
                    await asyncio.wait([task])

    @property
    def clock(self) -> PortClock:
        """Return what the leg's sound ticks by."""
        assert self._call is not None
        return self._call.audio.clock

    async def rings(self) -> HandOverResult | None:
        """Wait until the agent's telephone is answered and its sound is open; else return what came of it."""
        try:
            async with asyncio.timeout(self._ring_s + RING_GRACE_S):
                while True:
                    match await self._inbox.get():
                        case Active():
                            return self._open_sound()
                        case Ended(kind=kind):
                            return UNANSWERED.get(kind, HandOverResult.FAILED)
                        case _:
                            continue
        except TimeoutError:
            return HandOverResult.FAILED

    def _open_sound(self) -> HandOverResult | None:
        call = self._call
        assert call is not None
        self.answered_s = asyncio.get_running_loop().time()
        try:
            call.audio.start(CallAudio(call.audio.format), self._on_sound)
        except AudioError:
            return HandOverResult.FAILED
        self._has_sound = True
        return None

    async def asks(self, invitation: Clip) -> HandOverResult:
        """Invite whoever answered; ANSWERED only when a person says yes to it."""
        self._play(invitation)
        self._play(_PAUSE, invitation)
        judge = _Acceptance(by_speech=self._terms.accepts_speech)
        try:
            async with asyncio.timeout(self._terms.accept_s):
                while True:
                    item = await self._inbox.get()
                    if isinstance(item, Ended):
                        has_hung_up = item.kind is EndKind.RELEASED_BY_CALLEE
                        return HandOverResult.DECLINED if has_hung_up else HandOverResult.FAILED
                    if isinstance(item, sound.PortDied):
                        return HandOverResult.FAILED
                    if (result := judge.hear(item)) is not None:
                        return result
        except TimeoutError:
            return HandOverResult.NO_ANSWER

    async def hears(self, briefing: Sequence[Clip]) -> HandOverResult:
        """Say of the briefing's sentences what fits; a key ends it. DECLINED when the agent hangs up instead."""
        said = fitting(briefing, BRIEFING_MOST_S)
        self._order(orders.StopPlaying())
        play_id = self._play(*said)
        try:
            async with asyncio.timeout(clip_duration_ms(said) / 1000 + PLAY_GRACE_S):
                while True:
                    match await self._inbox.get():
                        case Ended() | sound.PortDied():
                            return HandOverResult.DECLINED
                        case sound.PlayFinished(play_id=over) if over == play_id:
                            return HandOverResult.ANSWERED
                        case sound.DigitHeard():
                            return HandOverResult.ANSWERED
                        case _:
                            continue
        except TimeoutError:
            return HandOverResult.ANSWERED

    def join(self, order: orders.Join) -> None:
        """Let the agent talk to the callee. Raises AudioError."""
        assert self._call is not None
        self._call.audio.order(orders.StopPlaying())
        self._call.audio.order(order)

    async def until_over(self) -> None:
        """Return when the agent has left or the leg has lost its sound."""
        await self._ended.wait()

    def _play(self, *clips: Clip) -> int:
        play_id, self._next_play = self._next_play, self._next_play + 1
        self._order(orders.Play(play_id=play_id, clips=clips, barge_in=orders.BargeIn.DTMF))
        return play_id

    def _order(self, order: orders.AudioOrder) -> None:
        assert self._call is not None
        try:
            self._call.audio.order(order)
        except AudioError as error:
            self._put(sound.PortDied(at_ms=0, reason=str(error)))

    async def _events(self, call: LineCall) -> None:
        try:
            async for event in call.events():
                if isinstance(event, Ended):
                    self._end = event
                    self._ended.set()
                self._put(event)
        except LineError as error:
            now_s = asyncio.get_running_loop().time()
            self._end = Ended(at_s=now_s, kind=EndKind.LOCAL_FAULT, evidence=(str(error),))
            self._ended.set()
            self._put(self._end)

    def _on_sound(self, events: list[sound.AudioEvent]) -> None:
        for event in events:
            self._put(event)

    def _put(self, item: CallEvent | sound.AudioEvent) -> None:
        if isinstance(item, sound.PortDied):
            self._ended.set()
        elif isinstance(item, sound.LevelReport) or self._inbox.full():
            return  # nobody reads any more once two people talk; the end has an event of its own
        if not self._inbox.full():
            self._inbox.put_nowait(item)


class _Acceptance:
    """Judges what whoever answered does: only a person takes a call."""

    def __init__(self, *, by_speech: bool) -> None:
        self._by_speech = by_speech
        self._is_person = False
        self._is_invited = False
        self._greeting_ms = 0

    def hear(self, item: CallEvent | sound.AudioEvent) -> HandOverResult | None:
        match item:
            case sound.DigitHeard(digit=digit) if digit == ACCEPT_KEY:
                return HandOverResult.ANSWERED
            case sound.DigitHeard(digit=digit) if digit == DECLINE_KEY:
                return HandOverResult.DECLINED
            case sound.BeepHeard() | sound.FaxHeard():
                return HandOverResult.NO_ANSWER  # a machine: no key will come
            case sound.AnswerClassified(answer=answer):
                self._is_person = answer is AnswerClass.HUMAN
            case sound.PlayFinished(interrupted=False):
                self._is_invited = True
            case sound.SpeechEnded(duration_ms=spoken_ms):
                return self._spoken(spoken_ms)
            case _:
                pass
        return None

    def _spoken(self, spoken_ms: int) -> HandOverResult | None:
        """Take a short word after the invitation, from somebody who greeted as people do: shortly."""
        if not self._is_invited:
            self._greeting_ms += spoken_ms
            return None
        is_greeting_short = self._greeting_ms <= _GREETING_MOST_MS
        if self._by_speech and self._is_person and is_greeting_short and spoken_ms in _WORD_MS:
            return HandOverResult.ANSWERED
        return None
