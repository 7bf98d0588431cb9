"""Gathers the evidence of one call from the box's own database; reads only."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from firmware.calls.auditing import open_sealed_text
from firmware.clock import from_ms
from firmware.compliance.explanations import explain
from firmware.dialogue.currencies import in_minor
from firmware.dialogue.errors import FlowRefusedError
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.dialogue.template import Template, Words
from firmware.evidence.facts import (
    CallShown,
    ChainLink,
    DecisionShown,
    Evidence,
    Heard,
    MessageShown,
    PackShown,
    RecordingShown,
    RuleTried,
    Said,
    TimelineEvent,
)
from firmware.store import attempts, audit_log, campaigns, outcomes, recordings, sms
from firmware.store.attempts import CallEvent
from firmware.store.audit_log import AuditRow
from firmware.store.connection import Connection
from firmware.texts.catalogue import catalogue_of
from firmware.values import AttemptId, Money, mask

PIECE_BYTES = 256 * 1024
BATCH = 500


class NoSuchCallError(LookupError):
    """There is nothing to show; the text says why."""


def collect(
    con: Connection,
    attempt: str,
    *,
    box: str,
    version: str,
    language: Literal["en", "zh"],
    at: datetime,
    whole_chain: bool = False,
    opens_texts: bool = False,
) -> Evidence:
    """Return all that this box can show of one call; `opens_texts` with what was written to the person afterwards.

    Raises NoSuchCallError.
    """
    call = _call(con, AttemptId(attempt))
    stored = attempts.get_attempt(con, AttemptId(attempt))
    assert stored is not None
    rules, links, decided, deleted_by = _walk(con, attempt, whole=whole_chain)
    if not decided:
        raise NoSuchCallError(f"the audit log has no decision about call {attempt}")
    events = attempts.call_events(con, AttemptId(attempt))
    campaign = campaigns.get_campaign(con, stored.campaign)
    flow = _flow(campaign.flow_text) if campaign else None
    fields: dict[str, Any] = json.loads(rules.body)["fields"] if rules else {}
    decisions = tuple(_decision(row) for row in decided)
    texts = campaign.texts if campaign else ""
    secret = _secret(con, decided[0]) if opens_texts else None
    return Evidence(
        box=box,
        version=version,
        language=language,
        made_at=at,
        call=call,
        decisions=decisions,
        packs=_packs(fields, decisions),
        engine=fields.get("engine", {}),
        said=_said(events, flow),
        heard=_heard(events),
        timeline=tuple(
            TimelineEvent(at=event.at, kind=event.kind, detail=_detail(event)) for event in events
        ),
        recording=_recording(con, AttemptId(attempt), deleted_by),
        messages=_messages(con, AttemptId(attempt), texts, secret) or msgspec.UNSET,
        chain=tuple(links),
        head=f"{links[-1].seq}:{links[-1].hash}",
    )


def _call(con: Connection, attempt: AttemptId) -> CallShown:
    stored, outcome = attempts.get_attempt(con, attempt), outcomes.get_outcome(con, attempt)
    if stored is None:
        raise NoSuchCallError(f"this box has placed no call {attempt}: see `branchline outcomes --json`")
    if not stored.person:
        raise NoSuchCallError(
            f"what was kept of call {attempt} was deleted when its time had come: see `branchline retention deletions`"
        )
    if outcome is None:
        raise NoSuchCallError(f"call {attempt} is not over")
    campaign = campaigns.get_campaign(con, stored.campaign)
    received = con.value("SELECT received_at FROM outcome WHERE attempt = ?", (attempt,))
    promise = outcome.promise
    return CallShown(
        attempt=attempt,
        campaign=stored.campaign,
        campaign_name=campaign.name if campaign else "",
        contact=stored.contact,
        person=stored.person,
        number=mask(stored.number),
        line=stored.line,
        line_number=mask(stored.line_number) if stored.line_number else "",
        reserved_at=stored.reserved_at,
        dialled_at=stored.dialled_at,
        answered_at=stored.answered_at,
        ended_at=stored.ended_at,
        disposition=outcome.disposition.value,
        cause=stored.cause or "",
        cause_q850=stored.cause_q850,
        talk_ms=outcome.talk_ms,
        right_party=outcome.right_party,
        flow=outcome.flow,
        flow_version=outcome.flow_version,
        flow_sha256=campaign.flow_sha256 if campaign else "",
        promise_due=None if promise is None else promise.due.isoformat(),
        promise_amount=None if promise is None or promise.amount is None else _amount(promise.amount),
        promise_confirmed=promise is not None and promise.confirmed,
        received_at=None if received is None else from_ms(received),
    )


def _secret(con: Connection, decision: AuditRow) -> bytes | None:
    """Return the key of the person whom a decision was about; None: it was destroyed."""
    return audit_log.secret(con, json.loads(decision.body)["fields"]["person_ref"])


def _messages(
    con: Connection, attempt: AttemptId, texts: str, secret: bytes | None
) -> tuple[MessageShown, ...]:
    """Return what was written after the call, as the campaign words it now; with the person's key as it was sent."""
    catalogue = catalogue_of(texts)
    found = []
    for each in sms.of_attempt(con, attempt):
        wording = catalogue.wording(each.text, each.language) if catalogue else None
        sealed = sms.sealed_text(con, each.sms) if secret else None
        found.append(
            MessageShown(
                sms=each.sms,
                text=each.text,
                wording=wording.source if wording else "",
                language=each.language,
                state=each.state.value,
                reason=each.rule,
                n_parts=each.n_parts,
                ordered_at=each.ordered_at,
                sent_at=each.sent_at,
                ended_at=each.ended_at,
                said=open_sealed_text(sealed, secret) if sealed and secret else msgspec.UNSET,
            )
        )
    return tuple(found)


