"""How often: what went before, counted against the limits and cool-downs of the packs."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from firmware.compliance.call import CallOrder, Channel, PastAttempt
from firmware.compliance.numbering import canonical_number
from firmware.compliance.opening_hours import first_instant
from firmware.compliance.pack import Cooldown, Limit, Per
from firmware.values import Disposition

REFUSALS = frozenset({Disposition.REFUSES, Disposition.OPT_OUT})
PROMISES = frozenset(
    {Disposition.PROMISE_FULL, Disposition.PROMISE_PARTIAL, Disposition.PROMISE_PLAN, Disposition.PAYING_NOW}
)
MAX_ROUNDS = 1000
NOT_OURS = frozenset({Channel.INBOUND, Channel.NOTICE})
NO_TELEPHONE = NOT_OURS | {Channel.SMS, Channel.EMAIL, Channel.MESSAGE, Channel.LETTER, Channel.VISIT}


class TimeRule(Protocol):
    """A rule that time alone can satisfy."""

    @property
    def rule(self) -> str:
        """Return the rule's id."""
        ...

    def next_allowed(self, at: datetime) -> datetime | None:
        """Return the first allowed instant not before `at`; None when waiting does not help."""
        ...

    def detail(self, at: datetime) -> str:
        """Return the figures at `at`."""
        ...


def first_allowed_by_all(rules: Sequence[TimeRule], at: datetime) -> datetime | None:
    """Return the first instant not before `at` that all rules allow: `at` itself, or a whole second."""
    for _ in range(MAX_ROUNDS):
        reached = at
        for rule in rules:
            allowed = rule.next_allowed(reached)
            if allowed is None:
                return None
            reached = allowed if allowed == reached else whole_second(allowed)
        if reached == at:
            return at
        at = reached
    return None


def whole_second(at: datetime) -> datetime:
    """Return `at`, or the next whole second."""
    return at if at.microsecond == 0 else at.replace(microsecond=0) + timedelta(seconds=1)


class LimitRule:
    """At most `limit.max` of its kind of attempt within its window, in every plausible zone."""

    def __init__(
        self, limit: Limit, order: CallOrder, attempts: Sequence[PastAttempt], zones: Sequence[ZoneInfo]
    ) -> None:
        self.rule = limit.id
        self._limit = limit
        self._unit, self._length = limit.unit, limit.length
        self._zones = zones if self._unit != "rolling_s" else zones[:1]
        self._waived = limit.waived_by == "callback_asked" and _asked_for_callback(order, attempts)
        self._events = sorted(
            attempt.reserved_at.astimezone(UTC)
            for attempt in attempts
            if is_counted(limit, attempt) and concerns(limit.per, order, attempt)
        )

    def next_allowed(self, at: datetime) -> datetime | None:
        """Return the first instant at which one more stays within the limit."""
        if self._waived:
            return at
        if self._limit.max == 0:
            return None
        if len(self._events) < self._limit.max:
            return at
        return max(self._next_in(zone, at) for zone in self._zones)

    def detail(self, at: datetime) -> str:
        """Return how many there were."""
        counted = max(len(self._within(zone, at)) for zone in self._zones)
        waived = ", waived: the person asked to be called back" if self._waived else ""
        limit = self._limit
        return f"{counted} of at most {limit.max} ({limit.count} per {limit.per}, {limit.window}){waived}"

    def _within(self, zone: ZoneInfo, at: datetime) -> list[datetime]:
        if not self._events:
            return []
        if self._unit == "rolling_s":
            since = at - timedelta(seconds=self._length)
            return [event for event in self._events if event > since]
        today = at.astimezone(zone).date()
        since_day = today - timedelta(days=today.weekday() + 1 if self._unit == "week" else self._length)
        return [event for event in self._events if event.astimezone(zone).date() > since_day]

    def _next_in(self, zone: ZoneInfo, at: datetime) -> datetime:
        while len(within := self._within(zone, at)) >= self._limit.max:
            # One more fits as soon as only max - 1 are left in the window.
            leaves = within[len(within) - self._limit.max]
            at = self._falls_out_at(zone, leaves)
        return at

    def _falls_out_at(self, zone: ZoneInfo, event: datetime) -> datetime:
        if self._unit == "rolling_s":
            return event + timedelta(seconds=self._length)
        day = event.astimezone(zone).date()
        if self._unit == "week":
            day -= timedelta(days=day.weekday())
        return first_instant(zone, day + timedelta(days=self._length))


