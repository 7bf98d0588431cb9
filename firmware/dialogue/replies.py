"""What a step answers to the machine: say this, go there, this value was given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from firmware.dialogue.actions import BargeIn
from firmware.dialogue.events import Utterance
from firmware.dialogue.intents import ACCEPT
from firmware.dialogue.plain_words import (
    is_by_turns,
    names_part,
    plain_meanings,
    tells_more_than_need,
)
from firmware.dialogue.slots import Slots
from firmware.dialogue.variables import Value
from firmware.values import Disposition, Money

CERTAIN = 0.9
PART = "promise_part"
PART_INSTEAD_OF = frozenset({"promise_to_pay", "ask_installment", "affirm"})
"""Where a question expects a part, what names one means that and none of these."""


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance, with every meaning it may have."""

    intents: Mapping[str, float]
    slots: Slots = field(default_factory=Slots)
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Speak:
    """Say this prompt, then tell the step that it is over."""

    prompt: str
    barge_in: BargeIn = "dtmf"


@dataclass(frozen=True, slots=True)
class Go:
    """Leave for a node."""

    node: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The question was answered; leave for that node."""

    node: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The secret was right; go on there once the gate permits."""

    node: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A value was given."""

    value: Value


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The value that was read back is right."""


@dataclass(frozen=True, slots=True)
class Promised:
    """A promise was confirmed."""

    due: date
    amount: Money | None
    is_full: bool
    node: str
    instalments: int = 1
    every: Literal["week", "fortnight", "month"] | None = None
    total: Money | None = None
    """Of a plan: all its instalments."""


@dataclass(frozen=True, slots=True)
class NextPlan:
    """The plan that was offered does not suit."""


@dataclass(frozen=True, slots=True)
class PlanTaken:
    """The plan that was offered suits; read it back."""


@dataclass(frozen=True, slots=True)
class SeekPerson:
    """Find somebody for this call."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """End the call now."""

    disposition: Disposition


@dataclass(frozen=True, slots=True)
class Settled:
    """It was asked whether something was meant."""

    was_meant: bool | None
    """None: neither yes nor no came."""
    answer: Said | None = None
    """The words that said no, which may say more."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The debt may not be spoken of in this call."""

    rule: str


Reply = (
    Speak
    | Go
    | Answer
    | Verified
    | Filled
    | Confirmed
    | Promised
    | NextPlan
    | PlanTaken
    | SeekPerson
    | Finish
    | Settled
    | Denied
    | None
)


def said_of(event: Utterance, language: str) -> Said:
    """Return an utterance with the plain words in it; a bare yes or no counts where nothing else was meant."""
    intents = {intent.name: intent.confidence for intent in event.intents}
    plain = plain_meanings(event.text, language)
    for name, sure in plain.items():
        intents[name] = max(sure, intents.get(name, 0.0))
    if tells_more_than_need(event.text, plain):
        intents.pop("vulnerable", None)
    if event.slots.is_yes is not None and max(intents.values(), default=0.0) < ACCEPT:
        intents["affirm" if event.slots.is_yes else "deny"] = CERTAIN
    offers = max(intents.get(name, 0.0) for name in ("promise_to_pay", "ask_installment"))
    if offers >= ACCEPT and _is_part(event):
        intents[PART] = offers
    return Said(intents, event.slots, event.text)


def part_of_day(slots: Slots) -> str | None:
    """Return the part of the day that every time named lies in, None without one."""
    parts = set()
    for at in slots.times:
        hour = at.begin.hour if at.end is None else (at.begin.hour + at.end.hour) / 2
        parts.add("morning" if hour < 12 else "afternoon" if hour < 18 else "evening")
    return parts.pop() if len(parts) == 1 else None


def _is_part(event: Utterance) -> bool:
    """Return whether an amount is named that is not all of it, or a part in words, and not so much each month."""
    if names_part(event.text):
        return True
    amounts = event.slots.amounts
    return bool(amounts) and amounts[-1].share != 1 and not is_by_turns(event.text)
