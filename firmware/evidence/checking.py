"""Does a file of evidence hold together by itself? Reads that file only, so that anybody can ask."""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from firmware.compliance import audit
from firmware.compliance.audit import AuditRow
from firmware.evidence.facts import FORMAT, Evidence
from firmware.evidence.page import data_in, page_of


class NotEvidenceError(ValueError):
    """The file is no evidence of a call; the text says why."""


def is_evidence(path: Path) -> bool:
    """Say whether a file looks like evidence rather than like an exported log."""
    try:
        with path.open("rb") as file:
            start = file.read(400)
    except OSError:
        return False
    return start.lstrip().lower().startswith(b"<!doctype html") or FORMAT.encode() in start


def read_evidence(path: Path) -> tuple[Evidence, str]:
    """Return the evidence in a page or a JSON file, and why the page does not show it; ``""``: it does.

    Raises NotEvidenceError.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotEvidenceError(f"{path}: {error}") from None
    is_page = text.lstrip().lower().startswith("<!doctype html")
    data = data_in(text) if is_page else text
    if data is None:
        raise NotEvidenceError(f"{path}: this page has no data of a call inside")
    try:
        evidence = msgspec.json.decode(data, type=Evidence)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotEvidenceError(f"{path}: the data inside is no evidence of a call: {error}") from None
    if is_page and page_of(evidence) != text:
        # Made by another version perhaps; all the same nobody should rely on what it shows.
        return (
            evidence,
            f"the page does not show what its data says (it was made by version {evidence.version})",
        )
    return evidence, ""


def check_evidence(evidence: Evidence) -> str:
    """Return the first thing in it that does not hold together by itself, empty when all does."""
    previous: AuditRow | None = None
    bodies: dict[int, Mapping[str, object]] = {}
    if not evidence.chain:
        return "it shows nothing of the audit log"
    for link in evidence.chain:
        if previous is not None and link.seq != previous.seq + 1:
            return f"entry {previous.seq + 1} is missing from its stretch of the log"
        if previous is not None and link.prev_hash != previous.hash:
            return f"entry {link.seq} does not follow the one before it"
        if link.body is not None:
            if audit.link(link.prev_hash, link.body) != link.hash:
                return f"entry {link.seq} was changed after it was written"
            bodies[link.seq] = json.loads(link.body)
        previous = AuditRow(seq=link.seq, prev_hash=link.prev_hash, body=link.body or "", hash=link.hash)
    assert previous is not None
    if evidence.head != f"{previous.seq}:{previous.hash}":
        return "its stretch of the log does not end at its head"
    return _decisions_problem(evidence, bodies)


def _decisions_problem(evidence: Evidence, bodies: Mapping[int, Mapping[str, object]]) -> str:
    for decision in evidence.decisions:
        entry = bodies.get(decision.seq)
        fields = entry.get("fields") if entry else None
        if not isinstance(fields, dict):
            return f"the entry of decision {decision.seq} is not in its stretch of the log"
        if fields.get("attempt") != evidence.call.attempt:
            return f"entry {decision.seq} is about another call"
        stated = (decision.point, decision.outcome, decision.rule, decision.clock, list(decision.packs))
        if stated != tuple(fields.get(name) for name in ("point", "outcome", "rule", "clock", "packs")):
            return f"decision {decision.seq} is shown otherwise than its entry has it"
        if [[one.rule, one.passed, one.detail] for one in decision.tried] != fields.get("tried"):
            return f"the rules of decision {decision.seq} are shown otherwise than its entry has them"
    return ""
