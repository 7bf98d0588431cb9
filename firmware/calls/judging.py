"""Asks the gate with what the database knows, and writes its word into the audit chain; inside a transaction."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from firmware.clock import ClockState
from firmware.compliance.call import BoxState, CallOrder, History, PastAttempt, Point, SuppressionEntry
from firmware.compliance.decision import Decision
from firmware.compliance.gate import Gate
from firmware.compliance.policy import Policy
from firmware.dialogue.checks import FlowDemands, check_flow
from firmware.dialogue.flow import Flow
from firmware.lines.line import LineReport
from firmware.store import attempts, audit_log, suppressions
from firmware.store.campaigns import StoredContact
from firmware.store.connection import Connection

MOST_VERDICTS_KEPT = 64


class AuditRules(Protocol):
    """How a decision becomes an entry of the audit chain."""

    def body(self, decision: Decision, order: CallOrder, box: BoxState, now: datetime) -> str:
        """Return the entry's canonical JSON."""
        ...

    def link(self, previous_hash: str, body: str) -> str:
        """Return the entry's hash."""
        ...


class Judge:
    """The gate with this box's history, clock and audit chain behind it."""

    def __init__(
        self,
        *,
        gate: Gate,
        rules: AuditRules,
        now: Callable[[], datetime],
        judge_clock: Callable[[datetime, datetime | None], ClockState],
        lease_s: int,
        max_call_s: int,
    ) -> None:
        self.clock_state = ClockState(trusted=False, reason="not looked at yet")
        self._gate = gate
        self._rules = rules
        self._now = now
        self._judge_clock = judge_clock
        self._lease_s = lease_s
        self._max_call_s = max_call_s
        self._high_water: datetime | None = None
        self._unmet: dict[tuple[str, str], list[str]] = {}

    def decide(
        self, con: Connection, contact: StoredContact, line: LineReport, point: Point, *, audio_ready: bool
    ) -> Decision:
        """Return the gate's word about calling this contact on this line now."""
        now = self._now()
        self._read_high_water(con)
        self.clock_state = self._judge_clock(now, self._high_water)
        history = self._history(con, contact)
        box = self._box_state(con, audio_ready=audio_ready)
        return self._gate.decide(self._order(contact, line), history, box, now, point)

    def _history(self, con: Connection, contact: StoredContact) -> History:
        number = contact.numbers[0]
        since = self._now() - timedelta(days=self._gate.history_days)
        return History(
            attempts=tuple(
                _past(attempt)
                for attempt in attempts.history_for(con, contact.person, debt_of(contact), number, since)
            ),
            suppressions=tuple(
                SuppressionEntry(
                    person=entry.person,
                    number=entry.number,
                    debt=entry.debt,
                    scope=entry.scope,
                    reason=entry.reason,
                    at=entry.at,
                )
                for entry in suppressions.for_call(con, contact.person, number, debt_of(contact))
            ),
        )

    def _box_state(self, con: Connection, *, audio_ready: bool) -> BoxState:
        return BoxState(
            clock_trusted=self.clock_state.trusted,
            clock_reason=self.clock_state.reason,
            suppressions_confirmed_at=suppressions.confirmed_at(con),
            suppression_lease_s=self._lease_s,
            audit_healthy=True,  # an audit entry that cannot be written fails the transaction, and with it the call
            audio_ready=audio_ready,
        )

    def _order(self, contact: StoredContact, line: LineReport) -> CallOrder:
        return CallOrder(
            campaign=contact.campaign,
            contact=contact.contact,
            person=contact.person,
            debt=debt_of(contact),
            number=contact.numbers[0],
            region=contact.region,
            time_zone=contact.time_zone,
            status=contact.status,
            consents=contact.consents,
            max_call_s=self._max_call_s,
            language=contact.language,
            caller_number=line.number,
        )

    def number_to_keep(self, con: Connection, contact: StoredContact, line: LineReport) -> str | None:
        """Return the own number that this person must go on seeing (red line 3), None when any will do."""
        history = self._history(con, contact)
        return self._gate.required_caller_number(self._order(contact, line), history, self._now())

    def unmet_demands(self, contact: StoredContact, flow: Flow) -> list[str]:
        """Return what the callee's own rules demand of a conversation and this flow does not do."""
        policy = self._gate.policy_for(contact.numbers[0], contact.region)
        key = (flow.digest, policy.digest())
        if key not in self._unmet:
            while len(self._unmet) >= MOST_VERDICTS_KEPT:
                del self._unmet[next(iter(self._unmet))]
            self._unmet[key] = _unmet_demands(policy, flow)
        return self._unmet[key]

    def write_audit(
        self, con: Connection, decision: Decision, contact: StoredContact, line: LineReport
    ) -> None:
        """Append a decision to the chain. Raises StoreError, and then nothing of the transaction holds."""
        now = self._now()
        box = self._box_state(con, audio_ready=True)
        body = self._rules.body(decision, self._order(contact, line), box, now)
        audit_log.append(con, body, self._rules.link)
        self._high_water = max(self._high_water or now, now)

    def _read_high_water(self, con: Connection) -> None:
        if self._high_water is None:
            last = audit_log.head(con)
            if last is not None:
                self._high_water = datetime.fromisoformat(json.loads(last.body)["at"])


def debt_of(contact: StoredContact) -> str:
    """Return the debt's id; a contact without one is a debt of its own."""
    return contact.debt or contact.contact


def _past(attempt: attempts.StoredAttempt) -> PastAttempt:
    return PastAttempt(
        person=attempt.person,
        debt=attempt.debt or attempt.contact,
        number=attempt.number,
        line_number=attempt.line_number,
        reserved_at=attempt.reserved_at,
        connected=attempt.connected,
        conversation=attempt.conversation,
        disposition=attempt.disposition,
    )


def _unmet_demands(policy: Policy, flow: Flow) -> list[str]:
    demands = FlowDemands(
        disclosures_before_content=policy.roles_before("any_content"),
        before_debt=policy.roles_before("any_content") | policy.roles_before("debt_mention"),
        before_recording=policy.roles_before("recording") | {"recording"},
    )
    unmet = [str(problem) for problem in check_flow(flow, demands)]
    if policy.recording_required and not any("recording" in prompt.roles for prompt in flow.prompts.values()):
        unmet.append("calls there must be recorded, and no prompt of this flow gives the recording notice")
    return unmet