def _walk(
    con: Connection, attempt: str, *, whole: bool
) -> tuple[AuditRow | None, list[ChainLink], list[AuditRow], int | None]:
    """Return the rules in force, the stretch of the chain from there, the call's decisions, and its recording's deletion."""
    rules: AuditRow | None = None
    links: list[ChainLink] = []
    decided: list[AuditRow] = []
    deleted_by: int | None = None
    needle, after = json.dumps(attempt), 0
    while batch := audit_log.rows(con, after, BATCH):
        after = batch[-1].seq
        for row in batch:
            is_rules = row.body.endswith('"kind":"rules"}')
            concerns = needle in row.body
            if is_rules and not decided:
                rules, links = row, []
            if concerns and row.body.endswith('"kind":"decision"}'):
                decided.append(row)
            elif concerns and f'"recording":{needle}' in row.body:
                deleted_by = row.seq
            shown = row.body if whole or concerns or row is rules else None
            links.append(ChainLink(seq=row.seq, prev_hash=row.previous, hash=row.hash, body=shown))
    return rules, links, decided, deleted_by


def _decision(row: AuditRow) -> DecisionShown:
    entry = json.loads(row.body)
    fields = entry["fields"]
    tried = tuple(
        RuleTried(rule=rule, passed=passed, detail=detail) for rule, passed, detail in fields["tried"]
    )
    until = _instant(fields["until"])
    detail = next((one.detail for one in tried if one.rule == fields["rule"] and not one.passed), "")
    return DecisionShown(
        seq=row.seq,
        at=datetime.fromisoformat(entry["at"]),
        point=fields["point"],
        outcome=fields["outcome"],
        rule=fields["rule"],
        until=until,
        explained={
            language: explain(
                fields["outcome"],
                fields["rule"],
                detail=detail,
                until=until,
                zones=tuple(fields["zones"]),
                language=language,
            )
            for language in ("en", "zh")
        },
        tried=tried,
        packs=tuple(fields["packs"]),
        zones=tuple(fields["zones"]),
        clock=fields["clock"],
        suppressions_confirmed_at=_instant(fields["suppressions_confirmed_at"]),
        policy=fields["policy"],
    )


def _packs(fields: dict[str, Any], decisions: Sequence[DecisionShown]) -> tuple[PackShown, ...]:
    applied = sorted({name for decision in decisions for name in decision.packs})
    approved = {f"{pack}@{version}": by for pack, version, by, _digest in fields.get("approvals", ())}
    return tuple(
        PackShown(name=name, digest=fields.get("packs", {}).get(name, ""), approved_by=approved.get(name, ""))
        for name in applied
    )


