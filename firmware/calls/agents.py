"""Who may be called for a callee who wants a person: the office's own people, by language and hours (pure).

They come from the box's own settings and from nowhere else: no campaign can name a number to be put through to.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from firmware.calls.office_hours import OfficeHours
from firmware.values import E164, LineId


class HandOverResult(StrEnum):
    """What became of handing a call over."""

    ANSWERED = "answered"
    """An agent took the call, and the two talked."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    """Nobody came to the telephone, or what did (an answering machine) never pressed the key."""
    DECLINED = "declined"
    HOURS_CLOSED = "hours_closed"
    """No agent is there at this hour."""
    NO_AGENT = "no_agent"
    """No agent speaks the callee's language."""
    NO_LINE = "no_line"
    """No second line was idle in time, or the box has none that may reach an agent."""
    CALLEE_LEFT = "callee_left"
    """The callee hung up, or went on to something else, while an agent was sought."""
    STOPPED = "stopped"
    """The console forbade it meanwhile."""
    FAILED = "failed"
    """A line or its sound failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One of the office's own people."""

    agent: str
    """What the settings call them: no name."""
    address: str = field(repr=False)
    """A number in E.164, or of a SIP trunk an extension or a ``sip:`` address."""
    languages: tuple[str, ...]
    """The first is the one the box speaks to them."""
    hours: OfficeHours | None
    """None: at any time."""
    lines: frozenset[LineId] = frozenset()
    """The lines that may reach them; empty: all."""
    is_referred: bool = False
    """The trunk puts the callee's own call through (REFER): no second line, and nothing said to them before."""

    @property
    def number(self) -> E164 | None:
        """Return their number, None for an address that only SIP knows."""
        return E164(self.address) if self.address.startswith("+") else None

    def speaks(self, language: str) -> bool:
        """Say whether they speak it; `zh-CN` and `zh` are one."""
        return _primary(language) in {_primary(each) for each in self.languages}

    def is_reached(self, other_lines: AbstractSet[LineId], own_line: LineId | None) -> bool:
        """Say whether a call on `own_line` could be handed to them, over one of `other_lines` or by its trunk."""
        if self.is_referred:
            return own_line in self.lines
        return bool(other_lines & self.lines if self.lines else other_lines)

    def is_there(self, now: datetime) -> bool:
        """Say whether it is their hour."""
        return self.hours is None or self.hours.are_open(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The bounds of handing over."""

    ring_s: float = 20.0
    """How long one agent's telephone rings."""
    accept_s: float = 15.0
    """How long one who answered may take to press the key."""
    search_s: float = 60.0
    """How long a callee waits, for all agents together."""
    max_talk_s: float = 1800.0
    accepts_speech: bool = False
    """A short word of a person takes the call too, not the key alone."""
    records: bool = True
    """A recording that is running goes on while they talk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """All agents, in the order in which they are to be called."""

    agents: Sequence[Agent] = ()
    terms: Terms = field(default_factory=Terms)

    def on_duty(self, language: str, now: datetime) -> list[Agent]:
        """Return who may be called now for somebody of this language."""
        return [agent for agent in self.agents if agent.speaks(language) and agent.is_there(now)]

    def why_nobody(
        self, language: str, now: datetime, other_lines: AbstractSet[LineId], own_line: LineId | None = None
    ) -> HandOverResult | None:
        """Return why it is vain to seek an agent now, None when it is not; `other_lines` are all but the call's own."""
        speaking = [agent for agent in self.agents if agent.speaks(language)]
        if not speaking:
            return HandOverResult.NO_AGENT
        there = [agent for agent in speaking if agent.is_there(now)]
        if not there:
            return HandOverResult.HOURS_CLOSED
        if not any(agent.is_reached(other_lines, own_line) for agent in there):
            return HandOverResult.NO_LINE
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverFacts:
    """What is kept with the call's outcome."""

    result: HandOverResult
    agent: str = ""
    """Who took it, or was the last to be called."""
    n_called: int = 0
    """How many agents' telephones were called."""
    waited_ms: int = 0
    """From the wish to the join, or to giving up."""
    talk_ms: int = 0
    """How long the two were joined."""


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
