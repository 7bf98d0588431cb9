"""A second evaluator of the rule packs: slow, plain, and written from the rules' text, not from the gate.

It reads the TOML files by itself, turns each instant into local time (never a local time into an instant), looks
every minute of a call up in a table of 1440 minutes a weekday, and counts what went before one event at a time.
"""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays

ROOT = Path(__file__).resolve().parents[3]
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
HORIZON = 62 * DAY


@dataclass(frozen=True)
class Callee:
    """A number, an own number that may call it, its country, and where it may ring: written down by hand."""

    number: str
    own: str
    country: str
    zones: tuple[str, ...]
    state: str = ""
    """The state or province that the area code belongs to."""


CALLEES = [
    Callee("+8613800138000", "+8613900139000", "CN", ("Asia/Shanghai",)),
    Callee("+85291234567", "+85291234568", "HK", ("Asia/Hong_Kong",)),
    Callee("+886912345678", "+886912345679", "TW", ("Asia/Taipei",)),
    Callee("+442079460000", "+442079460001", "GB", ("Europe/London",)),
    Callee("+493012345678", "+4915112345678", "DE", ("Europe/Berlin",)),
    Callee("+33612345678", "+33937123456", "FR", ("Europe/Paris",)),
    Callee("+34612345678", "+34911234567", "ES", ("Europe/Madrid", "Atlantic/Canary")),
    Callee("+393331234567", "+393331234568", "IT", ("Europe/Rome",)),
    Callee("+919876543210", "+911600123456", "IN", ("Asia/Kolkata",)),
    Callee("+13035550123", "+13035550124", "US", ("America/Denver",)),
    Callee("+16175550123", "+16175550124", "US", ("America/New_York",), "US-MA"),
    Callee("+12065550123", "+12065550124", "US", ("America/Los_Angeles",), "US-WA"),
    Callee("+12125550123", "+12125550124", "US", ("America/New_York",), "US-NY-NYC"),
    Callee("+12025550123", "+12025550124", "US", ("America/New_York",), "US-DC"),
    Callee("+13045550123", "+13045550124", "US", ("America/New_York",), "US-WV"),
    Callee("+18505550123", "+18505550124", "US", ("America/Chicago", "America/New_York"), "US-FL"),
    Callee("+13105550123", "+13105550124", "US", ("America/Los_Angeles",), "US-CA"),
    Callee("+12705550123", "+12705550124", "US", ("America/Chicago", "America/New_York")),
    Callee("+5571987654321", "+5571987654322", "BR", ("America/Bahia",)),
    Callee("+5511987654321", "+5511987654322", "BR", ("America/Sao_Paulo",), "BR-SP"),
    Callee("+5521987654321", "+5521987654322", "BR", ("America/Sao_Paulo",), "BR-RJ"),
    Callee("+5592987654321", "+5592987654322", "BR", ("America/Manaus", "America/Eirunepe"), "BR-AM"),
    Callee("+525512345678", "+525512345679", "MX", ("America/Mexico_City",)),
    Callee("+526641234567", "+526641234568", "MX", ("America/Tijuana",)),
    Callee("+639171234567", "+639171234568", "PH", ("Asia/Manila",)),
    Callee("+254712345678", "+254712345679", "KE", ("Africa/Nairobi",)),
    Callee("+2348031234567", "+2348031234568", "NG", ("Africa/Lagos",)),
    Callee("+573001234567", "+573001234568", "CO", ("America/Bogota",)),
    Callee("+14165550123", "+14165550124", "CA", ("America/Toronto",), "CA-ON"),
    Callee("+81312345678", "+81312345679", "JP", ("Asia/Tokyo",)),
]
REGIONS = {
    # Addresses on file, and where they lie.
    "US-MA": ("America/New_York",),
    "US-WA": ("America/Los_Angeles",),
    "US-NY": ("America/New_York",),
    "US-TX": ("America/Chicago", "America/Denver"),
    "US-AZ": ("America/Phoenix", "America/Denver"),
    "CN-XJ": ("Asia/Shanghai",),
    "GB-SCT": ("Europe/London",),
    "ES-TF": ("Atlantic/Canary",),
    "BR-RJ": ("America/Sao_Paulo",),
    "HK": ("Asia/Hong_Kong",),
    "DE-BY": ("Europe/Berlin",),
}
STATED = ["Asia/Kolkata", "Europe/Lisbon", "Asia/Tokyo", "America/Halifax", "Australia/Lord_Howe"]
BY_CLASS = {"in_1600": ["+911600"], "fr_polyvalent": ["+33937", "+33938", "+33939"]}
FIXED_OWN = {"+34911234567"}


