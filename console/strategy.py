"""Suggestions from the office's own calls, each with its reason: when somebody answers, which flow version works better.

Only what the boxes reported is used: times, answers, outcomes, flow versions. No age, sex, name, address, origin,
health or other protected fact, nothing bought or looked up elsewhere, and no score of a person is kept. A suggestion
changes nothing: a person applies it, and the boxes' rules stand above whatever is applied.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from enum import StrEnum
from itertools import pairwise

import msgspec
from sqlalchemy import Connection, func, select

from console.corrections import wilson
from console.ledger_tables import CONTACT, OUTCOME, PROMISE

ENOUGH_OF_PERSON = 4
"""Attempts to one person before anything is said of them alone."""
ENOUGH_OF_LIST = 100
"""Attempts in an hour before it stands for everybody."""
ENOUGH_A_VERSION = 100
"""Talks with the right person on each side of a comparison."""
ENOUGH_PROMISES = 10
"""Hits and misses on each side: below, the normal approximation of the interval does not hold."""


class Part(StrEnum):
    """A part of the day."""

    MORNING = "08-12"
    NOON = "12-14"
    AFTERNOON = "14-18"
    EVENING = "18-21"


Counts = dict[str, tuple[int, int]]
"""(answered, attempts) by part of the day or by weekday."""


class Suggestion(msgspec.Struct, kw_only=True, frozen=True):
    """When to call one person, or why nothing is suggested."""

    person: str
    when: str
    """A part of the day, empty for none."""
    weekday: str
    """``1`` for Monday to ``7``, empty for none."""
    attempts: int
    reason: str


class Comparison(msgspec.Struct, kw_only=True, frozen=True):
    """Two versions of one flow, by promises among talks with the right person."""

    flow: str
    older: int
    newer: int
    talks: tuple[int, int]
    promises: tuple[int, int]
    difference: float
    """The newer's share less the older's."""
    least: float
    most: float
    """Newcombe's interval of the difference that holds 19 times of 20."""
    verdict: str
    """better, worse, or open: too little is known."""
    reason: str


def part_of(at: datetime) -> Part | None:
    """Return the part of the day of a local time, None outside all of them."""
    for part in Part:
        first, last = (int(hour) for hour in part.value.split("-"))
        if first <= at.hour < last:
            return part
    return None


def when_to_call(connection: Connection, persons: Iterable[str], zone: tzinfo) -> list[Suggestion]:
    """Return for each person when they answered, by hour and weekday, or what everybody's answers say.

    `zone` is the branch's.
    """
    by_part, by_weekday = _answers(connection, zone)
    best_part, best_weekday = (
        _best(by_part.everybody, ENOUGH_OF_LIST),
        _best(by_weekday.everybody, ENOUGH_OF_LIST),
    )
    found = []
    for person in persons:
        n_attempts = sum(n for _, n in by_part.of_person.get(person, {}).values())
        when, why = _said(by_part, person, n_attempts, best_part, "in {}", "no time of the day stands out")
        weekday, why_then = _said(
            by_weekday, person, n_attempts, best_weekday, "on weekday {}", "no weekday does"
        )
        reason = f"{why}; {why_then}; {n_attempts} calls to this person in all"
        found.append(
            Suggestion(person=person, when=when, weekday=weekday, attempts=n_attempts, reason=reason)
        )
    return found


def _said(
    counts: "_Answers", person: str, n_attempts: int, of_all: str | None, place: str, nothing: str
) -> tuple[str, str]:
    """Return when and why: of the person themselves if enough is known of them, else of everybody."""
    theirs = counts.of_person.get(person, {})
    best = _best(theirs, 2) if n_attempts >= ENOUGH_OF_PERSON else None
    if best is not None:
        answered, n = theirs[best]
        return best, f"answered {answered} of {n} calls {place.format(best)}"
    if of_all is not None:
        answered, n = counts.everybody[of_all]
        return of_all, (
            f"too little is known of them, of everybody {answered} of {n} answered {place.format(of_all)}, "
            "surely more than at other times"
        )
    return "", nothing


def order_of_list(connection: Connection, campaign: str, zone: tzinfo, now: datetime) -> list[Suggestion]:
    """Return whom to call first at this time of day: those who answered in this part of it, then those never tried."""
    asked = (
        select(CONTACT.c.person).where(CONTACT.c.campaign == campaign).distinct().order_by(CONTACT.c.person)
    )
    part = part_of(now.astimezone(zone))
    suggestions = when_to_call(connection, connection.execute(asked).scalars().all(), zone)

    weekday = str(now.astimezone(zone).isoweekday())

    def place(each: Suggestion) -> tuple[int, bool, str]:
        if part is not None and each.when == part.value:
            rank = 0 if each.attempts >= ENOUGH_OF_PERSON else 1
        else:
            rank = 2 if not each.when else 3
        return rank, each.weekday not in {"", weekday}, each.person

    return sorted(suggestions, key=place)


