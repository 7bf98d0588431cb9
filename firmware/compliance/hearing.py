"""One question to the gate while it is being heard: every rule tried, and the strictest verdict so far."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from firmware.compliance.call import Point
from firmware.compliance.decision import Decision, Outcome, RuleTried
from firmware.compliance.limits import TimeRule, first_allowed_by_all
from firmware.compliance.policy import Policy

_SEVERITY = (Outcome.ALLOW, Outcome.DEFER, Outcome.HOLD, Outcome.REFUSE)


class Hearing:
    """Collects what each rule says; the first of the strictest verdicts decides."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self._tried: list[RuleTried] = []
        self._outcome, self._rule, self._about_box = Outcome.ALLOW, "allowed", False
        self._until: datetime | None = None
        self._policy: Policy | None = None
        self._digest = ""
        self._zones: Sequence[ZoneInfo] = ()

    def put(self, rule: str, problem: str, *, outcome: Outcome = Outcome.REFUSE, box: bool = False) -> None:
        """Record a rule that waiting does not change; `problem` is empty when it is kept."""
        self._tried.append(RuleTried(rule=rule, passed=not problem, detail=problem))
        if problem:
            self._raise_to(outcome, rule, box=box)

    def governed_by(self, policy: Policy, digest: str) -> None:
        """Note the policy that the remaining rules come from."""
        self._policy, self._digest = policy, digest

    def in_zones(self, zones: Sequence[ZoneInfo], now: datetime) -> None:
        """Note where the callee may be; the packs must be in force in all of those places."""
        self._zones = zones
        policy = self._policy
        assert policy is not None
        today = _dates(zones, now)
        early = "" if min(today) >= policy.effective_from else f"in force from {policy.effective_from}"
        self.put("pack-not-in-force", early, box=True)
        late = "" if max(today) <= _last_day(policy) else f"to be reviewed by {_last_day(policy)}"
        self.put("pack-expired", late, box=True)

    def put_time_rules(self, rules: Sequence[TimeRule], now: datetime) -> None:
        """Record the rules that time can satisfy, and when all of them are satisfied together."""
        failing: list[tuple[TimeRule, datetime | None]] = []
        for rule in rules:
            allowed = rule.next_allowed(now)
            if allowed != now:
                failing.append((rule, allowed))
            self._tried.append(
                RuleTried(
                    rule=rule.rule,
                    passed=allowed == now,
                    detail=rule.detail(now),
                    allowed_at=None if allowed == now else allowed,
                )
            )
        if not failing:
            return
        hopeless = next((rule for rule, allowed in failing if allowed is None), None)
        until = None if hopeless is not None else first_allowed_by_all(rules, now)
        if hopeless is not None:
            self._raise_to(Outcome.REFUSE, hopeless.rule)
        elif until is None:
            self.put("no-open-time", "there is no instant at which all rules allow this call")
        elif self._policy is not None and max(_dates(self._zones, until)) > _last_day(self._policy):
            due = f"next open {until:%Y-%m-%d}; the rule packs must be reviewed by {_last_day(self._policy)}"
            self.put("pack-review-due", due, outcome=Outcome.HOLD, box=True)
        else:
            binding = max(failing, key=lambda failed: failed[1] or now)[0]
            self._until = until
            self._raise_to(Outcome.DEFER, binding.rule)

    def decision(self) -> Decision:
        """Return the verdict."""
        policy = self._policy
        return Decision(
            outcome=self._outcome,
            rule=self._rule,
            until=self._until if self._outcome is Outcome.DEFER else None,
            tried=tuple(self._tried),
            policy_digest=self._digest,
            point=self._point,
            packs=tuple(sorted(policy.packs)) if policy is not None else (),
            zones=tuple(zone.key for zone in self._zones),
            about_box=self._about_box,
        )

    def _raise_to(self, outcome: Outcome, rule: str, *, box: bool = False) -> None:
        if _SEVERITY.index(outcome) > _SEVERITY.index(self._outcome):
            self._outcome, self._rule, self._about_box = outcome, rule, box


def _dates(zones: Sequence[ZoneInfo], at: datetime) -> list[date]:
    return [at.astimezone(zone).date() for zone in zones]


def _last_day(policy: Policy) -> date:
    return min(policy.effective_to, policy.review_by)
