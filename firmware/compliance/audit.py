"""The audit chain's rules: what an entry says, how entries are linked, and how a break is found. Pure."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from firmware.compliance.call import CALL, BoxState, CallOrder
from firmware.compliance.canonical import canonical_json
from firmware.compliance.decision import Decision

FORMAT = "branchline-audit-1"
GENESIS = "0" * 64
"""What the first entry follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One stored entry."""

    seq: int
    """From 1, without gaps."""
    prev_hash: str
    body: str
    """Canonical JSON."""
    hash: str


def keyed_ref(key: bytes, kind: str, value: str) -> str:
    """Return what stands for a person, a number, … in the chain: gone for good when the key is destroyed."""
    return hmac.new(key, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()[:32]


def entry_body(
    decision: Decision,
    order: CallOrder,
    *,
    now: datetime,
    box: BoxState,
    key: bytes,
    facts: Mapping[str, str] = {},
) -> str:
    """Return one decision as canonical JSON; names and numbers only as keyed hashes.

    `facts` is what the caller knows besides: box id, boot id, attempt id, version of the time-zone data.
    """
    return event_body(
        "decision",
        {
            **facts,
            "campaign": order.campaign,
            "contact_ref": keyed_ref(key, "contact", order.contact),
            "person_ref": keyed_ref(key, "person", order.person),
            "number_ref": keyed_ref(key, "number", order.number),
            "debt_ref": keyed_ref(key, "debt", order.debt),
            "caller_ref": None
            if order.caller_number is None
            else keyed_ref(key, "number", order.caller_number),
            "region": order.region,
            "status": order.status,
            "max_call_s": order.max_call_s,
            **({} if order.channel == CALL else {"channel": order.channel}),
            "point": decision.point.value,
            "outcome": decision.outcome.value,
            "rule": decision.rule,
            "until": None if decision.until is None else decision.until.astimezone(UTC),
            "tried": [[tried.rule, tried.passed, tried.detail] for tried in decision.tried],
            "policy": decision.policy_digest,
            "packs": decision.packs,
            "zones": decision.zones,
            "clock": "trusted" if box.clock_trusted else box.clock_reason,
            "suppressions_confirmed_at": box.suppressions_confirmed_at,
        },
        now=now,
    )


def event_body(kind: str, fields: Mapping[str, object], *, now: datetime) -> str:
    """Return anything else worth an entry (a suppression, an approval, a clock step) as canonical JSON."""
    return canonical_json({"format": FORMAT, "kind": kind, "at": now.astimezone(UTC), "fields": fields})


def link(prev_hash: str, body: str) -> str:
    """Return the hash of an entry with `body` that follows the entry with `prev_hash`."""
    digest = hashlib.sha256(f"{FORMAT}\0{prev_hash}\0".encode())
    digest.update(body.encode())
    return digest.hexdigest()


def verify(
    rows: Iterable[AuditRow], *, after: str = GENESIS, first_seq: int = 1, head: tuple[int, str] | None = None
) -> str | None:
    """Return the first thing wrong with a stretch of the chain, None when it is whole.

    A chain cut short at its end, or written anew throughout, looks whole by itself: give the last published
    `head` (seq, hash) to see it.
    """
    expected_seq, expected_prev = first_seq, after
    head_seen = head is None or head == (first_seq - 1, after)
    for row in rows:
        if row.seq != expected_seq:
            return f"entry {expected_seq} is missing: entry {row.seq} stands in its place"
        if row.prev_hash != expected_prev:
            return f"entry {row.seq} does not follow the one before it"
        if link(row.prev_hash, row.body) != row.hash:
            return f"entry {row.seq} was changed after it was written"
        if not _is_entry(row.body):
            return f"entry {row.seq} is not an audit entry"
        if head is not None and row.seq == head[0]:
            if row.hash != head[1]:
                return f"entry {row.seq} is not the one whose hash was published"
            head_seen = True
        expected_seq, expected_prev = row.seq + 1, row.hash
    if not head_seen and head is not None:
        return f"the chain ends at entry {expected_seq - 1}, but entry {head[0]} was published"
    return None


def _is_entry(body: str) -> bool:
    try:
        entry = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(entry, dict) and entry.get("format") == FORMAT