def compare_versions(connection: Connection, flow: str) -> list[Comparison]:
    """Return each version of a flow beside the one before it."""
    same = (PROMISE.c.box == OUTCOME.c.box) & (PROMISE.c.attempt == OUTCOME.c.attempt)
    asked = (
        select(OUTCOME.c.flow_version, func.count(), func.count(PROMISE.c.due))
        .outerjoin_from(OUTCOME, PROMISE, same)
        .where((OUTCOME.c.flow == flow) & OUTCOME.c.right_party)
        .group_by(OUTCOME.c.flow_version)
        .order_by(OUTCOME.c.flow_version)
    )
    rows = [(int(row[0]), int(row[1]), int(row[2])) for row in connection.execute(asked)]
    return [compared(flow, older, newer) for older, newer in pairwise(rows)]


def compared(flow: str, older: tuple[int, int, int], newer: tuple[int, int, int]) -> Comparison:
    """Return two versions side by side, each as (version, talks, promises); from too little nothing is concluded."""
    (a, n_a, hits_a), (b, n_b, hits_b) = older, newer
    share_a, share_b = hits_a / max(n_a, 1), hits_b / max(n_b, 1)
    (least_a, most_a), (least_b, most_b) = wilson(hits_a, n_a), wilson(hits_b, n_b)
    difference = share_b - share_a
    least = difference - math.hypot(share_b - least_b, most_a - share_a)
    most = difference + math.hypot(most_b - share_b, share_a - least_a)
    fewest = min(hits_a, n_a - hits_a, hits_b, n_b - hits_b)
    if min(n_a, n_b) < ENOUGH_A_VERSION or fewest < ENOUGH_PROMISES:
        verdict = "open"
        reason = (
            f"too little is known: each version needs {ENOUGH_A_VERSION} talks and {ENOUGH_PROMISES} of them with and "
            "without a promise"
        )
    elif least > 0 or most < 0:
        verdict = "better" if least > 0 else "worse"
        reason = "the interval does not hold zero; other things may have changed with the version, such as the lists"
    else:
        verdict, reason = "open", "the interval holds zero: chance alone can make such a difference"
    return Comparison(
        flow=flow,
        older=a,
        newer=b,
        talks=(n_a, n_b),
        promises=(hits_a, hits_b),
        difference=round(difference, 4),
        least=round(least, 4),
        most=round(most, 4),
        verdict=verdict,
        reason=reason,
    )


class _Answers:
    """(answered, attempts) by when the call began: by person, and of everybody."""

    def __init__(self) -> None:
        self.of_person: dict[str, Counts] = defaultdict(dict)
        self.everybody: Counts = {}

    def count(self, person: str, key: str, *, is_answered: bool) -> None:
        for counts in (self.of_person[person], self.everybody):
            answered, n = counts.get(key, (0, 0))
            counts[key] = (answered + is_answered, n + 1)


def _answers(connection: Connection, zone: tzinfo) -> tuple[_Answers, _Answers]:
    """Return answers by part of the day and by weekday; calls outside all parts are in neither."""
    asked = select(OUTCOME.c.person, OUTCOME.c.reserved_at, OUTCOME.c.answered_at)
    by_part, by_weekday = _Answers(), _Answers()
    for row in connection.execution_options(yield_per=5000).execute(asked):
        at = datetime.fromtimestamp(row.reserved_at / 1000, zone)
        part = part_of(at)
        if part is None:
            continue
        is_answered = row.answered_at is not None
        by_part.count(row.person, part.value, is_answered=is_answered)
        by_weekday.count(row.person, str(at.isoweekday()), is_answered=is_answered)
    return by_part, by_weekday


def _best(counts: Mapping[str, tuple[int, int]], enough: int) -> str | None:
    """Return the time that is surely above all others together; of one person, above half of what was tried."""
    tried = [each for each in counts if counts[each][1] >= enough]
    if not tried:
        return None
    best = min(tried, key=lambda each: (-counts[each][0] / counts[each][1], each))
    answered, n = counts[best]
    rest = [counts[each] for each in counts if each != best]
    n_rest, answered_rest = sum(n for _, n in rest), sum(answered for answered, _ in rest)
    if enough < ENOUGH_OF_LIST:
        return best if answered >= 2 and answered / n > answered_rest / max(n_rest, 1) else None
    return best if n_rest and wilson(answered, n)[0] > wilson(answered_rest, n_rest)[1] else None
