"""What the dialogue hears: events in, in the order in which they happened."""

from dataclasses import dataclass, field
from typing import Literal

from firmware.dialogue.slots import Slots


@dataclass(frozen=True, slots=True, kw_only=True)
class Digit:
    """One key pressed by the callee: 0-9, ``*``, ``#``, A-D."""

    digit: str = field(repr=False)
    """Not shown: keyed digits may be part of a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted:
    """The callee began to speak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnded:
    """The callee stopped speaking; what was said is not known (yet)."""

    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One meaning an utterance may have."""

    name: str
    confidence: float
    """0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """What the callee said, as far as it was understood."""

    text: str = field(repr=False)
    intents: tuple[Intent, ...]
    slots: Slots = field(default_factory=Slots)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFinished:
    """A `Say` is over: said to its end, or interrupted."""

    prompt: str
    interrupted: bool
    say_id: int = 0
    """The `Say.say_id` this is about; 0: whichever is newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePassed:
    """`next_deadline_s` may have come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineHeard:
    """An answering machine took the call: its greeting, or the beep after which it records."""

    kind: Literal["beep", "greeting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalleeHungUp:
    """The callee is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtPermitted:
    """The gate's answer to `AskDebtPermission`."""

    allowed: bool
    rule: str
    """The rule that decided, for the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverEnded:
    """What became of `HandOver`: a person has the call, or nobody could be found."""

    connected: bool
    reason: str = ""


DialogueEvent = (
    Digit
    | SpeechStarted
    | SpeechEnded
    | Utterance
    | PromptFinished
    | TimePassed
    | MachineHeard
    | CalleeHungUp
    | DebtPermitted
    | HandOverEnded
)
