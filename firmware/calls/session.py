"""One call from dialling to its log: joins a line, the call's sound and the dialogue under one deadline.

One task owns everything; line events, audio events and orders from outside meet in one bounded inbox.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, assert_never

from audio import events as sound
from audio import orders
from audio.call_audio import CallAudio
from audio.dsp.endpointer import Patience
from audio.errors import AudioError
from audio.frame import AudioFormat, Clip
from audio.speech.joining import joined
from firmware.calls.listening import CallListener, Heard, Question, as_answer_to, patience_for
from firmware.calls.outcome import CallLog, PromiseMade, answered_by
from firmware.dialogue import actions as acts
from firmware.dialogue import events as heard
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.slots import Asked
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
RELEASE_DEADLINE_S = 100.0
"""From our hang-up to `Ended`; ATH may take 90 s (Quectel EC2x AT manual)."""
LAST_CHUNK_DEADLINE_S = 1.0
PRIVATE_KEY = "•"
"""Stands in the record for a key that is part of a secret: the record lies unencrypted on the box."""
NO_QUESTION = Question(asked=Asked.NOTHING, expected=())
SLOWLY = 1.3
"""How much longer a prompt takes for somebody who asked for it."""
NO_PERSON = ("fax_tone", "information_tone")
"""Reasons of a verdict that hang up at once."""


class Recorder(Protocol):
    """Where a call's sealed recording goes; its own thread does the writing."""

    def start(self) -> None:
        """Begin the file."""
        ...

    def append(self, chunk: sound.RecordingChunk) -> None:
        """Hand over a chunk; never blocks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedEvent:
    """One thing that happened in a call, for the record."""

    at_s: float
    kind: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Stop:
    disposition: Disposition


@dataclass(slots=True)
class _Talk:
    """What is true once the call was answered."""

    answered_s: float
    machine: bool = False
    human: bool = False
    key: bool = False
    """A key was pressed: machines press none."""
    answered_by: Disposition | None = None
    """What took the call, as far as the sound tells; None for a person."""
    verified: bool = False
    decided: Disposition | None = None
    ends_after_prompt: bool = False
    promise: PromiseMade | None = None
    callback: datetime | None = None
    suppressed: tuple[str, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)
    playing: int = 0
    """The play id now in the air, 0 for none."""
    prompts: dict[int, acts.Say] = field(default_factory=dict)
    patience: Patience = Patience.OPEN
    """What the call's sound was last told to expect."""
    question: Question = NO_QUESTION
    """What the callee answers who is speaking now."""

    @property
    def is_person(self) -> bool:
        """Somebody was heard, and nothing heard was a machine's; a key outweighs what the sound resembles."""
        return self.key or self.verified or (self.human and not self.machine and self.answered_by is None)


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
    ) -> None:
        """Prepare a call; without a `listener` what is said is heard, but not what it was."""
        self.events: list[TimedEvent] = []
        self.answered_s: float | None = None
        self._line = line
        self._number = number
        self._dialogue = dialogue
        self._clip = clip
        self._recorder = recorder
        self._may_mention_debt = may_mention_debt
        self._suppress = suppress
        self._on_stage = on_stage
        self._stage_name = ""
        self._ring_timeout_s = ring_timeout_s
        self._max_call_s = max_call_s
        self._now_s = now_s
        self._listener = listener
        self._inbox: asyncio.Queue[CallEvent | sound.AudioEvent | Heard | _Stop] = asyncio.Queue(INBOX_SIZE)
        self._call: LineCall | None = None
        self._talk: _Talk | None = None
        self._stopped: Disposition | None = None
        self._hanging_up: asyncio.Task[None] | None = None
        self._release_by_s: float | None = None
        self._last_chunk = asyncio.Event()
        self._recording = False
        self._next_play = 1

    def stop(self, disposition: Disposition) -> None:
        """End the call now, for `disposition`: before answer it is never answered, after answer no content follows."""
        self._post(_Stop(disposition))

    async def run(self) -> CallLog:
        """Place the call and carry it to its end."""
        if self._stopped is not None or not self._inbox.empty():
            return self._log(Ended(at_s=self._now_s(), kind=EndKind.RELEASED_BY_US))
        try:
            call = await self._line.dial(self._number, ring_timeout_s=self._ring_timeout_s)
        except LineError as error:
            self._note("dial_failed", reason=str(error))
            return self._log(Ended(at_s=self._now_s(), kind=EndKind.LOCAL_FAULT, evidence=(str(error),)))
        self._call = call
        pump = asyncio.create_task(self._pump(call), name=f"call-events:{self._line.line_id}")
        try:
            ended = await self._until_ended()
        finally:
            pump.cancel()
            await asyncio.wait([pump])
            if self._listener is not None:
                await self._listener.close()
            if self._talk is not None:
                await self._close_audio(call)
            if self._hanging_up is not None and not self._hanging_up.done():
                self._hanging_up.cancel()
        return self._log(ended)

    # ---- the loop -----------------------------------------------------------------------------------------

    async def _pump(self, call: LineCall) -> None:
        async for event in call.events():
            self._post(event)

    def _post(self, item: "CallEvent | sound.AudioEvent | Heard | _Stop") -> None:
        try:
            self._inbox.put_nowait(item)
        except asyncio.QueueFull:
            # Two thousand events behind: this call is beyond saving, the others are not.
            self._hang_up()

    async def _until_ended(self) -> Ended:
        while True:
            deadline_s = self._next_deadline_s()
            try:
                async with asyncio.timeout(
                    None if deadline_s is None else max(0.0, deadline_s - self._now_s())
                ):
                    item = await self._inbox.get()
            except TimeoutError:
                if self._release_by_s is not None and self._now_s() >= self._release_by_s:
                    return Ended(
                        at_s=self._now_s(),
                        kind=EndKind.LOCAL_FAULT,
                        saw_active=self._talk is not None,
                        evidence=("no release after hang-up",),
                    )
                await self._time_passed()
                continue
            if isinstance(item, Ended):
                self._note("ended", cause=item.kind.value, q850=item.q850, evidence=list(item.evidence))
                talk = self._talk
                # A call lost to a fault was not ended by the callee: unless something was agreed, nobody decided.
                is_lost = item.kind is EndKind.LOCAL_FAULT and talk is not None and talk.promise is None
                if talk is not None and talk.decided is None and not self._stopped and not is_lost:
                    await self._do(self._dialogue.on(heard.CalleeHungUp(), self._now_s()))
                return item
            await self._take(item)

    def _next_deadline_s(self) -> float | None:
        if self._release_by_s is not None:
            return self._release_by_s
        if self._talk is None:
            return None  # the line bounds the ringing
        over_s = self._talk.answered_s + self._max_call_s
        asked_s = self._dialogue.next_deadline_s
        return over_s if asked_s is None else min(over_s, asked_s)

    async def _time_passed(self) -> None:
        now_s = self._now_s()
        if self._talk is None or self._release_by_s is not None:
            return
        if now_s >= self._talk.answered_s + self._max_call_s:
            self._note("too_long", max_call_s=self._max_call_s)
            self._hang_up()
        else:
            await self._do(self._dialogue.on(heard.TimePassed(), now_s))

    async def _take(self, item: "CallEvent | sound.AudioEvent | Heard | _Stop") -> None:
        match item:
            case Dialing():
                self._stage("dialing")
            case Alerting():
                self._stage("alerting")
            case Active():
                await self._answered()
            case _Stop():
                self._stopped = self._stopped or item.disposition
                self._note("stopped", why=item.disposition.value)
                if self._talk is not None:
                    self._order(orders.StopPlaying())
                self._hang_up()
            case Heard():
                await self._understood(item)
            case Ended():
                raise AssertionError("Ended is taken by the loop")
            case _:
                await self._hear(item)

    async def _answered(self) -> None:
        if self._release_by_s is not None or self._talk is not None or self._call is None:
            return  # we are hanging up already: say nothing
        self._stage("active")
        self.answered_s = self._now_s()
        self._talk = _Talk(answered_s=self.answered_s)
        try:
            self._call.audio.start(self._make_audio(self._call.audio.format), self._on_sound)
        except AudioError as error:
            # Red line 10: no silent call.
            self._note("audio_failed", reason=str(error))
            self._stopped = self._stopped or Disposition.TECHNICAL_FAILURE
            self._hang_up()
            return
        await self._do(self._dialogue.start(self.answered_s))

    def _make_audio(self, audio_format: AudioFormat) -> CallAudio:
        if self._listener is None:
            return CallAudio(audio_format)
        self._listener.start(self._post)
        return CallAudio(audio_format, speech=self._listener.make_speech(), listens=True)

    def _on_sound(self, events: list[sound.AudioEvent]) -> None:
        for event in events:
            self._post(event)

    # ---- what is heard ------------------------------------------------------------------------------------

    async def _hear(self, event: sound.AudioEvent) -> None:
        state = self._talk
        if state is None:
            return
        match event:
            case sound.RecordingChunk():
                self._recorder.append(event)
                if event.is_last:
                    self._last_chunk.set()
            case sound.LevelReport():
                pass
            case sound.PlayStarted():
                said = state.prompts.get(event.play_id)
                self._note("prompt_started", prompt=said.prompt if said else "")
            case sound.PlayFinished():
                await self._play_finished(state, event)
            case sound.DigitHeard():
                state.human = state.key = True
                key = PRIVATE_KEY if self._dialogue.keys_are_private else event.digit
                self._note("digit", digit=key, ms=event.duration_ms)
                self._on_stage(self._stage_name, "heard a key")
                await self._tell(state, heard.Digit(digit=event.digit))
            case sound.SpeechStarted():
                if self._listener is not None:
                    self._listener.speech_began(event.at_ms)
                    state.question = Question(
                        asked=self._dialogue.asked, expected=self._dialogue.expected_phrases()
                    )
                await self._tell(state, heard.SpeechStarted())
            case sound.SpeechEnded():
                state.human = True
                self._note("speech", ms=event.duration_ms)
                await self._tell(state, heard.SpeechEnded(duration_ms=event.duration_ms))
            case sound.UtteranceHeard():
                if self._listener is not None:
                    self._listener.take(event, state.question)
            case sound.BeepHeard():
                state.machine = True
                state.answered_by = Disposition.MACHINE_NO_MESSAGE
                self._note("beep", hz=round(event.frequency_hz))
                await self._tell(state, heard.MachineHeard(kind="beep"))
            case sound.AnswerClassified():
                self._note(
                    "answer",
                    answer=event.answer.value,
                    confidence=event.confidence,
                    reason=event.reason,
                    decision_ms=event.at_ms,
                    subject=event.subject,
                    features=event.features.as_dict(),
                )
                self._classified(state, event)
            case sound.ProgressHeard():
                self._note("progress", tone=event.tone.value, countries=list(event.countries))
            case sound.SitHeard():
                self._note("sit", code=event.code.value)
            case sound.FaxHeard():
                self._note("fax", tone=event.tone.value)
            case sound.LineFaultRaised():
                self._note("line_fault", fault=event.fault.value)
            case sound.LineFaultCleared():
                self._note("line_fault_over", fault=event.fault.value)
            case sound.PortDied():
                self._note("audio_died", reason=event.reason)
                self._stopped = self._stopped or Disposition.TECHNICAL_FAILURE
                self._hang_up()
            case _:
                assert_never(event)

    async def _understood(self, item: Heard) -> None:
        state = self._talk
        if state is None:
            return
        found = item.recognised
        text = found.text if found is not None else ""
        self._note(
            "utterance",
            # Figures may be the secret that was asked for.
            text="" if item.asked is Asked.DIGITS else text,
            confidence=round(found.confidence, 3) if found is not None else 0.0,
            engine=found.engine if found is not None else "none",
            ms=item.duration_ms,
            took_ms=item.took_ms,
        )
        if (utterance := as_answer_to(self._dialogue.asked, item)) is not None:
            await self._tell(state, utterance)

    def _classified(self, state: _Talk, event: sound.AnswerClassified) -> None:
        """Keep who answered for the call's outcome; hang up only on what no person can sound like.

        A verdict by words may be wrong, so the conversation goes on: a person who was taken for a machine is heard
        out, and a machine hears no more than our name.
        """
        if not state.machine or event.reason in NO_PERSON:  # a beep has said more than words can
            state.answered_by = answered_by(event.answer, event.subject, event.confidence)
        if event.reason in NO_PERSON and not state.key and not state.verified:
            self._order(orders.StopPlaying())
            self._hang_up()

    async def _tell(self, state: _Talk, event: heard.DialogueEvent) -> None:
        if self._release_by_s is None and not (state.decided and not state.ends_after_prompt):
            await self._do(self._dialogue.on(event, self._now_s()))

    async def _play_finished(self, state: _Talk, event: sound.PlayFinished) -> None:
        said = state.prompts.pop(event.play_id, None)
        if said is None:
            return
        self._note("prompt_said", prompt=said.prompt, ms=event.played_ms, interrupted=event.interrupted)
        if event.play_id != state.playing:
            return  # replaced by a later prompt
        state.playing = 0
        if state.ends_after_prompt:
            self._hang_up()
            return
        await self._tell(
            state, heard.PromptFinished(prompt=said.prompt, interrupted=event.interrupted, say_id=said.say_id)
        )

    # ---- what is done -------------------------------------------------------------------------------------

    async def _do(self, actions: list[acts.Action]) -> None:
        state, call = self._talk, self._call
        assert state is not None
        assert call is not None
        queue = list(actions)
        while queue:
            action = queue.pop(0)
            match action:
                case acts.Say():
                    if self._release_by_s is not None:
                        continue
                    state.playing, self._next_play = self._next_play, self._next_play + 1
                    state.prompts[state.playing] = action
                    slowness = SLOWLY if action.is_slow else 1.0
                    clips = joined(action.phrases, self._clip, slowness=slowness)
                    self._order(orders.StopPlaying())  # a Say stands in place of what is being said
                    self._order(
                        orders.Play(
                            play_id=state.playing, clips=clips, barge_in=orders.BargeIn(action.barge_in)
                        )
                    )
                    self._note("say", prompt=action.prompt, roles=sorted(action.roles))
                    self._on_stage(self._stage_name, f"says {action.prompt}")
                case acts.StopSaying():
                    self._order(orders.StopPlaying())
                case acts.AskDebtPermission():
                    state.verified = True
                    allowed, rule = await self._may_mention_debt()
                    self._note("gate_at_answer", allowed=allowed, rule=rule)
                    queue += self._dialogue.on(heard.DebtPermitted(allowed=allowed, rule=rule), self._now_s())
                case acts.StartRecording():
                    self._recorder.start()
                    self._recording = True
                    self._order(orders.StartRecording())
                    self._note("recording_started")
                case acts.Suppress():
                    state.suppressed += (action.scope,)
                    self._note("suppress", scope=action.scope, reason=action.reason)
                    await self._suppress(action.scope, action.reason)
                case acts.Captured():
                    state.promise = PromiseMade(
                        due=action.due,
                        amount=action.amount,
                        confirmed=action.confirmed,
                        instalments=action.instalments,
                        every=action.every,
                    )
                    self._note("captured", what=action.kind, confirmed=action.confirmed)
                case acts.CallbackSet():
                    state.callback = datetime.combine(action.at.day, action.at.at)
                    self._note("callback_set", at=state.callback.isoformat(timespec="minutes"))
                case acts.Answered():
                    state.answers[action.name] = action.value
                    self._note("answer_kept", name=action.name)
                case acts.HandOver():
                    # No line can join two calls yet; a dialogue made without `can_hand_over` never asks.
                    over = heard.HandOverEnded(connected=False, reason="no_bridge")
                    queue += self._dialogue.on(over, self._now_s())
                case acts.LanguageChanged():
                    self._note("language", language=action.language)
                    if self._listener is not None:
                        self._listener.language = action.language
                case acts.Note():
                    self._note("dialogue", what=action.kind, text=action.detail)
                case acts.End():
                    if state.decided is None:
                        state.decided = action.disposition
                        self._note("decided", disposition=action.disposition.value)
                    if action.after == "prompt" and state.playing:
                        state.ends_after_prompt = True
                    else:
                        self._hang_up()
                case _:
                    assert_never(action)
        if self._listener is not None and self._release_by_s is None:
            patience = patience_for(self._dialogue.asked)
            if patience is not state.patience:
                state.patience = patience
                self._order(orders.Listen(patience=patience))

    def _hang_up(self) -> None:
        if self._release_by_s is None and self._call is not None:
            self._stage("ending")
            self._release_by_s = self._now_s() + RELEASE_DEADLINE_S
            self._hanging_up = asyncio.create_task(self._call.hang_up(), name=f"hang-up:{self._line.line_id}")

    async def _close_audio(self, call: LineCall) -> None:
        if self._recording:
            self._order(orders.StopRecording())
            try:
                async with asyncio.timeout(LAST_CHUNK_DEADLINE_S):
                    while not self._last_chunk.is_set():
                        item = await self._inbox.get()
                        if isinstance(item, sound.RecordingChunk):
                            await self._hear(item)
            except TimeoutError:
                self._note("recording_tail_lost")
        statistics = await call.audio.stop()
        self._note("audio_statistics", frames=statistics.frames, late_frames=statistics.late_frames)

    def _order(self, order: orders.AudioOrder) -> None:
        assert self._call is not None
        try:
            self._call.audio.order(order)
        except AudioError as error:
            self._note("audio_failed", reason=str(error))
            self._stopped = self._stopped or Disposition.TECHNICAL_FAILURE
            self._hang_up()

    def _stage(self, stage: str) -> None:
        self._stage_name = stage
        self._note("stage", stage=stage)
        self._on_stage(stage, "")

    def _note(self, kind: str, **detail: Any) -> None:
        self.events.append(TimedEvent(at_s=self._now_s(), kind=kind, detail=detail))

    def _log(self, ended: Ended) -> CallLog:
        state = self._talk
        if self._stopped is None and not self._inbox.empty():
            left = self._inbox.get_nowait()
            self._stopped = left.disposition if isinstance(left, _Stop) else None
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
            suppressed=state.suppressed if state else (),
            stopped=self._stopped,
        )
