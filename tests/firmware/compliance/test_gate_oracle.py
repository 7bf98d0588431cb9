"""The gate against a second, slow and simple reading of the same rules, on thousands of random cases."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import holidays

from firmware.compliance import Outcome, PastAttempt, Point
from firmware.values import E164, PersonId

CASES = 2000
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
FROM = datetime(
    2026, 9, 14, tzinfo=UTC
)  # the weeks of Mid-Autumn, National Day and the end of British summer time
DAYS = 90

PLACES = {
    "CN": (E164("+8613800138000"), E164("+8613900139000"), ["Asia/Shanghai"], ["CN"]),
    "GB": (
        E164("+442079460000"),
        E164("+442079460001"),
        ["Europe/London"],
        ["GB-ENG", "GB-NIR", "GB-SCT", "GB-WLS"],
    ),
}
EXTRA_ZONES = [None, None, None, "Asia/Kolkata", "Europe/Lisbon", "Asia/Tokyo"]


def closed_days(names: list[str]) -> set[date]:
    days: set[date] = set()
    for name in names:
        country, _, part = name.partition("-")
        days |= set(holidays.country_holidays(country, subdiv=part or None, years=[2026, 2027]))
    return days


CLOSED = {place: closed_days(names) for place, (_, _, _, names) in PLACES.items()}
# The days off of 2027 were not decreed when these cases were chosen: four days around New Year may be among them.
CLOSED["CN"] |= {date(2026, 12, 28) + n * DAY for n in range(9)}


def allowed(place: str, order: Any, attempts: list[PastAttempt], at: datetime) -> bool:
    """The floor and the country's pack as a person would check them with a calendar and a list of calls."""
    zones = [ZoneInfo(name) for name in {*PLACES[place][2], *([order.time_zone] if order.time_zone else [])}]
    # Open, in every zone, at the start and until the longest call and the guard are over.
    for zone in zones:
        start, end = at.astimezone(zone), (at + timedelta(seconds=order.max_call_s + 300)).astimezone(zone)
        closing = {5: 14, 6: 0}.get(start.weekday(), 19)
        if start.date() in CLOSED[place] or start.hour < 9:
            return False
        if end.date() != start.date() or end.hour * 3600 + end.minute * 60 + end.second > closing * 3600:
            return False
        if start.hour >= closing:
            return False
    by_person = [past for past in attempts if past.person == order.person]
    by_number = [past for past in attempts if past.number == order.number]
    for mine in (by_person, by_number):
        ages = [at - past.reserved_at for past in mine]
        if any(age < 4 * HOUR for age in ages) or sum(age < DAY for age in ages) >= 2:
            return False
        if sum(age < 7 * DAY for age in ages) >= 3:
            return False
        for zone in zones:
            back = [
                (at.astimezone(zone).date() - past.reserved_at.astimezone(zone).date()).days for past in mine
            ]
            if sum(days < 1 for days in back) >= 2 or sum(days < 7 for days in back) >= 3:
                return False
    talks = sorted((past for past in by_person if past.conversation), key=lambda past: past.reserved_at)
    if talks and talks[-1].disposition != "callback_set":
        for zone in zones:
            today = at.astimezone(zone).date()
            if any((today - past.reserved_at.astimezone(zone).date()).days < 7 for past in talks):
                return False
    failed = [past for past in by_number if past.connected and past.disposition == "technical_failure"]
    for zone in zones:
        if any(
            (at.astimezone(zone).date() - past.reserved_at.astimezone(zone).date()).days < 4
            for past in failed
        ):
            return False
    other = [past for past in attempts if past.line_number != order.caller_number]
    return not any(at - past.reserved_at < 30 * DAY for past in other)