class CooldownRule:
    """Quiet days after an event, the day of the event being the first, in every plausible zone."""

    def __init__(
        self, cooldown: Cooldown, order: CallOrder, attempts: Sequence[PastAttempt], zones: Sequence[ZoneInfo]
    ) -> None:
        self.rule = cooldown.id
        self._cooldown = cooldown
        happened = _HAPPENED[cooldown.after]
        self._over = [
            first_instant(zone, _date_in(zone, attempt.reserved_at) + timedelta(days=cooldown.days))
            for attempt in attempts
            if happened(attempt) and concerns(cooldown.per, order, attempt)
            for zone in zones
        ]

    def next_allowed(self, at: datetime) -> datetime | None:
        """Return when the last quiet day is over."""
        return max([at, *self._over]) if self._over else at

    def detail(self, at: datetime) -> str:
        """Return what the quiet days follow."""
        state = "running" if any(over > at for over in self._over) else "none running"
        return f"{self._cooldown.days} days after {self._cooldown.after} per {self._cooldown.per}: {state}"


def is_counted(limit: Limit, attempt: PastAttempt) -> bool:
    """Return whether `attempt` is of the kind that `limit` counts."""
    talked = attempt.connected or attempt.conversation
    match limit.count:
        case "attempt":
            return is_telephone(attempt)
        case "connected":
            return is_telephone(attempt) and talked
        case "conversation":
            return attempt.conversation
        case "any_channel_contact":
            return talked if is_telephone(attempt) else attempt.channel not in NOT_OURS
        case "any_channel_attempt":
            return attempt.channel not in NOT_OURS


def is_telephone(attempt: PastAttempt) -> bool:
    """Return whether somebody of ours telephoned; in doubt yes."""
    return attempt.channel not in NO_TELEPHONE


def concerns(per: Per, order: CallOrder, attempt: PastAttempt) -> bool:
    """Return whether `attempt` counts together with `order`."""
    match per:
        case "person":
            return attempt.person == order.person
        case "person_debt":
            return attempt.person == order.person and attempt.debt == order.debt
        case "number":
            return is_same_number(attempt.number, order.number)
        case "number_origin":
            return is_same_number(attempt.number, order.number) and attempt.line_number == order.caller_number


def is_same_number(ours: str, theirs: str) -> bool:
    """Return whether two spellings are one number."""
    return ours == theirs or canonical_number(ours) == canonical_number(theirs)


def _asked_for_callback(order: CallOrder, attempts: Sequence[PastAttempt]) -> bool:
    talks = [attempt for attempt in attempts if attempt.conversation and attempt.person == order.person]
    if not talks:
        return False
    return max(talks, key=lambda talk: talk.reserved_at).disposition == Disposition.CALLBACK_SET


def _date_in(zone: ZoneInfo, at: datetime) -> date:
    return at.astimezone(zone).date()


_HAPPENED: dict[str, Callable[[PastAttempt], bool]] = {
    "conversation": lambda attempt: attempt.conversation,
    "refusal": lambda attempt: attempt.disposition in REFUSALS,
    "wrong_number": lambda attempt: attempt.disposition == Disposition.WRONG_NUMBER,
    "promise_to_pay": lambda attempt: attempt.disposition in PROMISES,
    "complaint": lambda attempt: attempt.disposition == Disposition.COMPLAINT,
    # Somebody answered and heard nothing, or was cut off, because the box failed.
    "abandoned": lambda attempt: attempt.connected and attempt.disposition == Disposition.TECHNICAL_FAILURE,
    "notice": lambda attempt: attempt.channel == Channel.NOTICE,
}
