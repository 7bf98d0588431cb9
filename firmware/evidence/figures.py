"""Figures over many calls: refusals by rule, calls not made and why, how fast an opt-out took effect. Reads only."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firmware.clock import from_ms
from firmware.compliance.explanations import explain
from firmware.store import attempts, audit_log
from firmware.store.connection import Connection
from firmware.values import AttemptId, mask

BATCH = 500
REF_SHOWN = 12
"""Of a keyed hash, where nobody of that hash is on a list any more."""
RefOf = Callable[[str], str]
"""Person id to what stands for them in the audit log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the figures are about; None: all."""

    person: str | None = None
    campaign: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Say whether an instant lies within."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalLine:
    """How often one rule kept a call from being made."""

    rule: str
    outcome: str
    n_decisions: int
    n_people: int
    campaigns: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMadeLine:
    """Why one person was not called in one campaign."""

    campaign: str
    person: str
    """The console's id; the start of the keyed hash where the contact is gone."""
    number: str
    """Masked."""
    rule: str
    outcome: str
    n_decisions: int
    first_at: datetime | None
    last_at: datetime | None
    until: datetime | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutLine:
    """One opt-out: heard, content stopped, written down, received."""

    attempt: str
    campaign: str
    person: str
    scope: str
    heard_at: datetime
    stopped_ms: int
    """From the word or key to the end of the last content."""
    written_ms: int
    """From the word or key to the do-not-call list: the next decision everywhere on the box obeys it."""
    received_ms: int | None
    """…to the console's receipt; None: not yet."""


@dataclass(slots=True)
class _Refused:
    outcome: str
    detail: str
    until: datetime | None
    zones: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    n_decisions: int = 0


def refusals(con: Connection, asked: Asked, ref_of: RefOf, *, language: str) -> list[RefusalLine]:
    """Return the rules that kept calls from being made, the most frequent first."""
    found: dict[tuple[str, str], tuple[int, set[str], set[str]]] = {}
    for _at, fields in _refused(con, asked, ref_of):
        key = (fields["rule"], fields["outcome"])
        n, people, campaigns = found.get(key, (0, set(), set()))
        found[key] = (n + 1, people | {fields["person_ref"]}, campaigns | {fields["campaign"]})
    lines = [
        RefusalLine(
            rule=rule,
            outcome=outcome,
            n_decisions=n,
            n_people=len(people),
            campaigns=tuple(sorted(campaigns)),
            why=explain(outcome, rule, detail="", until=None, zones=(), language=language),
        )
        for (rule, outcome), (n, people, campaigns) in found.items()
    ]
    return sorted(lines, key=lambda line: (-line.n_decisions, line.rule, line.outcome))


def not_made(con: Connection, asked: Asked, ref_of: RefOf, *, language: str) -> list[NotMadeLine]:
    """Return who was not called in which campaign, by which rule, and who was not called for want of time or by recall."""
    found: dict[tuple[str, str, str], _Refused] = {}
    for at, fields in _refused(con, asked, ref_of):
        key = (fields["campaign"], fields["person_ref"], fields["rule"])
        failed = [detail for rule, passed, detail in fields["tried"] if rule == fields["rule"] and not passed]
        known = found.get(key)
        found[key] = _Refused(
            outcome=fields["outcome"],
            detail=failed[0] if failed else "",
            until=None if fields["until"] is None else datetime.fromisoformat(fields["until"]),
            zones=tuple(fields["zones"]),
            first_at=known.first_at if known else at,
            last_at=at,
            n_decisions=(known.n_decisions if known else 0) + 1,
        )
    people = _people(con, asked, ref_of)
    lines = [
        NotMadeLine(
            campaign=campaign,
            person=people.get(ref, (ref[:REF_SHOWN], ""))[0],
            number=people.get(ref, ("", ""))[1],
            rule=rule,
            outcome=one.outcome,
            n_decisions=one.n_decisions,
            first_at=one.first_at,
            last_at=one.last_at,
            until=one.until,
            why=explain(
                one.outcome, rule, detail=one.detail, until=one.until, zones=one.zones, language=language
            ),
        )
        for (campaign, ref, rule), one in found.items()
    ]
    lines += _never_asked(con, asked, language)
    return sorted(lines, key=lambda line: (line.campaign, line.person, line.rule))


