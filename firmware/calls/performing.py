"""Carries out what a call's dialogue orders: says, asks the gate, suppresses, keeps, ends."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, assert_never

from audio import events as sound
from audio import orders
from audio.frame import Clip
from audio.speech.joining import joined
from firmware.calls.handing_over import HandOver
from firmware.calls.handset import Handset
from firmware.calls.listening import CallListener, patience_for
from firmware.calls.outcome import PromiseMade, TextWanted
from firmware.calls.talk import Talk
from firmware.dialogue import actions as acts
from firmware.dialogue import events as heard
from firmware.dialogue.machine import Dialogue

SLOWLY = 1.3
"""How much longer a prompt takes for somebody who asked for it."""


class Recorder(Protocol):
    """Where a call's sealed recording goes; its own thread does the writing."""

    def start(self) -> None:
        """Begin the file."""
        ...

    def append(self, chunk: sound.RecordingChunk) -> None:
        """Hand over a chunk; never blocks."""
        ...


class Performer:
    """The one way from the dialogue's actions to the call."""

    def __init__(
        self,
        handset: Handset,
        *,
        dialogue: Dialogue,
        clip: Callable[[str], Clip],
        recorder: Recorder,
        may_mention_debt: Callable[[], Awaitable[tuple[bool, str]]],
        suppress: Callable[[str, str], Awaitable[None]],
        listener: CallListener | None,
        hand_over: HandOver | None = None,
    ) -> None:
        """Take what actions need; without `hand_over` nobody can be put through to a person."""
        self.is_recording = False
        self._handset = handset
        self._dialogue = dialogue
        self._clip = clip
        self._recorder = recorder
        self._may_mention_debt = may_mention_debt
        self._suppress = suppress
        self._listener = listener
        self._hand_over = hand_over
        self._next_play = 1

    async def tell(self, state: Talk, event: heard.DialogueEvent) -> None:
        """Have the dialogue answer an event, unless the call is ending."""
        if not self._handset.is_hanging_up and not (state.decided and not state.ends_after_prompt):
            await self.perform(state, self._dialogue.on(event, self._handset.now_s()))

    async def perform(self, state: Talk, actions: list[acts.Action]) -> None:
        """Carry out the actions in their order, and what the dialogue answers to them."""
        queue = list(actions)
        while queue:
            action = queue.pop(0)
            match action:
                case acts.Say():
                    if self._handset.is_hanging_up:
                        continue
                    state.playing, self._next_play = self._next_play, self._next_play + 1
                    state.prompts[state.playing] = action
                    slowness = SLOWLY if action.is_slow else 1.0
                    clips = joined(action.phrases, self._clip, slowness=slowness)
                    self._handset.order(orders.StopPlaying())  # a Say stands in place of what is being said
                    self._handset.order(
                        orders.Play(
                            play_id=state.playing, clips=clips, barge_in=orders.BargeIn(action.barge_in)
                        )
                    )
                    self._handset.note("say", prompt=action.prompt, roles=sorted(action.roles))
                    self._handset.doing(f"says {action.prompt}")
                case acts.StopSaying():
                    self._handset.order(orders.StopPlaying())
                case acts.AskDebtPermission():
                    state.verified = True
                    allowed, rule = await self._may_mention_debt()
                    self._handset.note("gate_at_answer", allowed=allowed, rule=rule)
                    queue += self._dialogue.on(
                        heard.DebtPermitted(allowed=allowed, rule=rule), self._handset.now_s()
                    )
                case acts.StartRecording():
                    self._recorder.start()
                    self.is_recording = True
                    self._handset.order(orders.StartRecording())
                    self._handset.note("recording_started")
                    if state.recorded_from_s is None:
                        state.recorded_from_s = self._handset.now_s()
                case acts.Suppress():
                    state.suppressed += (action.scope,)
                    self._handset.note("suppress", scope=action.scope, reason=action.reason)
                    await self._suppress(action.scope, action.reason)
                case acts.Captured():
                    state.promise = PromiseMade(
                        due=action.due,
                        amount=action.amount,
                        confirmed=action.confirmed,
                        instalments=action.instalments,
                        every=action.every,
                        total=action.total,
                    )
                    self._handset.note("captured", what=action.kind, confirmed=action.confirmed)
                case acts.CallbackSet():
                    state.callback = datetime.combine(action.at.day, action.at.at)
                    self._handset.note("callback_set", at=state.callback.isoformat(timespec="minutes"))
                case acts.Answered():
                    state.answers[action.name] = action.value
                    self._handset.note("answer_kept", name=action.name)
                case acts.SendText():
                    wanted = TextWanted(
                        text=action.text,
                        language=action.language,
                        slots=action.slots,
                        may_tell_debt=action.debt_permitted,
                    )
                    state.texts += (wanted,)
                    self._handset.note("text_ordered", text=action.text)
                case acts.HandOver():
                    state.transfer = action.reason
                    queue += self._seek_person(state, action.reason)
                case acts.LanguageChanged():
                    self._handset.note("language", language=action.language)
                    if self._listener is not None:
                        self._listener.language = action.language
                case acts.Note():
                    if action.kind == "person_wanted":
                        state.transfer = action.detail
                        if self._hand_over is not None:
                            self._hand_over.not_possible(self._dialogue.language)
                    self._handset.note("dialogue", what=action.kind, text=action.detail)
                case acts.End():
                    if state.decided is None:
                        state.decided = action.disposition
                        self._handset.note("decided", disposition=action.disposition.value)
                    if state.joined_s is not None:
                        continue  # the dialogue is over, the call is not: two people talk
                    if action.after == "prompt" and state.playing:
                        state.ends_after_prompt = True
                    else:
                        self._handset.hang_up()
                case _:
                    assert_never(action)
        if self._listener is not None and not self._handset.is_hanging_up:
            patience = patience_for(self._dialogue.asked)
            if patience is not state.patience:
                state.patience = patience
                self._handset.order(orders.Listen(patience=patience))

    def _seek_person(self, state: Talk, reason: str) -> list[acts.Action]:
        if self._hand_over is None:
            # The box has no agents; a dialogue made without `can_hand_over` never asks.
            over = heard.HandOverEnded(connected=False, reason="no_agents")
            return self._dialogue.on(over, self._handset.now_s())
        promise = state.promise
        self._hand_over.begin(
            self._hand_over.briefing(
                reason=reason,
                verified=state.verified,
                language=self._dialogue.language,
                promised=promise.due if promise is not None and promise.confirmed else None,
            )
        )
        return []
