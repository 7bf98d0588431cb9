"""The gate's answer, with every rule that was tried."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from firmware.compliance.call import Point
from firmware.compliance.explanations import explain


class Outcome(StrEnum):
    """What may be done with the order."""

    ALLOW = "allow"
    DEFER = "defer"
    """Not now; at `Decision.until` it may, if nothing else changes."""
    REFUSE = "refuse"
    """Not while the facts are as they are, however long one waits."""
    HOLD = "hold"
    """A person must act first: call it themselves, or bring the rules up to date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTried:
    """One rule, whether the order passed it, and the figures; never a number or a name."""

    rule: str
    passed: bool
    detail: str = ""
    allowed_at: datetime | None = None
    """A rule of time that failed: when it alone would allow the call; None if never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether this call may be placed now."""

    outcome: Outcome
    rule: str
    """The rule that decided; ``allowed`` when all passed."""
    until: datetime | None = None
    """DEFER only: the earliest allowed second, aware UTC."""
    tried: tuple[RuleTried, ...] = ()
    policy_digest: str = ""
    """SHA-256 of the merged policy; empty when none could be made."""
    point: Point = Point.PREDIAL
    packs: tuple[str, ...] = ()
    """``id@version`` of every pack that applied, sorted."""
    zones: tuple[str, ...] = ()
    """Every time zone plausible for the callee, sorted."""
    about_box: bool = False
    """The box or its rule packs are unfit, not this contact: it keeps its place and is asked about again."""

    @property
    def is_allowed(self) -> bool:
        """Return whether the call may go on."""
        return self.outcome is Outcome.ALLOW

    def explain(self, language: str) -> str:
        """Return one sentence for a clerk, in Chinese for ``zh…`` and in English otherwise."""
        detail = next(
            (tried.detail for tried in self.tried if tried.rule == self.rule and not tried.passed), ""
        )
        return explain(
            self.outcome.value,
            self.rule,
            detail=detail,
            until=self.until,
            zones=self.zones,
            language=language,
        )
