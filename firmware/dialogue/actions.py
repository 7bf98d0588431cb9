"""What the dialogue orders: actions out, to be carried out in the order given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from firmware.dialogue.variables import Moment, Value
from firmware.values import Disposition, Money

BargeIn = Literal["none", "dtmf", "speech"]
SuppressionScope = Literal["person", "number", "debt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speak `phrases` one after the other, in place of whatever is being said."""

    prompt: str
    phrases: tuple[str, ...] = field(repr=False)
    """Each one is in `Dialogue.phrases()`, so it was rendered before dialling."""
    barge_in: BargeIn
    roles: frozenset[str]
    """Disclosures this wording makes (identity, automated, recording, …) and `debt`."""
    speaks_debt: bool
    say_id: int
    """Rises with every Say of a call; give it back in `PromptFinished`."""
    is_slow: bool = False
    """The callee asked for it: say it more slowly than usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSaying:
    """Fall silent now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDebtPermission:
    """Ask the gate whether the debt may be spoken of in this call; answer with `DebtPermitted`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecording:
    """The notice was said to its end: recording may begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppress:
    """Never call again, from now on, whatever happens to this call."""

    scope: SuppressionScope
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A promise that was read back and confirmed."""

    kind: Literal["promise"] = "promise"
    due: date
    """Of a plan: when the first instalment is due."""
    amount: Money | None = field(repr=False)
    """None: not spoken of. Of a plan: each instalment but the last, which is what is left."""
    confirmed: bool
    instalments: int = 1
    every: Literal["week", "fortnight", "month"] | None = None
    """How far the instalments of a plan are apart; None: there is one payment."""
    total: Money | None = field(default=None, repr=False)
    """Of a plan: all its instalments; the last is smaller where they do not come out even."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackSet:
    """The callee named when to be rung back."""

    at: Moment
    """In the callee's own time, never before `today` and `now` of the dialogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer that the flow keeps with the outcome (`keep:`), for the console and nobody else."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendText:
    """Have a text of the campaign's catalogue sent once the call is over, if consent and rules allow it then."""

    text: str
    language: str
    slots: Mapping[str, Value] = field(repr=False)
    """What was agreed or captured so far; the contact's own values are not among them."""
    debt_permitted: bool
    """The person was verified and the gate had allowed the debt to be spoken of: it may stand in the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Find a person for this call; answer with `HandOverEnded`."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageChanged:
    """From here on the call is held in another language: what is heard now is in that one."""

    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something to keep with the outcome; never a personal value."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """End the call with this disposition; ordered exactly once, the last action of a dialogue."""

    disposition: Disposition
    after: Literal["prompt", "now"]
    """`prompt`: when what is being said is over; `now`: at once."""


Action = (
    Say
    | StopSaying
    | AskDebtPermission
    | StartRecording
    | Suppress
    | Captured
    | CallbackSet
    | Answered
    | SendText
    | HandOver
    | LanguageChanged
    | Note
    | End
)
