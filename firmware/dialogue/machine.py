"""The machine that walks a flow: events in, actions out, and no word of a debt to anybody unverified."""

from typing import assert_never

from firmware.dialogue import events as heard
from firmware.dialogue.actions import (
    Action,
    Note,
    StartRecording,
)
from firmware.dialogue.doubting import Doubting
from firmware.dialogue.expected import asked_of, asking_node, expected_of
from firmware.dialogue.intents import ANYTIME_KEYS, KEY_LANGUAGE, KEY_REPEAT, anytime_meaning
from firmware.dialogue.nodes import AskNode, MessageNode
from firmware.dialogue.patience import SPEAKING_S, UNDERSTANDING_S
from firmware.dialogue.plain_words import is_backchannel
from firmware.dialogue.replies import (
    Denied,
    Go,
    Speak,
    said_of,
)
from firmware.dialogue.slots import Asked
from firmware.dialogue.steps import (
    BeepStep,
    EndStep,
    MessageStep,
    PermissionStep,
    SayStep,
    Step,
    TransferStep,
)
from firmware.values import Disposition

ENDING_HASH_S = 2.0
"""So soon after an entry was complete a hash, or a second one, still belongs to it."""
MAX_NOTICES = 2
"""How often a disclosure that was cut off is said."""
MAX_RESUMED = 3
"""How often in a call a prompt that a mere "uh-huh" cut off is said again."""


