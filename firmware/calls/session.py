"""One call from dialling to its log: joins a line, the call's sound and the dialogue under one deadline.

One task owns everything; line events, audio events and orders from outside meet in one bounded inbox.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from audio import events as sound
from audio import orders
from audio.call_audio import CallAudio
from audio.errors import AudioError
from audio.frame import AudioFormat, Clip
from audio.transcript import TranscriptEntry
from firmware.calls.agents import HandOverResult
from firmware.calls.answer_words import AnswerWords
from firmware.calls.handing_over import AgentLeft, Found, HandOver, HandOverNews, Nobody, Transferred
from firmware.calls.handset import Handset, TimedEvent
from firmware.calls.hold_sound import HOLD_PLAY, hold_clip
from firmware.calls.joining import join_calls
from firmware.calls.listening import CallListener, Heard
from firmware.calls.outcome import CallLog
from firmware.calls.performing import Performer, Recorder
from firmware.calls.sounds import SoundReader
from firmware.calls.talk import Talk
from firmware.dialogue import events as heard
from firmware.dialogue.machine import Dialogue
from firmware.lines.line import (
    Active,
    Alerting,
    CallEvent,
    Dialing,
    Ended,
    EndKind,
    Line,
    LineCall,
    LineError,
)
from firmware.values import E164, Disposition

INBOX_SIZE = 2048
LAST_CHUNK_DEADLINE_S = 1.0
SEARCH_GRACE_S = 15.0
"""A search for an agent that does not say how it ended so long after its own bound is no reason to keep a callee."""


@dataclass(frozen=True, slots=True)
class _Stop:
    disposition: Disposition


_Item = CallEvent | sound.AudioEvent | Heard | HandOverNews | _Stop


class CallSession:
    """One call; `run` returns its log. Never raises for what a modem, a network or a callee may do."""

    def __init__(
        self,
        *,
        line: Line[Any],
        number: E164,
        dialogue: Dialogue,
        clip: Callable[[str], Clip],
        recorder: Recorder,
        may_mention_debt: Callable[[], Awaitable[tuple[bool, str]]],
        suppress: Callable[[str, str], Awaitable[None]],
        on_stage: Callable[[str, str], None],
        ring_timeout_s: float,
        max_call_s: float,
        now_s: Callable[[], float],
        listener: CallListener | None = None,
        hand_over: HandOver | None = None,
        answer_words: AnswerWords | None = None,
        pick_up: Callable[[], Awaitable[LineCall]] | None = None,
    ) -> None:
        """Prepare a call; without a `listener` what is said is heard, but not what it was.

        Without `hand_over` nobody can be put through to a person; without `answer_words` who answered is told by the
        sound of the words alone. `pick_up` answers who calls in; without it the number is dialled.
        """
        self.answered_s: float | None = None
        self._line = line
        self._number = number
        self._pick_up = pick_up
        self._dialogue = dialogue
        self._ring_timeout_s = ring_timeout_s
        self._max_call_s = max_call_s
        self._now_s = now_s
        self._listener = listener
        self._answer_words = answer_words
        self._handset = Handset(line_id=line.line_id, on_stage=on_stage, now_s=now_s)
        self._performer = Performer(
            self._handset,
            dialogue=dialogue,
            clip=clip,
            recorder=recorder,
            may_mention_debt=may_mention_debt,
            suppress=suppress,
            listener=listener,
            hand_over=hand_over,
        )
        self._hand_over = hand_over
        self._is_holding = False
        if hand_over is not None:
            hand_over.attach(self._post, self._handset.note, lambda: self._handset.call)
        self._sounds = SoundReader(
            self._handset,
            self._performer,
            dialogue=dialogue,
            recorder=recorder,
            listener=listener,
            answer_words=answer_words,
            is_incoming=pick_up is not None,
        )
        self._inbox: asyncio.Queue[_Item] = asyncio.Queue(INBOX_SIZE)
        self._talk: Talk | None = None

    @property
    def events(self) -> list[TimedEvent]:
        """Return the call's record so far."""
        return self._handset.events

    def transcript(self) -> list[TranscriptEntry]:
        """Return what was said, by the recording's time; none of a call that is not recorded."""
        return [] if self._talk is None else self._talk.transcript()

    def stop(self, disposition: Disposition) -> None:
        """End the call now, for `disposition`: before answer it is never answered, after answer no content follows."""
        self._post(_Stop(disposition))

    async def run(self) -> CallLog:
        """Place the call and carry it to its end."""
        handset = self._handset
        if handset.stopped is not None or not self._inbox.empty():
            return self._log(Ended(at_s=self._now_s(), kind=EndKind.RELEASED_BY_US))
        try:
            call = await self._begin()
        except LineError as error:
            handset.note("dial_failed", reason=str(error))
            return self._log(Ended(at_s=self._now_s(), kind=EndKind.LOCAL_FAULT, evidence=(str(error),)))
        handset.call = call
        pump = asyncio.create_task(self._pump(call), name=f"call-events:{self._line.line_id}")
        try:
            ended = await self._until_ended()
        finally:
            pump.cancel()
            await asyncio.wait([pump])
            if self._listener is not None:
                await self._listener.close()
            if self._answer_words is not None:
                await self._answer_words.close()
            if self._hand_over is not None:
                self._hand_over.give_up(HandOverResult.CALLEE_LEFT)
            if self._talk is not None:
                await self._close_audio(call, self._talk)
            if self._hand_over is not None:
                await self._hand_over.close(HandOverResult.CALLEE_LEFT)
            handset.close()
        return self._log(ended)

    async def _begin(self) -> LineCall:
        if self._pick_up is not None:
            return await self._pick_up()
        return await self._line.dial(self._number, ring_timeout_s=self._ring_timeout_s)

    # ---- the loop -----------------------------------------------------------------------------------------

    async def _pump(self, call: LineCall) -> None:
        async for event in call.events():
            self._post(event)

    def _post(self, item: "_Item") -> None:
        try:
            self._inbox.put_nowait(item)
        except asyncio.QueueFull:
            # Two thousand events behind: this call is beyond saving, the others are not.
            self._handset.hang_up()

    async def _until_ended(self) -> Ended:
        handset = self._handset
        while True:
            deadline_s = self._next_deadline_s()
            try:
                async with asyncio.timeout(
                    None if deadline_s is None else max(0.0, deadline_s - self._now_s())
                ):
                    item = await self._inbox.get()
            except TimeoutError:
                if handset.release_by_s is not None and self._now_s() >= handset.release_by_s:
                    return Ended(
                        at_s=self._now_s(),
                        kind=EndKind.LOCAL_FAULT,
                        saw_active=self._talk is not None,
                        evidence=("no release after hang-up",),
                    )
                await self._time_passed()
                self._mind_the_wait()
                continue
            if isinstance(item, Ended):
                handset.note("ended", cause=item.kind.value, q850=item.q850, evidence=list(item.evidence))
                if item.quality is not None:
                    handset.note("sound_quality", **asdict(item.quality))
                talk, over = self._talk, self._hand_over
                if talk is not None and over is not None and await over.last_word():
                    await self._joined(talk, over)
                # A call lost to a fault was not ended by the callee: unless something was agreed, nobody decided.
                is_lost = item.kind is EndKind.LOCAL_FAULT and talk is not None and talk.promise is None
                if talk is not None and talk.decided is None and not handset.stopped and not is_lost:
                    await self._performer.perform(
                        talk, self._dialogue.on(heard.CalleeHungUp(), self._now_s())
                    )
                return item
            await self._take(item)
            self._mind_the_wait()

    def _next_deadline_s(self) -> float | None:
        if self._handset.release_by_s is not None:
            return self._handset.release_by_s
        if self._talk is None:
            return None  # the line bounds the ringing
        over_s = self._over_s(self._talk)
        asked_s = self._dialogue.next_deadline_s
        return over_s if asked_s is None else min(over_s, asked_s)

    def _over_s(self, talk: Talk) -> float:
        """Return when the call must end: people who talk to each other have a bound of their own."""
        over = self._hand_over
        over_s = talk.answered_s + self._max_call_s
        if over is None:
            return over_s
        if talk.joined_s is not None:
            return talk.joined_s + over.terms.max_talk_s
        if over.is_open and over.began_s is not None:
            return max(over_s, over.began_s + over.terms.search_s + SEARCH_GRACE_S)
        return over_s

    async def _time_passed(self) -> None:
        now_s = self._now_s()
        if self._talk is None or self._handset.is_hanging_up:
            return
        if now_s >= self._over_s(self._talk):
            self._handset.note("too_long", max_call_s=round(now_s - self._talk.answered_s))
            self._handset.hang_up()
        else:
            await self._performer.perform(self._talk, self._dialogue.on(heard.TimePassed(), now_s))

    async def _take(self, item: "_Item") -> None:
        match item:
            case Dialing():
                self._handset.stage("dialing")
            case Alerting():
                self._handset.stage("alerting")
            case Active():
                await self._answered()
            case _Stop():
                self._handset.stopped = self._handset.stopped or item.disposition
                self._handset.note("stopped", why=item.disposition.value)
                if self._hand_over is not None:
                    self._hand_over.give_up(HandOverResult.STOPPED)
                if self._talk is not None:
                    self._handset.order(orders.StopPlaying())
                self._handset.hang_up()
            case Ended():
                raise AssertionError("Ended is taken by the loop")
            case _ if self._talk is None:
                pass  # nobody has answered: there is nothing to hear
            case Found() | Nobody() | AgentLeft() | Transferred():
                await self._handed_over(self._talk, item)
            case sound.PlayStarted(play_id=play_id) | sound.PlayFinished(play_id=play_id) if (
                play_id == HOLD_PLAY
            ):
                self._is_holding = isinstance(item, sound.PlayStarted)
            case sound.RecordingChunk() | sound.PortDied():
                await self._sounds.hear(self._talk, item)
            case _ if self._talk.joined_s is not None:
                pass  # what two people say to each other is read by nobody
            case Heard():
                await self._sounds.understood(self._talk, item)
            case _:
                await self._sounds.hear(self._talk, item)

    async def _answered(self) -> None:
        call = self._handset.call
        if self._handset.is_hanging_up or self._talk is not None or call is None:
            return  # we are hanging up already: say nothing
        self._handset.stage("active")
        self.answered_s = self._now_s()
        self._talk = Talk(answered_s=self.answered_s)
        try:
            call.audio.start(self._make_audio(call.audio.format), self._on_sound)
        except AudioError as error:
            # Red line 10: no silent call.
            self._handset.sound_failed("audio_failed", str(error))
            return
        await self._performer.perform(self._talk, self._dialogue.start(self.answered_s))

    def _make_audio(self, audio_format: AudioFormat) -> CallAudio:
        asks_words = self._answer_words is not None
        if self._answer_words is not None:
            self._answer_words.start(self._handset.order)
        if self._listener is None:
            return CallAudio(audio_format, asks_words=asks_words)
        self._listener.start(self._post)
        return CallAudio(
            audio_format, speech=self._listener.make_speech(), listens=True, asks_words=asks_words
        )

    def _on_sound(self, events: list[sound.AudioEvent]) -> None:
        for event in events:
            self._post(event)

    # ---- handing over ---------------------------------------------------------------------------------------

    async def _handed_over(self, talk: Talk, news: HandOverNews) -> None:
        """Join the call to an agent's, go on without one, or end it because the agent has left."""
        over, call = self._hand_over, self._handset.call
        if over is None or call is None or self._handset.is_hanging_up:
            return
        match news:
            case Found(leg=leg) if self._dialogue.seeks_person and over.is_open:
                try:
                    join_calls(call.audio, leg)
                except AudioError as error:
                    self._handset.sound_failed("join_failed", str(error))
                    return
                if self._performer.is_recording and not over.terms.records:
                    self._handset.order(orders.StopRecording())
                await self._joined(talk, over)
            case Transferred() if over.was_put_through:
                await self._joined(talk, over)
                self._handset.hang_up()
            case Nobody(result=result) if self._dialogue.seeks_person:
                self._handset.order(orders.StopPlaying())
                told = heard.HandOverEnded(connected=False, reason=result.value)
                await self._performer.perform(talk, self._dialogue.on(told, self._now_s()))
            case AgentLeft() if talk.joined_s is not None:
                self._handset.note("agent_left")
                self._handset.hang_up()
            case _:
                pass  # the callee has gone on to something else meanwhile

    async def _joined(self, talk: Talk, over: HandOver) -> None:
        talk.joined_s = self._now_s()
        over.joined()
        self._handset.doing("talks to a person")
        if self._dialogue.seeks_person:
            told = heard.HandOverEnded(connected=True)
            await self._performer.perform(talk, self._dialogue.on(told, self._now_s()))

    def _mind_the_wait(self) -> None:
        """Play something to a callee who waits for a person; seek nobody for one who waits no more."""
        over, talk = self._hand_over, self._talk
        if over is None or talk is None or not over.is_open or self._handset.is_hanging_up:
            return
        if not self._dialogue.seeks_person:
            over.give_up(HandOverResult.CALLEE_LEFT)
        elif not talk.playing and not self._is_holding:
            self._is_holding = True
            self._handset.order(orders.Play(play_id=HOLD_PLAY, clips=(hold_clip(),)))

    # ---- the end ------------------------------------------------------------------------------------------

    async def _close_audio(self, call: LineCall, talk: Talk) -> None:
        if self._performer.is_recording:
            self._handset.order(orders.StopRecording())
            try:
                async with asyncio.timeout(LAST_CHUNK_DEADLINE_S):
                    while not self._sounds.has_last_chunk:
                        item = await self._inbox.get()
                        if isinstance(item, sound.RecordingChunk):
                            await self._sounds.hear(talk, item)
            except TimeoutError:
                self._handset.note("recording_tail_lost")
        statistics = await call.audio.stop()
        self._handset.note("audio_statistics", frames=statistics.frames, late_frames=statistics.late_frames)

    def _log(self, ended: Ended) -> CallLog:
        state = self._talk
        if self._handset.stopped is None and not self._inbox.empty():
            left = self._inbox.get_nowait()
            self._handset.stopped = left.disposition if isinstance(left, _Stop) else None
        return CallLog(
            ended=ended,
            answered=state is not None,
            human_heard=state is not None and state.is_person,
            answered_by=state.answered_by if state else None,
            verified=state is not None and state.verified,
            decided=state.decided if state else None,
            promise=state.promise if state else None,
            callback=state.callback if state else None,
            answers=dict(state.answers) if state else {},
            texts=state.texts if state else (),
            transfer=state.transfer if state else None,
            hand_over=self._hand_over.facts if self._hand_over is not None else None,
            suppressed=state.suppressed if state else (),
            stopped=self._handset.stopped,
        )
