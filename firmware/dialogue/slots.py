"""What an utterance names besides its meaning: days, times, amounts, digits, yes or no.

Slots are what the callee said, resolved for the callee's own day; whether a day is allowed is the flow's question.
"""

from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum
from fractions import Fraction


class DayProblem(StrEnum):
    """Why a mention of a day names none."""

    VAGUE = "vague"
    """No day follows from it: ask which one (发工资那天, "soon")."""
    PAST = "past"
    IMPOSSIBLE = "impossible"
    """No calendar has it (二月三十号)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayMention:
    """A day that was named; exactly one of `day` and `problem` is set."""

    text: str = field(repr=False)
    day: date | None = None
    problem: DayProblem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeMention:
    """A time of day, or a part of one (下午, "in the morning"): from `begin` up to `end`."""

    text: str = field(repr=False)
    begin: time
    end: time | None = None
    """None: that very minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountMention:
    """An amount of money, or a share of what is owed; exactly one of `minor` and `share` is set."""

    text: str = field(repr=False)
    minor: int | None = field(default=None, repr=False)
    """Minor units of `currency` (fen, cents; whole yen for JPY); hundredths of one when none was named."""
    currency: str | None = None
    """ISO 4217; None when none was named."""
    share: Fraction | None = None
    """一半, "a third of it": of what is owed; 1 is all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Everything an utterance named, each kind in the order spoken."""

    days: tuple[DayMention, ...] = ()
    times: tuple[TimeMention, ...] = ()
    amounts: tuple[AmountMention, ...] = ()
    digits: str | None = field(default=None, repr=False)
    """A string of digits said one by one (last four, a code); never a date or an amount as well."""
    is_yes: bool | None = None
    """True yes, False no, None neither or both."""


class Asked(StrEnum):
    """What the box had asked when the callee spoke: 嗯 after "is that you?" is yes."""

    NOTHING = "nothing"
    """No question: an interruption, or speech after a statement."""
    IDENTITY = "identity"
    ABILITY = "ability"
    """Can you pay, and when."""
    CONFIRM = "confirm"
    """Is what I read back right."""
    DATE = "date"
    AMOUNT = "amount"
    CALLBACK_TIME = "callback_time"
    DIGITS = "digits"
    REASON = "reason"
    SATISFACTION = "satisfaction"
    OFFER = "offer"
    """Would you take this plan."""
