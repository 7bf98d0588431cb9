"""Is the audit log whole, does it match the attempts, and would the same decisions be made again? Reads only."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from firmware.calls.auditing import SealError, open_sealed
from firmware.clock import to_ms
from firmware.compliance import audit
from firmware.compliance.audit import AuditRow, keyed_ref
from firmware.compliance.errors import ComplianceError
from firmware.compliance.gate import Gate
from firmware.compliance.library import Approval
from firmware.compliance.replay import ReplayError, rebuilt_gate
from firmware.store import audit_log, policy_releases
from firmware.store.connection import Connection, Row

BATCH = 1000
Ref = Callable[[str, str], str]
"""(kind, value) to what stands for it in the chain."""
FACTS: tuple[str, ...] = ("box", "boot", "inputs", "attempt", "sms")
"""What an entry says besides the decision."""
MOST_PROBLEMS = 20


_LOST_SUPPRESSIONS = """
    SELECT count(*) FROM call_event JOIN attempt USING (attempt)
    WHERE call_event.kind = 'suppress' AND NOT EXISTS (
        SELECT 1 FROM suppression
        WHERE suppression.person = attempt.person OR suppression.number = attempt.number
           OR suppression.debt = attempt.debt)
"""


@dataclass(slots=True)
class Replayed:
    """What a replay found."""

    entries: int = 0
    decisions: int = 0
    agreed: int = 0
    erased: int = 0
    """Decisions about people whose key was destroyed: their links hold, their content is gone."""
    unrecorded: int = 0
    """Decisions of versions that did not keep what they were made from."""
    problems: list[str] = field(default_factory=list)

    def wrong(self, seq: int, what: str) -> None:
        """Note a disagreement; the first ones are enough."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(f"entry {seq}: {what}")


def chain_problem(con: Connection) -> str:
    """Return the first thing wrong with the stored chain, empty when it is whole."""
    return audit.verify(stored_rows(con)) or ""


def counters_problem(con: Connection, ref: Ref | None = None) -> str:
    """Return which reservation of the chain is not in the attempts as it was made, or which opt-out is gone; ``""``: none.

    The counters come from the attempts; whoever edits that table by hand has not edited the chain. `ref` returns what
    stands for a person, number or debt in the chain; without the box's audit key whom attempts name is not compared.
    """
    lost = con.value(_LOST_SUPPRESSIONS)
    if lost:
        return f"{lost} entries of the do-not-call list that were heard in calls are missing"
    newest = policy_releases.newest(con)
    known = {row["attempt"]: row for row in con.rows("SELECT * FROM attempt")}
    erased = {attempt for attempt, row in known.items() if row["person"] == ""}
    holds: set[str] = set()
    for row in stored_rows(con):
        entry = json.loads(row.body)
        fields = entry["fields"]
        match entry["kind"]:
            case "deletion":
                erased.difference_update(fields.get("attempts", ()))
            case "legal_hold":
                (holds.add if fields["action"] == "set" else holds.discard)(fields["hold"])
        if entry["kind"] == "rules" and fields.get("release", 0) > (newest.version if newest else 0):
            return f"the rules of entry {row.seq} came with the console's release {fields['release']}, which is missing"
        attempt = fields.get("attempt") if entry["kind"] == "decision" else None
        if attempt is None:
            continue
        if attempt not in known:
            return f"the attempt of entry {row.seq} is missing from the database"
        if problem := _attempt_problem(known[attempt], entry, ref):
            return f"the attempt of entry {row.seq} {problem}"
    if erased:
        return f"{len(erased)} attempts say no longer whom they called, and no deletion accounts for it"
    kept = {row["hold"] for row in con.rows("SELECT hold FROM legal_hold WHERE released_at IS NULL")}
    if lost := holds - kept:
        return f"{len(lost)} legal holds that the audit log has are missing: set them again"
    return ""


def _attempt_problem(attempt: Row, entry: dict[str, Any], ref: Ref | None) -> str:
    """Return what an attempt says otherwise than the entry of its decision, empty when nothing."""
    fields = entry["fields"]
    if fields["point"] == "answer":
        return "" if attempt["answered_at"] is not None else "was answered, and says that it was not"
    if abs(attempt["reserved_at"] - to_ms(datetime.fromisoformat(entry["at"]))) > 1000:
        return "was given another time"
    if ref is None or attempt["person"] == "":
        return ""
    shown = attempt["line_number"]
    said = {
        "person_ref": ref("person", attempt["person"]),
        "number_ref": ref("number", attempt["number"]),
        "debt_ref": ref("debt", attempt["debt"] or attempt["contact"]),
        "caller_ref": None if shown is None else ref("number", shown),
    }
    # Entries of older versions may lack what they could not be asked for.
    differing = sorted(name for name, digest in said.items() if fields.get(name, digest) != digest)
    return f"was given another {differing[0].removesuffix('_ref')}" if differing else ""


def stored_rows(con: Connection, after_seq: int = 0) -> Iterator[AuditRow]:
    """Yield the chain from behind `after_seq`."""
    while batch := audit_log.rows(con, after_seq, BATCH):
        for row in batch:
            yield AuditRow(seq=row.seq, prev_hash=row.previous, body=row.body, hash=row.hash)
        after_seq = batch[-1].seq


def replay(con: Connection, key: bytes) -> Replayed:
    """Make every decision of the log again and compare the whole entry, letter by letter."""
    found = Replayed()
    kept = audit_log.rules_kept(con)
    gate: Gate | None = None
    for row in stored_rows(con):
        found.entries += 1
        entry = json.loads(row.body)
        fields: dict[str, Any] = entry["fields"]
        if entry["kind"] == "rules":
            try:
                gate = _gate_of(fields, kept)
            except (ReplayError, ComplianceError, KeyError) as error:
                gate = None
                found.wrong(row.seq, f"its rules cannot be put together again: {error}")
        elif entry["kind"] == "decision":
            found.decisions += 1
            _replay_one(con, key, row, fields, gate, found)
    if problem := chain_problem(con):
        found.problems.insert(0, problem)
    return found


def _replay_one(
    con: Connection, key: bytes, row: AuditRow, fields: dict[str, Any], gate: Gate | None, found: Replayed
) -> None:
    sealed = fields.get("inputs")
    if sealed is None:
        found.unrecorded += 1
        return
    secret = audit_log.secret(con, fields["person_ref"])
    if secret is None:
        found.erased += 1
        return
    try:
        inputs = open_sealed(sealed, secret)
    except (SealError, ReplayError) as error:
        found.wrong(row.seq, str(error))
        return
    if gate is None:
        found.wrong(row.seq, "no entry before it says by which rules it was made")
        return
    decision = inputs.decide(gate)
    facts: dict[str, str] = {name: fields[name] for name in FACTS if name in fields}
    again = audit.entry_body(decision, inputs.order, now=inputs.now, box=inputs.box, key=key, facts=facts)
    if again == row.body:
        found.agreed += 1
    elif keyed_ref(key, "person", inputs.order.person) != fields["person_ref"]:
        found.wrong(row.seq, "the box's audit key is another one than it was written with")
    else:
        found.wrong(
            row.seq,
            f"was {fields['outcome']} by {fields['rule']}, is {decision.outcome} by {decision.rule} again",
        )


def _gate_of(fields: dict[str, Any], kept: dict[str, str]) -> Gate:
    approvals = [
        Approval(pack=pack, version=version, by=by, digest=digest)
        for pack, version, by, digest in fields["approvals"]
    ]
    return rebuilt_gate([kept[digest] for digest in fields["packs"].values()], approvals)
