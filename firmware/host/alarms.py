"""When something measured becomes an alarm, and when it is over: two thresholds and two durations, so that it does not flap.

Pure: takes values and a monotonic time, returns what changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alarm."""

    name: str
    raised_at: float
    cleared_at: float
    """Below `raised_at` where much is bad, above it where little is."""
    raised_after_s: float = 0.0
    cleared_after_s: float = 0.0
    advice: str
    """What to do, with the value as ``{value:…}``."""

    def is_bad(self, value: float) -> bool:
        """Say whether the value is past the threshold that raises."""
        return value >= self.raised_at if self._much_is_bad else value <= self.raised_at

    def is_good(self, value: float) -> bool:
        """Say whether the value is past the threshold that clears."""
        return value <= self.cleared_at if self._much_is_bad else value >= self.cleared_at

    @property
    def _much_is_bad(self) -> bool:
        return self.raised_at > self.cleared_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An alarm that was raised or cleared, told once."""

    name: str
    is_raised: bool
    detail: str
    value: float
    """What was measured then."""


@dataclass(slots=True)
class _State:
    is_raised: bool = False
    since_s: float | None = None
    """Since when the values have spoken against the state."""


class Alarms:
    """Keeps every rule's state; a subject such as a line may have a rule for itself."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._states: dict[tuple[str, str], _State] = {}

    @property
    def raised(self) -> tuple[str, ...]:
        """Return what is raised now, ``name`` or ``name:subject``, sorted."""
        return tuple(sorted(_key(*key) for key, state in self._states.items() if state.is_raised))

    def see(self, values: Mapping[tuple[str, str], float | None], at_s: float) -> list[Change]:
        """Take the values by (rule, subject); an unknown value (None) changes nothing."""
        changes = []
        for (name, subject), value in values.items():
            if value is None:
                continue
            rule, state = self._rules[name], self._states.setdefault((name, subject), _State())
            speaks_against = rule.is_good(value) if state.is_raised else rule.is_bad(value)
            if not speaks_against:
                state.since_s = None
                continue
            state.since_s = at_s if state.since_s is None else state.since_s
            needed_s = rule.cleared_after_s if state.is_raised else rule.raised_after_s
            if at_s - state.since_s >= needed_s:
                state.is_raised, state.since_s = not state.is_raised, None
                detail = rule.advice.format(value=value, subject=subject) if state.is_raised else ""
                changes.append(
                    Change(name=_key(name, subject), is_raised=state.is_raised, detail=detail, value=value)
                )
        return changes


def _key(name: str, subject: str) -> str:
    return f"{name}:{subject}" if subject else name
