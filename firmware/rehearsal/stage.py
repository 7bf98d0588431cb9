"""One call in virtual time: plays the session, the sound and the gate to a dialogue, and keeps what was said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, time

from firmware.dialogue import actions as acts
from firmware.dialogue import events as heard
from firmware.dialogue.flow import Flow
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.nodes import SmsNode
from firmware.dialogue.variables import ContactVars, Moment
from firmware.values import Disposition

CHARACTERS_A_SECOND = {"zh": 4.5, "en": 14.0}
"""How fast prompts are spoken, near enough for virtual time."""
KEY_S = 0.4


def joined(phrases: Sequence[str], language: str) -> str:
    """Return the pieces of a prompt as one text: values are spoken by themselves, and a comma stands after its word."""
    if language.startswith("zh"):
        return "".join(phrases)
    return re.sub(r" +(?=[,.:;!?])", "", " ".join(phrases))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One prompt as it was said."""

    at_s: float
    say: acts.Say = field(repr=False)
    language: str

    @property
    def text(self) -> str:
        """Return what a listener heard."""
        return joined(self.say.phrases, self.language)


@dataclass(slots=True, kw_only=True)
class Kept:
    """What came of the call so far."""

    disposition: Disposition | None = None
    promise: acts.Captured | None = None
    callback: Moment | None = None
    answers: dict[str, str] = field(default_factory=dict)
    suppressed: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    """What would be sent by SMS after the call."""
    faults: list[str] = field(default_factory=list)
    person_wanted: bool = False
    asked_debt: bool = False
    """The gate was asked, so the person was verified."""


class Stage:
    """Carries out what a dialogue orders, second by second, until it ends."""

    def __init__(
        self,
        flow: Flow,
        contact: ContactVars,
        *,
        today: date,
        promise_max_days: int = 14,
        local_time: time | None = time(10),
        gate_allows: bool = True,
        can_hand_over: bool = False,
    ) -> None:
        self.dialogue = Dialogue(
            flow,
            contact,
            language=contact.language,
            today=today,
            promise_max_days=promise_max_days,
            understands=True,
            local_time=local_time,
            can_hand_over=can_hand_over,
            # As if the campaign brought them and the person had agreed; what they say is checked with the campaign.
            texts={node.text: False for node in flow.nodes.values() if isinstance(node, SmsNode)},
        )
        self.now_s = 0.0
        self.spoken: list[Spoken] = []
        self.kept = Kept()
        self.saying: acts.Say | None = None
        self._saying_ends_s = 0.0
        self._gate_allows = gate_allows
        self._take(self.dialogue.start(self.now_s))

    @property
    def is_over(self) -> bool:
        """Return whether the dialogue has ended."""
        return self.kept.disposition is not None

    def happens(self, event: heard.DialogueEvent) -> None:
        """Tell the dialogue of one event, now."""
        self._take(self.dialogue.on(event, self.now_s))

    def passes(self, seconds: float) -> None:
        """Let time go by: prompts end and deadlines come when their time has come."""
        until_s = self.now_s + seconds
        while not self.is_over:
            next_s = self._next_s()
            if next_s is None or next_s > until_s:
                break
            self.now_s = max(self.now_s, next_s)
            self._next_happens()
        self.now_s = max(self.now_s, until_s)

    def hear_out(self) -> None:
        """Let everything be said until the dialogue waits for the callee, or ends."""
        while self.saying is not None and not self.is_over:
            self.now_s = max(self.now_s, self._saying_ends_s)
            self._next_happens()

    def run_out_of_patience(self) -> None:
        """Hear out, then do nothing until the dialogue does something by itself."""
        self.hear_out()
        deadline_s = self.dialogue.next_deadline_s
        if deadline_s is not None and not self.is_over:
            self.now_s = max(self.now_s, deadline_s)
            self.happens(heard.TimePassed())

    def press(self, keys: str) -> None:
        """Press keys one after the other; a prompt that a key may cut off is cut off."""
        for key in keys:
            self.now_s += KEY_S
            if self.saying is not None and self.saying.barge_in != "none":
                self._cut_off()
            self.happens(heard.Digit(digit=key))

    def speak(self, utterance: heard.Utterance, *, duration_s: float, understood_after_s: float) -> None:
        """Say something; its words are known a little later."""
        said_before = self.saying
        self.happens(heard.SpeechStarted())
        if said_before is not None and said_before is self.saying and said_before.barge_in == "speech":
            self._cut_off()
        self.passes(duration_s)
        self.happens(heard.SpeechEnded(duration_ms=round(duration_s * 1000)))
        self.passes(understood_after_s)
        self.happens(utterance)

    def _cut_off(self) -> None:
        assert self.saying is not None
        say, self.saying = self.saying, None
        self.happens(heard.PromptFinished(prompt=say.prompt, interrupted=True, say_id=say.say_id))

    def _next_s(self) -> float | None:
        return self._saying_ends_s if self.saying is not None else self.dialogue.next_deadline_s

    def _next_happens(self) -> None:
        if self.saying is not None:
            say, self.saying = self.saying, None
            self.happens(heard.PromptFinished(prompt=say.prompt, interrupted=False, say_id=say.say_id))
        else:
            self.happens(heard.TimePassed())

    def _take(self, actions: list[acts.Action]) -> None:
        for action in actions:
            match action:
                case acts.Say():
                    spoken = Spoken(at_s=self.now_s, say=action, language=self.dialogue.language)
                    self.spoken.append(spoken)
                    self.saying = action
                    pace = CHARACTERS_A_SECOND[spoken.language.partition("-")[0]]
                    self._saying_ends_s = self.now_s + len(spoken.text) / pace
                case acts.StopSaying():
                    self.saying = None
                case acts.AskDebtPermission():
                    self.kept.asked_debt = True
                    self.happens(heard.DebtPermitted(allowed=self._gate_allows, rule="rehearsal"))
                case acts.Captured():
                    self.kept.promise = action
                case acts.CallbackSet():
                    self.kept.callback = action.at
                case acts.Answered():
                    self.kept.answers[action.name] = action.value
                case acts.SendText():
                    self.kept.texts.append(action.text)
                case acts.Suppress():
                    self.kept.suppressed.append(action.scope)
                case acts.HandOver():
                    self.happens(heard.HandOverEnded(connected=True))
                case acts.Note():
                    if action.kind in ("fault", "no_audio"):
                        self.kept.faults.append(action.detail)
                    self.kept.person_wanted |= action.kind == "person_wanted"
                case acts.End():
                    self.kept.disposition = action.disposition
                case _:
                    pass