class Dialogue(Doubting):
    """One call's conversation. Feed it everything that happens; carry out what it orders, in order.

    `start` once, then `on` for every event, `TimePassed` when `next_deadline_s` has come. The last action of
    all is an `End`, and there is exactly one.
    """

    @property
    def next_deadline_s(self) -> float | None:
        """Return when `TimePassed` is due; None: nothing is waited for."""
        if self._ended:
            return None
        if self._mouth.saying is not None:
            return self._mouth.saying.until_s
        if self._cut is not None:
            return self._cut_until_s
        return self._step.due_s if self._step else None

    @property
    def seeks_person(self) -> bool:
        """Say whether a `HandOver` is still waited for: somebody may have asked for something else meanwhile."""
        return not self._ended and isinstance(self._step, TransferStep) and self._step.deadline_s is not None

    @property
    def keys_are_private(self) -> bool:
        """Return whether the next key is part of something keyed in (four digits of an id), not a choice from a menu."""
        return self._step is not None and self._step.takes_digits

    @property
    def understands(self) -> bool:
        """Return whether an `Utterance` was promised to follow `SpeechEnded`."""
        return self._understands

    @property
    def language(self) -> str:
        """Return the language the call is in now."""
        return self._vault.language

    @property
    def languages(self) -> tuple[str, ...]:
        """Return every language the call may be in, the present one first."""
        return self._vault.languages

    @property
    def asked(self) -> Asked:
        """Return what kind of answer is expected now."""
        return asked_of(self._node, self._step)

    @property
    def asking(self) -> str:
        """Return the name of the node that asks, "" while nothing is asked: it may tell what `asked` does not."""
        return asking_node(self._node, self._step)

    def expected_phrases(self) -> tuple[str, ...]:
        """Return words that would answer what is asked now, the likeliest first; what is heard at any time last."""
        return expected_of(self._node, self._step, self._flow.anytime.keys(), self._vault.language)

    def phrases(self, language: str | None = None) -> frozenset[str]:
        """Return every text this call may ever order, whatever the callee does: what to render before dialling.

        `language`: one of `languages`; None: those of all of them.
        """
        wanted = self._vault.languages if language is None else (language,)
        return frozenset().union(*map(self._vault.vocabulary, wanted))

    def start(self, now_s: float) -> list[Action]:
        """Begin to speak: the call was answered."""
        self._now_s = now_s
        self._go(self._flow.start)
        return self._taken()

    def on(self, event: heard.DialogueEvent, now_s: float) -> list[Action]:
        """Take one event and return what to do about it; after the end, nothing."""
        if self._ended or self._step is None:
            return []
        self._now_s = now_s
        match event:
            case heard.Digit():
                self._heard_anything = True
                self._keys_heard += 1
                self._key(event.digit)
            case heard.SpeechStarted():
                self._heard_anything = True
                saying = self._mouth.saying
                self._spoke_into_silence = saying is None and self._cut is None
                self._spoke_over = saying.say_id if saying is not None else 0
                if self._spoke_into_silence:
                    self._step.speaking(now_s)
                elif self._cut is not None:
                    self._cut_until_s = now_s + SPEAKING_S  # whoever goes on is heard out
            case heard.SpeechEnded():
                self._heard_anything = True
                if self._cut is not None:
                    self._cut_until_s = now_s + UNDERSTANDING_S
                elif self._spoke_into_silence and self._mouth.saying is None:
                    self._apply(self._step.spoke(event.duration_ms, now_s, understands=self._understands))
            case heard.Utterance():
                self._heard_anything = True
                self._understand(event)
            case heard.PromptFinished():
                self._prompt_over(event)
            case heard.TimePassed():
                self._time_passed()
            case heard.MachineHeard():
                self._machine_heard(event)
            case heard.CalleeHungUp():
                self._end(self._decided or Disposition.HUNG_UP_EARLY, after_prompt=False)
            case heard.DebtPermitted():
                self._permitted(event)
            case heard.HandOverEnded():
                self._handed_over(event)
            case _:
                assert_never(event)
        return self._taken()

    def _taken(self) -> list[Action]:
        actions, self._out = self._out, []
        return actions

    # ---- events ------------------------------------------------------------

    def _key(self, digit: str) -> None:
        self._carried = None
        if self._cut is not None and not isinstance(self._step, SayStep):
            self._take_up_what_was_cut()
        self._cut = None
        assert self._step is not None
        meaning = ANYTIME_KEYS.get(digit)
        if self._is_machine and meaning != "opt_out":
            return
        if self._step.takes_digits and digit != KEY_REPEAT:
            self._data_key(self._step, digit)
        elif meaning is not None:
            self._anytime(meaning)
        elif self._changes_language(digit) and not self._asks_for(digit):
            self._anytime("other_language")
        elif not self._mouth.makes_disclosure:
            self._apply(self._step.key(digit, self._now_s))

    def _data_key(self, step: Step, digit: str) -> None:
        stray = ANYTIME_KEYS.get(step.stray_key(ended=True) or "") if digit == "#" else None
        if stray:
            self._anytime(stray)
        elif not step.has_keys and self._changes_language(digit):
            self._anytime("other_language")
        else:
            self._apply(step.key(digit, self._now_s))
            if not (self._step is step and step.has_keys):
                self._entered_s = self._now_s

    def _changes_language(self, digit: str) -> bool:
        """Return whether a key asks for the other language: not the hash with which many end what is complete by itself."""
        is_late = self._now_s > self._entered_s + ENDING_HASH_S
        return digit == KEY_LANGUAGE and "other_language" in self._flow.anytime and is_late

    def _asks_for(self, digit: str) -> bool:
        return isinstance(self._node, AskNode) and digit in self._node.keys

    def _understand(self, event: heard.Utterance) -> None:
        assert self._step is not None
        if self._is_machine:
            return
        said = said_of(event, self._vault.language)
        expected = self._node.intents if isinstance(self._node, AskNode) else {}
        anytime = [name for name in self._flow.anytime if name not in expected]
        name = anytime_meaning(said.intents, anytime)
        if name is None and self._is_only_listening(event.text):
            return
        self._take_up_what_was_cut()
        if self._ended:
            return
        if name is not None:
            self._anytime(name, said)
        elif not self._mouth.makes_disclosure and not self._ask_back(said):
            self._answer(said)

    def _is_only_listening(self, text: str) -> bool:
        """Return whether somebody merely follows what is being said; what that cut off is said again."""
        nothing_asked = isinstance(self._step, SayStep | EndStep | MessageStep)
        if not is_backchannel(text, self._vault.language, nothing_asked=nothing_asked):
            return False
        if self._cut is None:
            return self._mouth.saying is not None
        cut, self._cut = self._cut, None
        self._resumed += 1
        self._say(Speak(cut.prompt.id, "dtmf"), aside=self._is_aside)
        return True

    def _take_up_what_was_cut(self) -> None:
        """Go on as after a prompt that was interrupted: what cut it off is known to mean something, or nothing came."""
        cut, self._cut = self._cut, None
        if cut is not None and not self._ended:
            self._after_prompt(interrupted=True)

    def _prompt_over(self, event: heard.PromptFinished) -> None:
        said = self._mouth.over(event)
        if said is None or self._step is None:
            return
        if said.prompt.discloses and event.interrupted:
            self._notices[said.prompt.id] += 1
            if self._notices[said.prompt.id] >= MAX_NOTICES:
                self._abort("notice_not_said")
            else:
                self._say(Speak(said.prompt.id, said.barge_in), aside=self._is_aside)
            return
        if "recording" in said.prompt.roles and not event.interrupted and not self._is_recording:
            self._is_recording = True
            self._out.append(StartRecording())
        cut_by_speech = event.interrupted and said.barge_in == "speech" and self._spoke_over == said.say_id
        if cut_by_speech and self._understands and self._resumed < MAX_RESUMED:
            self._cut, self._cut_until_s = said, self._now_s + SPEAKING_S
            return
        self._after_prompt(interrupted=event.interrupted)

    def _after_prompt(self, *, interrupted: bool) -> None:
        assert self._step is not None
        later, self._after_notice = self._after_notice, None
        if later is not None and self._anytime(later):
            return
        if self._is_aside:
            self._is_aside = False
            self._apply(self._step.begin())
        else:
            self._apply(self._step.prompt_over(self._now_s, interrupted=interrupted))

    def _time_passed(self) -> None:
        assert self._step is not None
        if self.next_deadline_s is None or self._now_s < self.next_deadline_s:
            return
        if self._mouth.saying is not None:
            self._out.append(Note(kind="no_audio", detail="a prompt did not end in time"))
            self._end(self._decided or Disposition.TECHNICAL_FAILURE, after_prompt=False)
            return
        if self._cut is not None:
            self._take_up_what_was_cut()
            return
        stray = ANYTIME_KEYS.get(self._step.stray_key(ended=False) or "")
        if stray:
            self._anytime(stray)
        else:
            self._apply(self._step.too_quiet(self._now_s))

    def _machine_heard(self, event: heard.MachineHeard) -> None:
        # Machines press no keys: somebody who has is a person, whatever the sound resembles.
        if self._keys_heard or self._vault.is_verified or isinstance(self._step, EndStep | MessageStep):
            return
        self._is_machine = True
        self._stop()
        message = self._flow.nodes.get(self._flow.on_machine or "")
        if not isinstance(message, MessageNode):
            self._end(Disposition.MACHINE_NO_MESSAGE, after_prompt=False)
            return
        self._decided = Disposition.MACHINE_NO_MESSAGE
        self._node = message
        self._begin(MessageStep(message.prompt) if event.kind == "beep" else BeepStep(self._now_s))

    def _permitted(self, event: heard.DebtPermitted) -> None:
        if not isinstance(self._step, PermissionStep):
            return
        self._vault.permit(allowed=event.allowed)
        self._apply(Go(self._step.node) if event.allowed else Denied(event.rule))

    def _handed_over(self, event: heard.HandOverEnded) -> None:
        if not isinstance(self._step, TransferStep) or self._step.deadline_s is None:
            return
        if event.connected:
            self._decided = Disposition.HUMAN_BRIDGED
            self._end(Disposition.HUMAN_BRIDGED, after_prompt=False)
            return
        self._out.append(Note(kind="nobody_took_over", detail=event.reason or "unknown"))
        self._apply(self._step.nobody)
