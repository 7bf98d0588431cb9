"""What a conversation is made of: prompts, nodes, and what is heard at any time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from firmware.dialogue.actions import BargeIn, SuppressionScope
from firmware.dialogue.conditions import Condition
from firmware.dialogue.slots import Asked
from firmware.dialogue.template import Template
from firmware.dialogue.variables import Position
from firmware.values import Disposition

DISCLOSURES = frozenset({"identity", "automated", "recording", "purpose", "opt_out", "complaint_route"})
DEBT_ROLE = "debt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One thing the box can say, in every language of the flow."""

    id: str
    roles: frozenset[str]
    texts: Mapping[str, Template]
    at: Position = field(default=Position(), compare=False)

    @property
    def discloses(self) -> frozenset[str]:
        """Return the disclosures this wording makes; they count only when said to the end."""
        return self.roles & DISCLOSURES

    @property
    def names(self) -> frozenset[str]:
        """Return what it speaks in any language."""
        return frozenset().union(*(template.names for template in self.texts.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitLimit:
    """After so many visits a node is passed by: what bounds a loop."""

    visits: int
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What an ask does when nothing, or nothing fitting, is answered."""

    reprompt: int
    """How often it asks again."""
    then: str
    say: str | None = None
    """The prompt for asking again; None: the same one."""
    menu: str | None = None
    """The prompt from the second failure of this question on, of whatever kind; None: `say`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What every node has."""

    id: str
    at: Position = field(default=Position(), compare=False)
    limit: VisitLimit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SayNode(Place):
    """Says a prompt and goes on."""

    prompt: str
    next: str
    barge_in: BargeIn = "dtmf"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskNode(Place):
    """Asks a question; keys and intents lead on."""

    prompt: str
    keys: Mapping[str, str]
    """Digit to node."""
    intents: Mapping[str, str]
    """Intent name to node."""
    silence: Retry
    no_match: Retry
    asked: Asked = Asked.NOTHING
    """What kind of question it is, for whoever has to understand the answer."""
    keep: str | None = None
    """The name under which the answer (the node it leads to) is kept with the outcome; None: it is not."""
    barge_in: BargeIn = "dtmf"
    wait_s: float = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyNode(Place):
    """Lets the callee key a secret, or say it; only its `passed` way opens the debt."""

    var: str
    prompt: str
    again: str | None
    """Said after a wrong try; None: `prompt`."""
    tries: int
    passed: str
    failed: str
    by_speech: bool = False
    """Digits said count like digits keyed."""
    wait_s: float = 8.0


class CaptureKind(StrEnum):
    """What is captured, and what keys are read as; speech is read by its slots."""

    DATE = "date"
    """Month and day, MMDD."""
    DIGITS = "digits"
    AMOUNT = "amount"
    """Whole units of the currency, ended by ``#``."""
    CALLBACK = "callback"
    """When to ring back: one key for each of the offered times, or month, day and hour, MMDDHH."""
    RATING = "rating"
    """One digit, from 1 up to `most`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTime:
    """A time to ring back that one key stands for."""

    days: int
    """Days from today."""
    hour: int
    minute: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureNode(Place):
    """Lets the callee key or say a value into a slot; reads it back if asked to."""

    kind: CaptureKind
    into: str
    prompt: str
    invalid: str | None
    """Said when what came is no such value, or one that is not allowed; None: `prompt`."""
    tries: int
    next: str
    failed: str
    length: int | None = None
    """Digits only."""
    at_most: str | None = None
    """Amount only: the money var that it may not exceed, and whose currency it is in."""
    at_least: str | None = None
    """Amount only: the money var below which nothing is agreed."""
    offers: Mapping[str, OfferedTime] = field(default_factory=dict)
    """Callback only: by key."""
    most: int = 5
    """Rating only."""
    keep: str | None = None
    """The name under which the value is kept with the outcome; None: it is not."""
    read_back: str | None = None
    rejected: str | None = None
    """Where a no to the read-back leads."""
    wait_s: float = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseNode(Place):
    """Reads a promise back and stores it when it is confirmed."""

    due: str
    """A date slot, ``today``, ``tomorrow`` or ``coming_friday`` and the like."""
    amount: str | None
    """A money var or an amount slot; None: not spoken of."""
    read_back: str
    confirmed: str
    rejected: str
    failed: str
    """Neither a yes nor a no came."""
    not_possible: str
    """The date is later than may be promised."""
    wait_s: float = 8.0


class Interval(StrEnum):
    """How far the instalments of a plan are apart."""

    WEEK = "week"
    FORTNIGHT = "fortnight"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNode(Place):
    """Offers instalments one plan after the other, within the limits; the one taken is read back and stored."""

    amount: str
    """A money var or an amount slot: what is to be paid in all."""
    offers: tuple[int, ...]
    """Numbers of instalments, in the order in which they are offered."""
    most: str | None
    """A number var: more instalments are not agreed."""
    least: str | None
    """A money var: smaller instalments are not agreed."""
    first: str
    """When the first is due, as in `PromiseNode.due`."""
    every: Interval
    prompt: str
    read_back: str
    confirmed: str
    declined: str
    """None of the plans suits."""
    failed: str
    """No answer came."""
    not_possible: str
    """The limits allow none of the plans."""
    wait_s: float = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseNode(Place):
    """Goes one way or another by a variable or slot, saying nothing; the first condition that holds decides."""

    on: str
    when: tuple[tuple[Condition, str], ...]
    otherwise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferNode(Place):
    """Hands the call over to a person; where no line can bridge it goes on at once, saying nothing."""

    reason: str
    prompt: str
    waiting: str | None
    """Said now and then to who waits for a person."""
    unavailable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsNode(Place):
    """Has a text of the campaign's catalogue sent after the call, saying nothing."""

    text: str
    next: str
    not_possible: str
    """There is no such text for this person: no consent, or the campaign brings no catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageNode(Place):
    """Changes the language of the call."""

    language: str
    next: str
    not_possible: str
    """A value of this contact cannot be said in that language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageNode(Place):
    """Leaves a message on an answering machine, and ends."""

    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndNode(Place):
    """Suppresses what it must, says goodbye, and ends with a disposition."""

    disposition: Disposition
    prompt: str | None = None
    suppress: SuppressionScope | None = None


Node = (
    SayNode
    | AskNode
    | VerifyNode
    | CaptureNode
    | PromiseNode
    | PlanNode
    | ChooseNode
    | TransferNode
    | SmsNode
    | LanguageNode
    | MessageNode
    | EndNode
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """What every anytime handler has."""

    at: Position = field(default=Position(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Handler):
    """Anytime: leave for a node."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(Handler):
    """Anytime: say something, then ask again what was being asked."""

    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat(Handler):
    """Anytime: say the last thing again."""

    is_slower: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Handler):
    """Anytime: go on in the language that was named, or in the next one of the flow when none was."""

    not_possible: str | None = None
    """The node for a language that this call cannot be held in; None: go on as before."""


Anytime = Target | Resume | Repeat | Switch
