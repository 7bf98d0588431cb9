"""What an answered call sounds like: into its record, into what is true of it, and to the dialogue."""

from typing import Any, assert_never

from audio import events as sound
from audio import orders
from audio.transcript import Speaker
from firmware.calls.answer_words import AnswerWords
from firmware.calls.handset import Handset
from firmware.calls.listening import CallListener, Heard, Question, as_answer_to
from firmware.calls.outcome import answered_by
from firmware.calls.performing import Performer, Recorder
from firmware.calls.talk import Spoken, Talk
from firmware.dialogue import events as heard
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.slots import Asked
from firmware.values import Disposition

PRIVATE_KEY = "•"
"""Stands in the record for a key that is part of a secret: the record lies unencrypted on the box."""
NO_PERSON = ("fax_tone", "information_tone")
"""Reasons of a verdict that hang up at once."""


class SoundReader:
    """Reads the events of one call's sound, in their order."""

    def __init__(
        self,
        handset: Handset,
        performer: Performer,
        *,
        dialogue: Dialogue,
        recorder: Recorder,
        listener: CallListener | None,
        answer_words: AnswerWords | None = None,
        is_incoming: bool = False,
    ) -> None:
        """Take who is told of them; `is_incoming`: who is heard called us, and is no machine that answered."""
        self.has_last_chunk = False
        """Whether the recording is whole."""
        self._handset = handset
        self._performer = performer
        self._dialogue = dialogue
        self._recorder = recorder
        self._listener = listener
        self._answer_words = answer_words
        self._is_incoming = is_incoming

    async def hear(self, state: Talk, event: sound.AudioEvent) -> None:
        """Take one event of the call's sound."""
        match event:
            case sound.RecordingChunk():
                self._recorder.append(event)
                if event.is_last:
                    self.has_last_chunk = True
            case sound.LevelReport():
                pass
            case sound.PlayStarted():
                said = state.prompts.get(event.play_id)
                self._handset.note("prompt_started", prompt=said.prompt if said else "")
                if said is not None:
                    space = "" if self._dialogue.language.startswith("zh") else " "
                    self._spoke(state, Speaker.BOX, space.join(said.phrases), prompt=said.prompt)
            case sound.PlayFinished():
                await self._play_finished(state, event)
            case sound.DigitHeard():
                state.human = state.key = True
                key = PRIVATE_KEY if self._dialogue.keys_are_private else event.digit
                self._handset.note("digit", digit=key, ms=event.duration_ms)
                self._spoke(state, Speaker.CALLEE, key, is_key=True)
                self._handset.doing("heard a key")
                await self._performer.tell(state, heard.Digit(digit=event.digit))
            case sound.SpeechStarted():
                if self._listener is not None:
                    self._listener.speech_began(event.at_ms)
                    state.question = Question(
                        asked=self._dialogue.asked,
                        expected=self._dialogue.expected_phrases(),
                        node=self._dialogue.asking,
                    )
                await self._performer.tell(state, heard.SpeechStarted())
            case sound.SpeechEnded():
                state.human = True
                self._handset.note("speech", ms=event.duration_ms)
                await self._performer.tell(state, heard.SpeechEnded(duration_ms=event.duration_ms))
            case sound.UtterancePaused():
                if self._listener is not None:
                    self._listener.paused(event, state.question)
            case sound.UtteranceHeard():
                if self._listener is not None:
                    self._listener.take(event, state.question)
            case sound.BeepHeard() if self._is_incoming:
                self._handset.note("beep", hz=round(event.frequency_hz))
            case sound.BeepHeard():
                state.machine = True
                state.answered_by = Disposition.MACHINE_NO_MESSAGE
                self._handset.note("beep", hz=round(event.frequency_hz))
                await self._performer.tell(state, heard.MachineHeard(kind="beep"))
            case sound.AnswerSpeechHeard():
                if self._answer_words is not None:
                    self._answer_words.take(event)
            case sound.AnswerClassified():
                self._handset.note(
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
                self._handset.note("progress", tone=event.tone.value, countries=list(event.countries))
            case sound.SitHeard():
                self._handset.note("sit", code=event.code.value)
            case sound.FaxHeard():
                self._handset.note("fax", tone=event.tone.value)
            case sound.LineFaultRaised():
                self._handset.note("line_fault", fault=event.fault.value)
            case sound.LineFaultCleared():
                self._handset.note("line_fault_over", fault=event.fault.value)
            case sound.PortDied():
                self._handset.sound_failed("audio_died", event.reason)
            case _:
                assert_never(event)

    async def understood(self, state: Talk, item: Heard) -> None:
        """Take what was said, once it is recognised."""
        found = item.recognised
        text = found.text if found is not None else ""
        is_secret = item.asked is Asked.DIGITS  # figures may be the secret that was asked for
        self._spoke(
            state,
            Speaker.CALLEE,
            PRIVATE_KEY if is_secret else text,
            confidence=round(found.confidence, 3) if found is not None else None,
        )
        self._handset.note(
            "utterance",
            text="" if is_secret else text,
            confidence=round(found.confidence, 3) if found is not None else 0.0,
            engine=found.engine if found is not None else "none",
            ms=item.duration_ms,
            took_ms=item.took_ms,
        )
        utterance = as_answer_to(self._dialogue.asked, item, node=self._dialogue.asking)
        if utterance is not None:
            await self._performer.tell(state, utterance)

    def _spoke(self, state: Talk, speaker: Speaker, text: str, **more: Any) -> None:
        state.spoken.append(Spoken(at_s=self._handset.now_s(), speaker=speaker, text=text, **more))

    def _classified(self, state: Talk, event: sound.AnswerClassified) -> None:
        """Keep who answered for the call's outcome; hang up only on what no person can sound like.

        A verdict by words may be wrong, so the conversation goes on: a person who was taken for a machine is heard
        out, and a machine hears no more than our name.
        """
        if self._is_incoming and event.reason not in NO_PERSON:
            return
        if not state.machine or event.reason in NO_PERSON:  # a beep has said more than words can
            state.answered_by = answered_by(event.answer, event.subject, event.confidence)
        if event.reason in NO_PERSON and not state.key and not state.verified:
            self._handset.order(orders.StopPlaying())
            self._handset.hang_up()

    async def _play_finished(self, state: Talk, event: sound.PlayFinished) -> None:
        said = state.prompts.pop(event.play_id, None)
        if said is None:
            return
        self._handset.note(
            "prompt_said", prompt=said.prompt, ms=event.played_ms, interrupted=event.interrupted
        )
        if event.play_id != state.playing:
            return  # replaced by a later prompt
        state.playing = 0
        if state.ends_after_prompt:
            self._handset.hang_up()
            return
        await self._performer.tell(
            state, heard.PromptFinished(prompt=said.prompt, interrupted=event.interrupted, say_id=said.say_id)
        )
