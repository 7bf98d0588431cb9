"""What the dialogue orders: actions out, to be carried out in the order given."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

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
    amount: Money | None = field(repr=False)
    """None: not spoken of."""
    confirmed: bool


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


Action = Say | StopSaying | AskDebtPermission | StartRecording | Suppress | Captured | Note | End