def openings(
    place: str, order: Any, attempts: list[PastAttempt], since: datetime, until: datetime
) -> set[datetime]:
    """Every whole second at which a closed gate could open: the only instants worth a look before `until`."""
    found = set()
    for name in {*PLACES[place][2], *([order.time_zone] if order.time_zone else [])}:
        zone = ZoneInfo(name)
        day = since.astimezone(zone).date()
        while day <= until.astimezone(zone).date():
            for hour in (0, 9):
                found.add(datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC))
            day += DAY
    for past in attempts:
        for span in (4 * HOUR, DAY, 7 * DAY, 30 * DAY):
            at = past.reserved_at + span
            found.add(at if at.microsecond == 0 else at.replace(microsecond=0) + SECOND)
    return {at for at in found if since <= at < until}


def random_attempts(dice: random.Random, order: Any, now: datetime) -> list[PastAttempt]:
    made = []
    for _ in range(dice.choice([0, 0, 1, 1, 2, 3, 4, 6])):
        talked = dice.random() < 0.25
        disposition = dice.choice(["callback_set", "no_decision", "promise_full"]) if talked else "no_answer"
        broke = not talked and dice.random() < 0.05
        at = now - timedelta(
            seconds=dice.randint(0, 9 * 86400), milliseconds=dice.choice([0, 0, 1, 500, 999])
        )
        if dice.random() < 0.05:
            at -= 20 * DAY
        made.append(
            PastAttempt(
                person=PersonId(dice.choice(["person-1", "person-1", "person-2"])),
                debt=dice.choice(["loan-1", "loan-2"]),
                number=dice.choice([order.number, order.number, E164("+8613800138777")]),
                line_number=order.caller_number if dice.random() < 0.99 else E164("+8613700137000"),
                reserved_at=at,
                connected=talked or broke,
                conversation=talked,
                disposition="technical_failure" if broke else disposition,
            )
        )
    # The gate is only ever given what touches the person or the number.
    return [past for past in made if past.person == order.person or past.number == order.number]


def random_instant(dice: random.Random) -> datetime:
    at = FROM + timedelta(seconds=dice.randrange(DAYS * 86400))
    if dice.random() < 0.5:  # near an edge of the day, where mistakes live
        at = at.replace(hour=dice.choice([0, 1, 6, 8, 9, 10, 11, 13, 18, 19]), minute=0, second=0)
        at += timedelta(seconds=dice.choice([-601, -600, -599, -1, 0, 1]))
    return at


def test_the_gate_agrees_with_a_plain_reading_of_the_rules(scene: Any) -> None:
    """Same answer at the instant, and `until` is the very first allowed second after it."""
    dice = random.Random(20261123)
    seen = {outcome: 0 for outcome in Outcome}
    for case in range(CASES):
        place = dice.choice(["CN", "CN", "GB"])
        number, own, _, _ = PLACES[place]
        order = replace(
            scene.order,
            number=number,
            region=place,
            caller_number=own,
            time_zone=dice.choice(EXTRA_ZONES),
            max_call_s=dice.choice([60, 300, 900]),
        )
        now = random_instant(dice)
        attempts = random_attempts(dice, order, now)
        there = replace(scene, order=order)
        decision = there.ask(attempts=tuple(attempts), at=now, point=Point.PREDIAL)
        told = f"case {case}: {place} {order.time_zone} {now} {decision.rule} {decision.until} {attempts}"
        seen[decision.outcome] += 1
        assert decision.is_allowed == allowed(place, order, attempts, now), told
        if decision.is_allowed:
            continue
        until = decision.until
        assert decision.outcome is Outcome.DEFER, told
        assert until is not None, told
        assert until.microsecond == 0, told
        assert until > now, told
        assert allowed(place, order, attempts, until), told
        assert there.ask(attempts=tuple(attempts), at=until).is_allowed, told
        before = max(now, until - SECOND)
        assert not there.ask(attempts=tuple(attempts), at=before).is_allowed, told
        early = [
            at for at in openings(place, order, attempts, now, until) if allowed(place, order, attempts, at)
        ]
        assert not early, f"{told}: already open at {min(early)}"
    assert seen[Outcome.ALLOW] > CASES / 20, "the cases must not be all alike"
    assert seen[Outcome.DEFER] > CASES / 4
