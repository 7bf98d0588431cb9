"""A conversation as data: what `loader` reads, `checks` proves and `machine` walks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from firmware.dialogue.actions import BargeIn, SuppressionScope
from firmware.dialogue.contact import read_contact
from firmware.dialogue.template import Template
from firmware.dialogue.variables import PROMISE_AMOUNT, PROMISE_DATE, ContactVars, Position, VarType
from firmware.dialogue.wording import debt_word
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
    barge_in: BargeIn = "dtmf"
    wait_s: float = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyNode(Place):
    """Lets the callee key a secret; only its `passed` way opens the debt."""

    var: str
    prompt: str
    again: str | None
    """Said after a wrong try; None: `prompt`."""
    tries: int
    passed: str
    failed: str
    wait_s: float = 8.0


class CaptureKind(StrEnum):
    """What keys are read as."""

    DATE = "date"
    """Month and day, MMDD."""
    DIGITS = "digits"
    AMOUNT = "amount"
    """Whole units of the currency, ended by ``#``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureNode(Place):
    """Lets the callee key a value into a slot; reads it back if asked to."""

    kind: CaptureKind
    into: str
    prompt: str
    invalid: str | None
    """Said when the keys are no such value, or one that is not allowed; None: `prompt`."""
    tries: int
    next: str
    failed: str
    length: int | None = None
    """Digits only."""
    at_most: str | None = None
    """Amount only: the money var that it may not exceed, and whose currency it is in."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseNode(Place):
    """Goes one way or another by a variable or slot, saying nothing."""

    on: str
    when: Mapping[str, str]
    otherwise: str


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


Node = SayNode | AskNode | VerifyNode | CaptureNode | PromiseNode | ChooseNode | MessageNode | EndNode


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


Anytime = Target | Resume | Repeat


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One conversation, in every language it is offered in."""

    name: str
    version: int
    languages: tuple[str, ...]
    vars: Mapping[str, VarType]
    prompts: Mapping[str, Prompt]
    nodes: Mapping[str, Node]
    """By id; a node written inline has its parent's id, a dot, and its place."""
    anytime: Mapping[str, Anytime]
    """Intent name to what it does in every node after the opening."""
    start: str
    neutral: str
    """The prompt with which the machine itself ends a call: of no debt, true at any time."""
    on_machine: str | None = None
    """The message node for an answering machine; None: leave none."""
    captures: Mapping[str, CaptureKind] = field(default_factory=dict)
    """Slot to what is keyed into it."""
    digest: str = ""
    """SHA-256 of the document's UTF-8 text, hex."""
    at: Position = field(default=Position(), compare=False)

    @property
    def late(self) -> frozenset[str]:
        """Return the slots that are known only during the call."""
        return frozenset(self.captures) | {PROMISE_DATE, PROMISE_AMOUNT}

    @cached_property
    def debt_prompts(self) -> Mapping[str, str]:
        """Return the prompts that speak of the debt, each with the reason why it counts as one.

        A declared role, a debt var or a promise suffices; so does a word that names a debt, so that an author
        who forgets to mark a prompt does not thereby make it harmless.
        """
        reasons = ((prompt.id, self._debt_reason(prompt)) for prompt in self.prompts.values())
        return {prompt: reason for prompt, reason in reasons if reason is not None}

    def _debt_reason(self, prompt: Prompt) -> str | None:
        if DEBT_ROLE in prompt.roles:
            return "its role is debt"
        for name in sorted(prompt.names):
            if name in (PROMISE_DATE, PROMISE_AMOUNT) or (name in self.vars and self.vars[name].debt):
                return f"it speaks {{{name}}}"
            if self.captures.get(name) is CaptureKind.AMOUNT:
                return f"it speaks the amount {{{name}}}"
        for language, template in prompt.texts.items():
            if word := debt_word(template.literal):
                return f"its {language} wording says {word!r}"
        return None

    @cached_property
    def spoken_names(self) -> frozenset[str]:
        """Return what any prompt speaks: vars and slots."""
        return frozenset().union(*(prompt.names for prompt in self.prompts.values()))

    @cached_property
    def names_heard_by_anyone(self) -> frozenset[str]:
        """Return what is spoken in prompts that whoever picks up may hear."""
        harmless = (prompt for prompt in self.prompts.values() if prompt.id not in self.debt_prompts)
        return frozenset().union(*(prompt.names for prompt in harmless))

    def resolve_language(self, language: str) -> str | None:
        """Return the flow's language for a BCP 47 tag (``en-GB`` is served by ``en``), None without one."""
        tag = {"zh": "zh-CN", "zh-Hans": "zh-CN", "zh-Hans-CN": "zh-CN"}.get(language, language)
        while tag not in self.languages and "-" in tag:
            tag = tag.rpartition("-")[0]
        return tag if tag in self.languages else None

    def check_vars(self, vars: Mapping[str, object], language: str) -> ContactVars:
        """Return a contact's values, typed and speakable. Raises ContactRefusedError.

        `vars` is decoded JSON: money as ``{"minor": …, "currency": …}``, dates as ``YYYY-MM-DD``, the rest
        as strings.
        """
        resolved = self.resolve_language(language)
        return read_contact(
            self.vars, vars, resolved, spoken=self.spoken_names, heard_by_anyone=self.names_heard_by_anyone
        )