def _said(events: Sequence[CallEvent], flow: Flow | None) -> tuple[Said, ...]:
    found: list[Said] = []
    for place, event in enumerate(events):
        if event.kind != "say":
            continue
        detail = _detail(event)
        prompt = str(detail.get("prompt", ""))
        started = ended = None
        for later in events[place + 1 :]:
            of_it = _detail(later).get("prompt") == prompt
            if later.kind == "say" and of_it:
                break
            if later.kind == "prompt_started" and of_it and started is None:
                started = later.at
            if later.kind == "prompt_said" and of_it:
                ended = _detail(later)
                break
        wording = flow.prompts[prompt].texts if flow and prompt in flow.prompts else {}
        found.append(
            Said(
                prompt=prompt,
                roles=tuple(detail.get("roles", ())),
                started_at=started,
                heard_ms=None if ended is None else int(ended.get("ms", 0)),
                interrupted=bool(ended and ended.get("interrupted")),
                wording={language: _wording(text) for language, text in wording.items()},
            )
        )
    return tuple(found)


def _heard(events: Sequence[CallEvent]) -> tuple[Heard, ...]:
    found: list[Heard] = []
    for event in events:
        detail = _detail(event)
        if event.kind == "digit":
            found.append(Heard(at=event.at, kind="key", what=str(detail.get("digit", ""))))
        elif event.kind == "utterance":
            confidence = detail.get("confidence")
            text = str(detail.get("text", ""))
            found.append(Heard(at=event.at, kind="words", what=text, confidence=confidence))
        elif event.kind == "speech":
            found.append(Heard(at=event.at, kind="speech", what=f"{detail.get('ms', 0)} ms"))
    return tuple(found)


def _recording(con: Connection, attempt: AttemptId, deleted_by: int | None) -> RecordingShown | None:
    stored = next(iter(recordings.list_recordings(con, attempt)), None)
    if stored is None:
        if deleted_by is None:
            return None
        body = con.value("SELECT body FROM audit WHERE seq = ?", (deleted_by,))
        proof = json.loads(body)["fields"]
        return RecordingShown(
            recording=proof["recording"],
            sha256=proof["sha256"],
            duration_ms=0,
            n_bytes=proof["bytes"],
            recipients=(),
            is_here=False,
            is_unchanged=False,
            piece_bytes=PIECE_BYTES,
            deleted_by=deleted_by,
        )
    digest, pieces = _digests(stored.path)
    return RecordingShown(
        recording=stored.recording,
        sha256=stored.sha256,
        duration_ms=stored.duration_ms,
        n_bytes=stored.n_bytes,
        recipients=stored.recipients,
        notice_at=stored.notice_at,
        uploaded_at=stored.uploaded_at,
        is_here=digest is not None,
        is_unchanged=digest == stored.sha256,
        piece_bytes=PIECE_BYTES,
        pieces=pieces,
    )


def _digests(path: Path) -> tuple[str | None, tuple[str, ...]]:
    whole, pieces = hashlib.sha256(), []
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                whole.update(piece)
                pieces.append(hashlib.sha256(piece).hexdigest())
    except OSError:
        return None, ()
    return whole.hexdigest(), tuple(pieces)


def _flow(text: str) -> Flow | None:
    try:
        return load_flow(text, source="campaign")
    except FlowRefusedError:
        return None  # an older version of this program took it: its wording is in the console's campaign


def _detail(event: CallEvent) -> dict[str, Any]:
    try:
        detail = json.loads(event.detail)
    except ValueError:
        return {"text": event.detail}
    return detail if isinstance(detail, dict) else {"text": event.detail}


def _wording(template: Template) -> str:
    return "".join(part.text if isinstance(part, Words) else f"{{{part.name}}}" for part in template.parts)


def _amount(money: Money) -> str:
    per_unit = in_minor(money.currency)
    return f"{money.minor / per_unit:.{len(str(per_unit)) - 1}f} {money.currency}"


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
