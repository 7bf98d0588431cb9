"""Rule packs and merged policies as values and as lines of text; what is wrong with a pack file."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from firmware.compliance.errors import ComplianceError, PackError, PolicyConflictError
from firmware.compliance.gate import Gate, has_approval
from firmware.compliance.history_file import history_schema
from firmware.compliance.library import Approval, PackLibrary, load_packs
from firmware.compliance.merge import merge, policy_of
from firmware.compliance.numbering import canonical_number, number_facts
from firmware.compliance.overlay import with_overlay
from firmware.compliance.pack import DAYS, Pack, pack_schema, read_pack
from firmware.compliance.policy import Hours
from firmware.compliance.self_check import self_check

SECTIONS = ("gate", "time", "recording", "optout", "third_party", "caller_id", "abandon", "retention")
SMALL_HOURS = ("00:01", "04:00")
"""Where clocks are put forward and back."""


def schemas() -> dict[str, Any]:
    """Return the JSON Schemas of the files that people write."""
    return {"pack": pack_schema(), "history": history_schema()}


def list_rows(
    gate: Gate,
    approvals: Sequence[Approval],
    today: date,
    *,
    waiting: Sequence[Pack] = (),
    own_overlay: Pack | None = None,
) -> list[dict[str, Any]]:
    """Return one row a pack; `waiting` are those that somebody must approve before they count."""
    of_box = {pack.pack.name: "firmware" for pack in load_packs().packs}
    if own_overlay is not None:
        of_box[own_overlay.pack.name] = "settings"
    return [
        {
            "pack": pack.pack.name,
            "title": pack.pack.title,
            "layer": pack.pack.layer,
            "jurisdiction": sorted(pack.pack.jurisdiction),
            "status": pack.pack.status,
            "rules": len(pack.citation),
            "effective_from": pack.pack.effective_from.isoformat(),
            "review_by": pack.pack.review_by.isoformat(),
            "days_left": (pack.pack.review_by - today).days,
            "approved_by": ", ".join(
                sorted(
                    {
                        given.by
                        for given in approvals
                        if (given.pack, given.version) == (pack.pack.id, pack.pack.version)
                        and has_approval(pack, [given])
                    }
                )
            ),
            "digest": pack.digest(),
            "state": "waits" if pack in waiting else "in force",
            "from": of_box.get(pack.pack.name, "office"),
        }
        for pack in (*gate.library.packs, *waiting)
    ]


def pack_values(pack: Pack) -> dict[str, Any]:
    """Return all of a pack, and its digest."""
    values: dict[str, Any] = plain(pack)
    return values | {"digest": pack.digest()}


def pack_lines(pack: Pack) -> Iterator[str]:
    """Yield a pack as somebody reads it who is to approve it."""
    head = pack.pack
    yield f"{head.name}: {head.title}"
    yield f"governs {', '.join(sorted(head.jurisdiction)) or 'every call'}; in force from {head.effective_from}; review by {head.review_by}"
    if head.number_prefixes:
        yield f"and numbers that begin with {', '.join(sorted(head.number_prefixes))}"
    yield "Research with citations, not legal advice: whoever approves it answers for it here."
    yield ""
    for section in SECTIONS:
        part = getattr(pack, section)
        for name in part.__struct_fields__:
            value = getattr(part, name)
            if value != getattr(type(part)(), name):
                yield f"{section}.{name} = {_text(value)}{_sources(pack.citations_for(f'{section}.{name}'))}"
    for limit in pack.limit:
        waived = f", waived by {limit.waived_by}" if limit.waived_by else ""
        yield f"limit {limit.id}: at most {limit.max} {limit.count} per {limit.per} in {limit.window}{waived}{_source_of(pack, limit.id)}"
    for cooldown in pack.cooldown:
        yield f"cooldown {cooldown.id}: {cooldown.days} days after {cooldown.after} per {cooldown.per}{_source_of(pack, cooldown.id)}"
    for rule in pack.disclosure:
        when = " to the verified person" if rule.after_verification else ""
        yield f"disclosure {rule.id}: {_text(rule.must_say)} before {rule.before}{when}{_source_of(pack, rule.id)}"
    for claim in pack.forbidden_claim:
        yield f"no prompt there {claim.claim} ({claim.id}: {_text(claim.zh | claim.en)}){_source_of(pack, claim.id)}"
    for claim in pack.forbidden_claim:
        yield f"no prompt there {claim.claim} ({claim.id}: {_text(claim.zh | claim.en)}){_source_of(pack, claim.id)}"
    yield ""
    for citation in pack.citation:
        how = f" -> {citation.how}" if citation.how else ""
        link = f" <{citation.url}>" if citation.url else ""
        yield f"[{citation.rule}] {citation.force}, {citation.confidence}, checked {citation.checked}: {citation.source}{link}{how}"


def check_shipped(
    gate: Gate, now: datetime, *, fault: str = "", waiting: Sequence[Pack] = ()
) -> dict[str, Any]:
    """Return whether the packs in force are fit, and what a person must see to soon."""
    problems = [fault] if fault else []
    problems += [
        f"{pack.pack.name}: nothing is cited for {', '.join(pack.uncited)}"
        for pack in _packs(gate)
        if pack.uncited
    ]
    for pack in _packs(gate):
        problems += _conflicts(gate.library, pack)
    problems += [f"a forbidden call would be allowed: {wrong}" for wrong in self_check(gate)]
    notes = [f"{pack.pack.name} waits to be approved by name" for pack in waiting]
    return _finding("rule packs", f"{len(gate.library.packs)} packs", problems, notes + gate.warnings(now))


def check_file(library: PackLibrary, text: str, *, source: str) -> dict[str, Any]:
    """Return whether one file may be used beside the packs of this firmware, as a pack or as an overlay."""
    try:
        pack = read_pack(text, source=source)
        if pack.pack.layer == "overlay":
            with_overlay(library, pack)
            return _finding(source, f"overlay {pack.pack.name}", [], list(_edge_warnings(pack)))
        known = {shipped.pack.id: shipped for shipped in library.packs}
        older = known.get(pack.pack.id)
        problems = (
            [f"nothing is cited for {', '.join(pack.uncited)}: add [[citation]] with covers"]
            if pack.uncited
            else []
        )
        if older is not None and older != pack and older.pack.version >= pack.pack.version:
            problems.append(f"{older.pack.name} is here already: raise the version")
        others = [shipped for shipped in library.packs if shipped.pack.id != pack.pack.id]
        problems += _conflicts(PackLibrary([*others, pack]), pack)
    except ComplianceError as error:
        return _finding(source, "not usable", [str(error)], [])
    return _finding(source, f"pack {pack.pack.name}", problems, list(_edge_warnings(pack)))


def effective_values(gate: Gate, number: str, region: str | None) -> dict[str, Any]:
    """Return the merged policy for a number. Raises ComplianceError where there is none."""
    canonical = canonical_number(number)
    facts = number_facts(canonical)
    if not facts.is_valid:
        raise PackError(number, "is no number that its country has opened, or not written in E.164 form")
    policy = gate.policy_for(canonical, region)
    return {
        "number": canonical,
        "region": region,
        "line_type": facts.line_type.value,
        "zones": sorted(facts.zones | policy.zones),
        "policy": plain(policy),
        "digest": policy.digest(),
        "approved": {pack.pack.name: gate.is_approved(pack) for pack in gate.library.packs if pack.pack.name in policy.packs},
    }  # fmt: skip


def effective_lines(values: dict[str, Any]) -> Iterator[str]:
    """Yield the merged policy as text."""
    policy: dict[str, Any] = values["policy"]
    yield f"{values['number']} ({values['line_type']}): {', '.join(policy['packs'])}"
    yield f"zones that must all be open: {', '.join(values['zones'])}"
    for day, hours in zip(DAYS, policy["week"], strict=True):
        yield f"  {day} {hours_text(tuple((a, b) for a, b in hours))}"
    yield f"last dial {policy['end_guard_s']} s and the longest call before closing"
    yield f"closed on the holidays of {', '.join(policy['holiday_calendars']) or 'no calendar'}"
    for limit in sorted(policy["limits"], key=lambda limit: str(limit["id"])):
        yield f"limit {limit['id']}: at most {limit['max']} {limit['count']} per {limit['per']} in {limit['window']}"
    for cooldown in sorted(policy["cooldowns"], key=lambda one: str(one["id"])):
        yield f"cooldown {cooldown['id']}: {cooldown['days']} days after {cooldown['after']} per {cooldown['per']}"
    for rule in sorted(policy["disclosures"], key=lambda one: str(one["id"])):
        yield f"disclosure {rule['id']}: {', '.join(rule['must_say'])} before {rule['before']}"
    for rule in sorted(policy["forbidden_claims"], key=lambda one: str(one["id"])):
        yield f"no prompt there {rule['claim']} ({rule['id']})"
    for rule in sorted(policy["forbidden_claims"], key=lambda one: str(one["id"])):
        yield f"no prompt there {rule['claim']} ({rule['id']})"
    told = {
        "packs",
        "week",
        "end_guard_s",
        "holiday_calendars",
        "limits",
        "cooldowns",
        "disclosures",
        "forbidden_claims",
        "zones",
    }
    for name, value in policy.items():
        if name not in told and value not in (None, [], 0, False):
            yield f"{name} = {value}"
    unapproved = [name for name, approved in values["approved"].items() if not approved]
    if unapproved:
        yield f"not approved here, so nothing is dialled: {', '.join(unapproved)}"


def hours_text(hours: Hours) -> str:
    """Return the open hours of one day."""
    return ", ".join(f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in hours) or "closed"


def plain(value: Any) -> Any:
    """Return structs, sets and dates as lists, dicts and text; sets sorted."""
    match value:
        case msgspec.Struct():
            return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        case frozenset() | set():
            return sorted((plain(item) for item in value), key=str)
        case tuple() | list():
            return [plain(item) for item in value]
        case date():
            return value.isoformat()
        case _:
            return value


def _packs(gate: Gate) -> list[Pack]:
    return [pack for pack in gate.library.packs if pack.pack.layer != "overlay"]


def _conflicts(library: PackLibrary, pack: Pack) -> list[str]:
    found = []
    for place in sorted(pack.pack.jurisdiction) or [""]:
        governing = library.governing([place])[0] if place else (pack, *library.governing([])[0])
        try:
            merge(governing)
        except PolicyConflictError as conflict:
            found.append(f"{pack.pack.name} with the packs of {place or 'every call'}: {conflict}")
    return found


def _edge_warnings(pack: Pack) -> Iterator[str]:
    first, last = (int(text[:2]) * 60 + int(text[3:]) for text in SMALL_HOURS)
    for day, hours in zip(DAYS, policy_of(pack).week, strict=True):
        for edge in (edge for piece in hours for edge in piece):
            if first <= edge < last:
                yield (
                    f"{day}: hours that begin or end at {edge // 60:02d}:{edge % 60:02d} are skipped or come twice "
                    "when clocks change; the later start and the earlier end count"
                )


def _finding(file: str, what: str, problems: list[str], warnings: list[str]) -> dict[str, Any]:
    return {"file": file, "what": what, "good": not problems, "problems": problems, "warnings": warnings}


def _source_of(pack: Pack, rule: str) -> str:
    found = pack.citation_of(rule)
    return f"  [{found.rule}]" if found else "  [no source]"


def _sources(citations: Sequence[Any]) -> str:
    return f"  [{', '.join(citation.rule for citation in citations)}]" if citations else "  [no source]"


def _text(value: Any) -> str:
    found = plain(value)
    return ", ".join(map(str, found)) if isinstance(found, list) else str(found)
