"""Asks the gate with what the database knows, and writes its word into the audit chain; inside a transaction."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from firmware.calls.audit_check import chain_problem, counters_problem
from firmware.calls.elsewhere import as_past, known_from, narrowed
from firmware.clock import ClockState
from firmware.compliance.call import (
    BoxState,
    CallOrder,
    Channel,
    History,
    PastAttempt,
    Point,
    SuppressionEntry,
)
from firmware.compliance.decision import Decision
from firmware.compliance.gate import Gate
from firmware.compliance.library import Approval
from firmware.compliance.replay import Inputs, pack_to_text
from firmware.dialogue.flow import Flow
from firmware.lines.line import LineReport
from firmware.rules.flow_rules import unmet_by
from firmware.store import attempts, audit_log, elsewhere, sms, suppressions
from firmware.store.campaigns import StoredContact
from firmware.store.connection import Connection
from firmware.store.errors import StoreDamagedError

MOST_VERDICTS_KEPT = 64
MOST_NOTES = 50
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The gate's word, and all that it was told."""

    decision: Decision
    inputs: Inputs


class AuditRules(Protocol):
    """How a decision becomes an entry of the audit chain."""

    def person_ref(self, person: str) -> str:
        """Return what stands for a person in the chain."""
        ...

    def ref(self, kind: str, value: str) -> str:
        """Return what stands for a person, a number, a debt in the chain."""
        ...

    def seal(self, inputs: Inputs, secret: bytes) -> str:
        """Return the inputs, sealed with the person's key."""
        ...

    def seal_text(self, text: str, secret: bytes) -> bytes:
        """Return a text, sealed with the person's key."""
        ...

    def body(self, decision: Decision, inputs: Inputs, facts: Mapping[str, str]) -> str:
        """Return the entry's canonical JSON."""
        ...

    def rules_body(
        self, gate: Gate, approvals: Sequence[Approval], now: datetime, *, release: int = 0
    ) -> str:
        """Return the entry that names the rules in force."""
        ...

    def event_body(self, kind: str, fields: Mapping[str, object], now: datetime) -> str:
        """Return any other entry."""
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
        approvals: Sequence[Approval] = (),
        overlay_refused: str = "",
        release: int = 0,
        rules: AuditRules,
        now: Callable[[], datetime],
        judge_clock: Callable[[datetime, datetime | None], ClockState],
        lease_s: int,
        max_call_s: int,
    ) -> None:
        self.clock_state = ClockState(trusted=False, reason="not looked at yet")
        self.audit_problem = "the audit log has not been checked yet"
        """Why nothing may be dialled; empty once the log was found whole."""
        self._gate = gate
        self._approvals = tuple(approvals)
        self.overlay_refused = overlay_refused
        self._release = release
        """Version of the console's release in force, 0: none."""
        self._notes: list[tuple[str, Mapping[str, object]]] = []
        """Entries that wait until the clock is known to be right."""
        self._session = secrets.token_hex(8)
        self._rules = rules
        self._now = now
        self._judge_clock = judge_clock
        self.lease_s = lease_s
        self.max_call_s = max_call_s
        """What the gate is told that a call may last."""
        self._high_water: datetime | None = None
        self._unmet: dict[tuple[str, str, bool], list[str]] = {}

    def decide(
        self,
        con: Connection,
        contact: StoredContact,
        line: LineReport,
        point: Point,
        *,
        audio_ready: bool,
        channel: Channel = Channel.CALL,
    ) -> Judged:
        """Return the gate's word about calling this contact, or writing to them, on this line now."""
        now = self._now()
        self._read_high_water(con)
        self.clock_state = self._judge_clock(now, self._high_water)
        history = self._history(con, contact)
        box = self._box_state(con, audio_ready=audio_ready)
        order = self._order(con, contact, line, channel)
        inputs = Inputs(order=order, history=history, box=box, now=now, point=point)
        return Judged(decision=inputs.decide(self._gate), inputs=inputs)

    @property
    def gate(self) -> Gate:
        """Return the gate that decides now."""
        return self._gate

    def adopt(self, gate: Gate, approvals: Sequence[Approval], release: int) -> None:
        """Judge by other rules from the next decision on; call it in the transaction that keeps them.

        The log says so before that decision: which packs, approvals and release.
        """
        self._gate, self._approvals, self._release = gate, tuple(approvals), release
        self._session = secrets.token_hex(8)
        self._unmet.clear()

    def note_when_dated(self, con: Connection, kind: str, fields: Mapping[str, object]) -> None:
        """Write something else into the log: now if the clock is right, else with the next decision."""
        now = self._now()
        self._read_high_water(con)
        if self._judge_clock(now, self._high_water).trusted:
            self._check_head(con)
            audit_log.append(con, self._rules.event_body(kind, fields, now), self._rules.link)
            self._high_water = max(self._high_water or now, now)
        else:
            self._notes = [*self._notes, (kind, fields)][-MOST_NOTES:]

    def check_audit(self, con: Connection) -> str:
        """Read the whole log again and say what is wrong with it; the gate refuses until it is whole."""
        self.audit_problem = chain_problem(con) or counters_problem(con, self._rules.ref)
        return self.audit_problem

    def _history(self, con: Connection, contact: StoredContact) -> History:
        number = contact.numbers[0]
        since = self._now() - timedelta(days=self._gate.history_days)
        own = attempts.history_for(con, contact.person, debt_of(contact), number, since)
        written = sms.history_for(con, contact.person, debt_of(contact), number, since)
        # The console tells every box of a message, the one that sent it too: there it is counted already.
        ours = {f"sms:{message.sms}" for message in written}
        told = [
            each
            for each in elsewhere.contacts_for(con, contact.person, debt_of(contact), number, since)
            if each.contact not in ours
        ]
        return History(
            attempts=(*map(_past, own), *map(as_past, told), *map(_past_message, written)),
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
            suppression_lease_s=self.lease_s,
            # Besides: an entry that cannot be written fails the transaction, and with it the call.
            audit_healthy=not self.audit_problem,
            audio_ready=audio_ready,
        )

    def _order(
        self, con: Connection, contact: StoredContact, line: LineReport, channel: Channel = Channel.CALL
    ) -> CallOrder:
        known = known_from(elsewhere.person_facts(con, contact.person))
        order = CallOrder(
            campaign=contact.campaign,
            contact=contact.contact,
            person=contact.person,
            debt=debt_of(contact),
            number=contact.numbers[0],
            region=contact.region,
            time_zone=contact.time_zone,
            status=contact.status,
            consents=contact.consents,
            consented_at=tuple(sorted(contact.consented_at.items())),
            max_call_s=self.max_call_s,
            language=contact.language,
            caller_number=line.number,
            channel=channel.value,
        )
        return narrowed(order, known)

    def number_to_keep(self, con: Connection, contact: StoredContact, line: LineReport) -> str | None:
        """Return the own number that this person must go on seeing (red line 3), None when any will do."""
        history = self._history(con, contact)
        return self._gate.required_caller_number(self._order(con, contact, line), history, self._now())

    def unmet_demands(self, contact: StoredContact, flow: Flow, *, is_ours: bool = True) -> list[str]:
        """Return what the callee's own rules demand of a conversation and this flow does not do.

        `is_ours`: the call is one of ours; of who calls in no recording is demanded, as nothing is collected there.
        """
        policy = self._gate.policy_for(contact.numbers[0], contact.region)
        key = (flow.digest, policy.digest(), is_ours)
        if key not in self._unmet:
            while len(self._unmet) >= MOST_VERDICTS_KEPT:
                del self._unmet[next(iter(self._unmet))]
            self._unmet[key] = unmet_by(policy, flow, is_ours=is_ours)
        return self._unmet[key]

    def write_audit(
        self, con: Connection, judged: Judged, attempt: str | None = None, *, sms: str | None = None
    ) -> None:
        """Append a decision to the chain. Raises StoreError, and then nothing of the transaction holds."""
        inputs = judged.inputs
        self._check_head(con)
        if audit_log.session_of_rules(con) != self._session:
            self._write_rules(con, inputs.now)
        for kind, fields in self._notes:
            audit_log.append(con, self._rules.event_body(kind, fields, inputs.now), self._rules.link)
        self._notes = []
        facts = {"inputs": self._rules.seal(inputs, self._secret_of(con, inputs.order.person))}
        if attempt is not None:
            facts["attempt"] = attempt
        if sms is not None:
            facts["sms"] = sms
        audit_log.append(con, self._rules.body(judged.decision, inputs, facts), self._rules.link)
        self._high_water = max(self._high_water or inputs.now, inputs.now)

    def seal_text(self, con: Connection, person: str, text: str) -> bytes:
        """Return a text sealed with the person's own key: it goes with that key, from every copy there is."""
        return self._rules.seal_text(text, self._secret_of(con, person))

    def _secret_of(self, con: Connection, person: str) -> bytes:
        """Return the key that what is written of a person is sealed with, made at its first use."""
        ref = self._rules.person_ref(person)
        secret = audit_log.use_secret(con, ref)
        if secret is None:
            secret = secrets.token_bytes(SECRET_BYTES)
            audit_log.keep_secret(con, ref, secret)
        return secret

    def person_ref(self, person: str) -> str:
        """Return what stands for a person in the chain."""
        return self._rules.person_ref(person)

    def clock_now(self, con: Connection) -> ClockState:
        """Return whether the clock may be believed now, without a call to decide about."""
        self._read_high_water(con)
        self.clock_state = self._judge_clock(self._now(), self._high_water)
        return self.clock_state

    def why_undatable(self, con: Connection) -> str:
        """Return why nothing may be written or deleted by date now, empty when clock and log may be relied on."""
        self._read_high_water(con)
        state = self._judge_clock(self._now(), self._high_water)
        return self.audit_problem or ("" if state.trusted else state.reason)

    def note(self, con: Connection, kind: str, fields: Mapping[str, object]) -> None:
        """Append an entry that is no decision. Raises StoreError, and then nothing of the transaction holds."""
        self._check_head(con)
        now = self._now()
        audit_log.append(con, self._rules.event_body(kind, fields, now), self._rules.link)
        self._high_water = max(self._high_water or now, now)

    def _check_head(self, con: Connection) -> None:
        """Refuse to build on an entry that was changed. Raises StoreDamagedError."""
        head = audit_log.head(con)
        if head is not None and self._rules.link(head.previous, head.body) != head.hash:
            self.audit_problem = f"audit entry {head.seq} was changed after it was written"
            raise StoreDamagedError(self.audit_problem)

    def _write_rules(self, con: Connection, now: datetime) -> None:
        """Say once a start by which rules is judged: with the first decision, when the clock is known to be right."""
        for pack in self._gate.library.packs:
            audit_log.keep_rules(con, pack.digest(), pack.pack.name, pack_to_text(pack))
        body = self._rules.rules_body(self._gate, self._approvals, now, release=self._release)
        audit_log.append(con, body, self._rules.link)
        if self.overlay_refused:
            fields = {"reason": self.overlay_refused}
            audit_log.append(con, self._rules.event_body("overlay_refused", fields, now), self._rules.link)
        audit_log.note_session_of_rules(con, self._session)

    def _read_high_water(self, con: Connection) -> None:
        if self._high_water is None:
            last = audit_log.head(con)
            if last is not None:
                self._high_water = datetime.fromisoformat(json.loads(last.body)["at"])


def debt_of(contact: StoredContact) -> str:
    """Return the debt's id; a contact without one is a debt of its own."""
    return contact.debt or contact.contact


def _past_message(message: sms.Written) -> PastAttempt:
    return PastAttempt(
        person=message.person,
        debt=message.debt,
        number=message.number,
        line_number=None,
        reserved_at=message.at,
        connected=True,
        conversation=False,
        disposition=None,
        channel=Channel.SMS.value,
    )


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