def opt_outs(con: Connection, asked: Asked) -> list[OptOutLine]:
    """Return every opt-out that was heard in a call, oldest first."""
    rows = con.rows(
        """SELECT DISTINCT attempt, attempt.campaign, attempt.person, received_at
           FROM call_event JOIN attempt USING (attempt) LEFT JOIN outcome USING (attempt)
           WHERE kind = 'suppress' AND (:person IS NULL OR attempt.person = :person)
               AND (:campaign IS NULL OR attempt.campaign = :campaign) ORDER BY attempt""",
        {"person": asked.person, "campaign": asked.campaign},
    )
    lines = []
    for row in rows:
        events = attempts.call_events(con, AttemptId(row["attempt"]))
        place = next(index for index, event in enumerate(events) if event.kind == "suppress")
        heard_at = next(
            (
                event.at
                for event in reversed(events[:place])
                if event.kind in ("digit", "utterance", "speech")
            ),
            events[place].at,
        )
        if not asked.covers(heard_at):
            continue
        received = None if row["received_at"] is None else from_ms(row["received_at"])
        lines.append(
            OptOutLine(
                attempt=row["attempt"],
                campaign=row["campaign"],
                person=row["person"],
                scope=str(json.loads(events[place].detail).get("scope", "")),
                heard_at=heard_at,
                stopped_ms=_ms(_content_ends(events, place, heard_at), heard_at),
                written_ms=_ms(events[place].at, heard_at),
                received_ms=None if received is None else _ms(received, heard_at),
            )
        )
    return lines


def middle_and_most(values: list[int]) -> tuple[int, int] | None:
    """Return the median (the lower of two) and the greatest, None of nothing."""
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2], ordered[-1]) if ordered else None


def _content_ends(events: list[attempts.CallEvent], place: int, heard_at: datetime) -> datetime:
    """Return when the last content ended that was in the air at the word, or begun after it."""
    ends, playing, roles = heard_at, "", dict[str, list[str]]()
    for index, event in enumerate(events):
        detail = json.loads(event.detail)
        prompt = str(detail.get("prompt", ""))
        if event.kind == "say":
            roles[prompt] = detail.get("roles", [])
        elif event.kind == "prompt_started":
            # Before the word whatever was said counts; after it only what speaks of the matter, not the farewell.
            playing = prompt if index < place or "debt" in roles.get(prompt, ()) else ""
        elif event.kind == "prompt_said" and prompt == playing:
            playing = ""
            ends = max(ends, event.at)
    return ends


def _refused(con: Connection, asked: Asked, ref_of: RefOf) -> Iterator[tuple[datetime, dict[str, Any]]]:
    wanted = None if asked.person is None else ref_of(asked.person)
    after = 0
    while batch := audit_log.rows(con, after, BATCH):
        after = batch[-1].seq
        for row in batch:
            if not row.body.endswith('"kind":"decision"}'):
                continue
            entry = json.loads(row.body)
            fields = entry["fields"]
            at = datetime.fromisoformat(entry["at"])
            if fields["outcome"] == "allow" or not asked.covers(at) or "channel" in fields:
                continue  # a decision about a short message is none about a call
            if wanted in (None, fields["person_ref"]) and asked.campaign in (None, fields["campaign"]):
                yield at, fields


def _people(con: Connection, asked: Asked, ref_of: RefOf) -> dict[str, tuple[str, str]]:
    rows = con.rows(
        """SELECT person, min(numbers) AS numbers FROM contact
           WHERE person <> '' AND (:person IS NULL OR person = :person) GROUP BY person""",
        {"person": asked.person},
    )
    return {ref_of(row["person"]): (row["person"], _first_masked(row["numbers"])) for row in rows}


_NEVER_ASKED = {
    "recalled": ("The console took this contact off the list.", "总控台已将该联系人撤回。"),
    "campaign_over": ("The campaign was over before their turn came.", "尚未轮到，任务已结束。"),
}


def _never_asked(con: Connection, asked: Asked, language: str) -> list[NotMadeLine]:
    """Return who was never called though no rule stood against it; of no date, so only where none is asked for."""
    if asked.since is not None or asked.until is not None:
        return []
    rows = con.rows(
        """SELECT contact.campaign, person, numbers,
               CASE contact.state WHEN 'recalled' THEN 'recalled' ELSE 'campaign_over' END AS why
           FROM contact JOIN campaign USING (campaign)
           WHERE attempts = 0 AND rule IS NULL AND person <> ''
               AND (contact.state = 'recalled' OR (contact.state IN ('open','waiting')
                    AND campaign.state IN ('done','cancelled','expired')))
               AND (:person IS NULL OR person = :person) AND (:campaign IS NULL OR contact.campaign = :campaign)""",
        {"person": asked.person, "campaign": asked.campaign},
    )
    column = 1 if language.lower().startswith("zh") else 0
    return [
        NotMadeLine(
            campaign=row["campaign"],
            person=row["person"],
            number=_first_masked(row["numbers"]),
            rule=row["why"],
            outcome="",
            n_decisions=0,
            first_at=None,
            last_at=None,
            until=None,
            why=_NEVER_ASKED[row["why"]][column],
        )
        for row in rows
    ]


def _first_masked(numbers: str) -> str:
    given = json.loads(numbers)
    return mask(given[0]) if given else ""


def _ms(later: datetime, earlier: datetime) -> int:
    return max(0, round((later - earlier).total_seconds() * 1000))