@dataclass
class Past:
    """One earlier contact."""

    at: datetime
    person: str = "person-1"
    debt: str = "debt-1"
    number: str = ""
    own: str = ""
    channel: str = "call"
    disposition: str | None = "no_answer"
    connected: bool = False
    conversation: bool = False


@dataclass
class Case:
    """One question."""

    callee: Callee
    at: datetime
    region: str | None = None
    stated_zone: str | None = None
    status: str = "open"
    on_file: set[str] = field(default_factory=set)
    max_call_s: int = 240
    own: str | None = None
    point: str = "predial"
    past: list[Past] = field(default_factory=list)
    suppressed: list[dict[str, str]] = field(default_factory=list)
    lease_age_s: int = 0
    unfit: str = ""


@lru_cache(maxsize=1)
def all_packs() -> list[dict[str, Any]]:
    folder = ROOT / "firmware/compliance/packs"
    return [tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.toml"))]


@dataclass
class Rules:
    """The packs of one call, laid out plainly."""

    packs: list[dict[str, Any]]
    unknown: bool
    minutes: list[bytearray]
    """For each weekday 1440 bytes: 1 where every pack and the red line are open."""
    closed: set[date]
    guard_s: int
    zones: set[str]
    limits: list[dict[str, Any]]
    cooldowns: list[dict[str, Any]]
    starts: set[int]
    """Minutes of the day at which something opens or a new day begins."""


def minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def is_open_in(pack: dict[str, Any], weekday: str, m: int) -> bool:
    times = pack.get("time", {})
    if "windows" in times and not any(
        weekday in w["days"] and minute(w["start"]) <= m < minute(w["end"]) for w in times["windows"]
    ):
        return False
    for quiet in times.get("quiet_hours", []):
        start, end = minute(quiet["start"]), minute(quiet["end"])
        if (start <= m < end) if start < end else (m >= start or m < end):
            return False
    return True


@lru_cache(maxsize=64)
def open_minutes(pack_id: str) -> list[list[bool]]:
    (pack,) = [pack for pack in all_packs() if pack["pack"]["id"] == pack_id]
    return [[is_open_in(pack, weekday, m) for m in range(1440)] for weekday in WEEKDAYS]


@lru_cache(maxsize=64)
def holidays_of(name: str) -> frozenset[date]:
    country, _, part = name.partition("-")
    found = holidays.country_holidays(
        country, subdiv=part or None, years=[2025, 2026, 2027], language="en_US"
    )
    days = set(found)
    for day, what in found.items():
        if "estimated" in what:  # the moon decides
            days |= {day - DAY, day + DAY}
    if name == "CN":
        # The days off of 2027 were not decreed when this was written: around New Year any may be one.
        days |= {date(2026, 12, 28) + n * DAY for n in range(9)}
    return frozenset(days)


@lru_cache(maxsize=512)
def rules_for(number: str, country: str, region: str | None) -> Rules:
    touched = {country}
    if region:
        parts = region.split("-")
        touched |= {"-".join(parts[:n]) for n in range(1, len(parts) + 1)}
    chosen, covered = [], set()
    for pack in all_packs():
        head = pack["pack"]
        places = set(head.get("jurisdiction", []))
        by_prefix = any(number.startswith(prefix) for prefix in head.get("number_prefixes", []))
        if head["layer"] == "floor" or places & touched or by_prefix:
            chosen.append(pack)
            if head["layer"] == "jurisdiction":
                covered |= places & touched
                if by_prefix:
                    covered |= {place.split("-")[0] for place in places}
    wanted = {country} | ({region} if region else set())
    unknown = any(not any(place == c or place.startswith(c + "-") for c in covered) for place in wanted)
    weeks = [open_minutes(pack["pack"]["id"]) for pack in chosen]
    minutes = [
        bytearray(480 <= m < 1260 and all(week[weekday][m] for week in weeks) for m in range(1440))
        for weekday in range(7)
    ]
    closed: set[date] = set()
    for pack in chosen:
        for name in pack.get("time", {}).get("holiday_calendars", []):
            closed |= holidays_of(name)
    return Rules(
        packs=chosen,
        unknown=unknown,
        minutes=minutes,
        closed=closed,
        guard_s=max(pack.get("time", {}).get("end_guard_s", 0) for pack in chosen),
        zones={zone for pack in chosen for zone in pack.get("time", {}).get("zones", [])},
        limits=[limit for pack in chosen for limit in pack.get("limit", [])],
        cooldowns=[one for pack in chosen for one in pack.get("cooldown", [])],
        starts={0} | {m for table in minutes for m in range(1, 1440) if table[m] and not table[m - 1]},
    )


def zones_of(case: Case, rules: Rules) -> list[ZoneInfo]:
    names = set(case.callee.zones) | rules.zones | set(REGIONS.get(case.region or "", ()))
    if case.stated_zone:
        names.add(case.stated_zone)
    return [ZoneInfo(name) for name in sorted(names)]


def verdict_without_time(case: Case, rules: Rules) -> str:
    """``refuse``, ``hold`` or ``""``: what no waiting changes."""
    if rules.unknown or case.status != "open" or case.unfit:
        return "refuse"
    if any(entry_stops(entry, case) for entry in case.suppressed):
        return "refuse"
    leases = [86400, *(p["optout"]["lease_s"] for p in rules.packs if "lease_s" in p.get("optout", {}))]
    if case.lease_age_s > min(leases):
        return "refuse"
    for pack in rules.packs:
        gate = pack.get("gate", {})
        wanted = gate.get("consent_any_of", [])
        if wanted and not any(set(group) <= case.on_file for group in wanted):
            return "refuse"
        if not set(gate.get("notices_required", [])) <= case.on_file:
            return "refuse"
    classes = [
        p["caller_id"]["number_class"] for p in rules.packs if "number_class" in p.get("caller_id", {})
    ]
    if not set.intersection(*map(set, classes)):
        return "refuse"  # no number could be shown at all
    if case.own is not None or case.point != "enqueue":
        mine = own_classes(case.own)
        for pack in rules.packs:
            allowed = pack.get("caller_id", {}).get("number_class")
            if allowed is not None and not mine & set(allowed):
                return "refuse"
    automation = [pack.get("gate", {}).get("automation", "robot_ok") for pack in rules.packs]
    return "hold" if "live_only" in automation else ""


def entry_stops(entry: dict[str, str], case: Case) -> bool:
    mine = {"person": "person-1", "number": case.callee.number, "debt": "debt-1"}
    return entry[entry["scope"]] == mine[entry["scope"]]


def own_classes(own: str | None) -> set[str]:
    if own is None:
        return {"mobile"}
    for name, prefixes in BY_CLASS.items():
        if any(own.startswith(prefix) for prefix in prefixes):
            return {name}
    if own.startswith("+1") or own.startswith("+52"):
        return {"geographic", "mobile"}
    return {"geographic"} if own in FIXED_OWN or own.startswith("+4420") else {"mobile"}


def is_ours(past: Past) -> bool:
    return past.channel not in ("inbound", "notice")


def is_call(past: Past) -> bool:
    return past.channel in ("call", "agent")


def touches(case: Case, past: Past, per: str) -> bool:
    if per == "number":
        return past.number == case.callee.number
    if per == "person":
        return past.person == "person-1"
    assert per == "person_debt", per
    return past.person == "person-1" and past.debt == "debt-1"


def counts(past: Past, count: str) -> bool:
    reached = past.connected or past.conversation
    if count == "attempt":
        return is_call(past)
    if count == "conversation":
        return past.conversation
    if count == "any_channel_attempt":
        return is_ours(past)
    assert count == "any_channel_contact", count
    return reached if is_call(past) else is_ours(past)


class Reading:
    """One case, ready to be read at many instants."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.rules = rules_for(case.callee.number, case.callee.country, case.region)
        self.zones = zones_of(case, self.rules)
        self.stop = verdict_without_time(case, self.rules)
        at_answer = case.point == "answer"
        self.must_last = 0 if at_answer else case.max_call_s + self.rules.guard_s
        self.past = [p for p in case.past if not at_answer or p.channel != "call" or p.disposition]
        talks = [p for p in self.past if p.conversation and p.person == "person-1"]
        last = max(talks, key=lambda p: p.at, default=None)
        self.asked_back = last is not None and last.disposition == "callback_set"
        self.limits = []
        for limit in self.rules.limits:
            if at_answer and limit["count"] != "conversation":
                continue
            if limit.get("waived_by") and self.asked_back:
                continue
            events = [p for p in self.past if counts(p, limit["count"]) and touches(case, p, limit["per"])]
            if len(events) >= limit["max"]:
                self.limits.append((limit, events))
        self.cooldowns = []
        for cooldown in self.rules.cooldowns:
            events = [
                p for p in self.past if happened(p, cooldown["after"]) and touches(case, p, cooldown["per"])
            ]
            if events:
                self.cooldowns.append((cooldown["days"], events))
        self.other_numbers = [
            p
            for p in case.past
            if p.channel == "call"
            and p.own != case.own
            and (touches(case, p, "person") or touches(case, p, "number"))
        ]
        if case.point == "enqueue" and case.own is None:
            self.other_numbers = []

    def allowed(self, at: datetime) -> bool:
        """Whether the rules of time let the call begin at this instant."""
        for zone in self.zones:
            local = at.astimezone(zone)
            if local.date() in self.rules.closed:
                return False
            table = self.rules.minutes[local.weekday()]
            seconds = local.hour * 3600 + local.minute * 60 + local.second
            over = seconds + self.must_last + (1 if local.microsecond and self.must_last else 0)
            last_minute = max((over + 59) // 60, seconds // 60 + 1)
            if last_minute > 1440 or table.find(0, seconds // 60, last_minute) != -1:
                return False
        return (
            all(self.within(limit, events, at) for limit, events in self.limits)
            and not any(self.days_since(p, at, days) for days, events in self.cooldowns for p in events)
            and not any(at - p.at < 30 * DAY for p in self.other_numbers)
        )

    def within(self, limit: dict[str, Any], events: list[Past], at: datetime) -> bool:
        unit, _, length = limit["window"].partition(":")
        if unit == "rolling_s":
            recent = sum(at - p.at < timedelta(seconds=int(length)) for p in events)
            return recent < int(limit["max"])
        for zone in self.zones:
            today = at.astimezone(zone).date()
            days = [p.at.astimezone(zone).date() for p in events]
            if unit == "week":
                inside = sum(day.isocalendar()[:2] == today.isocalendar()[:2] for day in days)
            else:
                inside = sum((today - day).days < int(length) for day in days)
            if inside >= limit["max"]:
                return False
        return True

    def days_since(self, past: Past, at: datetime, days: int) -> bool:
        return any(
            (at.astimezone(zone).date() - past.at.astimezone(zone).date()).days < days for zone in self.zones
        )

    def openings(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Every whole second at which a closed gate could open in [since, until): the only ones worth a look."""
        edges: set[datetime] = set()
        for zone in self.zones:
            # Local starts are found among all minutes around the reckoned instant: no local time is converted.
            day = since.astimezone(zone).date()
            while day <= until.astimezone(zone).date() + DAY:
                for m in self.rules.starts:
                    guess = datetime(day.year, day.month, day.day, m // 60, m % 60, tzinfo=UTC)
                    offset = guess.astimezone(zone).utcoffset()
                    assert offset is not None
                    edges |= {guess - offset + shift for shift in (-HOUR, timedelta(0), HOUR)}
                day += DAY
        spans = {
            timedelta(seconds=int(limit["window"].partition(":")[2]))
            for limit, _ in self.limits
            if limit["window"].startswith("rolling")
        }
        for past in self.case.past:
            for span in spans | {30 * DAY}:
                at = past.at + span
                edges.add(at if not at.microsecond else at.replace(microsecond=0) + SECOND)
        return iter(sorted(edge for edge in edges if since <= edge < until))


def happened(past: Past, after: str) -> bool:
    match after:
        case "conversation":
            return past.conversation
        case "abandoned":
            return past.connected and past.disposition == "technical_failure"
        case "notice":
            return past.channel == "notice"
    raise AssertionError(after)


def random_case(dice: random.Random) -> Case:
    callee = dice.choice(CALLEES)
    case = Case(callee=callee, at=random_instant(dice), own=callee.own)
    if dice.random() < 0.25:
        case.region = dice.choice(list(REGIONS))
    elif dice.random() < 0.5:
        case.region = callee.country
    if dice.random() < 0.15:
        case.stated_zone = dice.choice(STATED)
    case.max_call_s = dice.choice([30, 240, 240, 300, 900])
    case.point = dice.choice(["predial"] * 6 + ["enqueue", "answer"])
    if dice.random() < 0.03 or (case.point == "enqueue" and dice.random() < 0.5):
        case.own = None
    if dice.random() < 0.95:
        case.on_file = {"prior_express_consent", "first_notice_sent", "outsourcing_notice_sent"}
    if dice.random() < 0.03:
        case.status = dice.choice(["paid", "disputed", "grievance_pending", "unheard of", ""])
    if dice.random() < 0.04:
        scope = dice.choice(["person", "number", "debt"])
        ids = {
            "person": ["person-1", "person-9"],
            "number": [callee.number, "+8613800138777"],
            "debt": ["debt-1", "debt-9"],
        }
        case.suppressed = [{"scope": scope, scope: dice.choice(ids[scope])}]
    if dice.random() < 0.03:
        case.lease_age_s = dice.choice([1, 86400, 86401, 3 * 86400])
    if dice.random() < 0.02:
        case.unfit = dice.choice(["clock", "audit"])
    case.past = [random_past(dice, case) for _ in range(dice.choice([0, 0, 1, 1, 2, 3, 4, 6, 9]))]
    return case


def random_past(dice: random.Random, case: Case) -> Past:
    talked = dice.random() < 0.2
    broke = not talked and dice.random() < 0.05
    age = timedelta(seconds=dice.randint(1, 9 * 86400), milliseconds=dice.choice([0, 0, 1, 500, 999]))
    if dice.random() < 0.08:
        age += dice.choice([20, 23, 28]) * DAY
    disposition = "technical_failure" if broke else "no_answer"
    if talked:
        disposition = dice.choice(["callback_set", "no_decision", "promise_full"])
    return Past(
        at=case.at - age,
        person=dice.choice(["person-1", "person-1", "person-2"]),
        debt=dice.choice(["debt-1", "debt-2"]),
        number=dice.choice([case.callee.number, case.callee.number, "+8613800138777"]),
        own=(case.own or case.callee.own) if dice.random() < 0.99 else "+8613700137000",
        channel=dice.choice(["call"] * 7 + ["agent", "sms", "letter", "inbound", "notice"]),
        disposition=disposition if dice.random() < 0.97 else None,
        connected=talked or broke or dice.random() < 0.1,
        conversation=talked,
    )


def random_instant(dice: random.Random) -> datetime:
    at = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(seconds=dice.randrange(310 * 86400))
    if dice.random() < 0.5:  # near an edge, where mistakes live
        at = at.replace(minute=dice.choice([0, 0, 0, 30]), second=0)
        at += timedelta(seconds=dice.choice([-1201, -1200, -1199, -601, -600, -541, -540, -539, -1, 0, 1]))
    if dice.random() < 0.1:
        at += timedelta(microseconds=dice.choice([1, 500_000, 999_999]))
    return at
