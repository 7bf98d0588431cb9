"""One message through the desk: judged, reserved, counted and written down at once; tried again, put off, given up."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.calls.audit_check import replay
from firmware.calls.auditing import Auditor, load_audit_key, open_sealed_text
from firmware.calls.desk import Desk
from firmware.calls.judging import Judge
from firmware.calls.placing import FlowBook
from firmware.clock import ClockState
from firmware.compliance.gate import Gate
from firmware.compliance.library import Approval, load_packs
from firmware.lines.line import LineReport, LineStatus
from firmware.rules.in_force import everything_approved
from firmware.sms.contracts import ToSend
from firmware.sms.desk import AGAIN_AFTER, Looked, SmsDesk
from firmware.store import audit_log, campaigns, outbox, outcomes, sms, suppressions
from firmware.store.campaigns import CampaignState
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreConflictError
from firmware.store.inline_executor import InlineExecutor
from firmware.store.sms import SmsOrdered, SmsState, StoredSms
from firmware.sync.messages_sms import SmsOutcome, SmsTexts
from firmware.sync.reports import Reports
from firmware.values import (
    E164,
    AttemptId,
    CampaignId,
    ContactId,
    Disposition,
    LineId,
    Money,
    PersonId,
    UuidV7,
)
from tests.firmware.store.store_rows import Rows, add_contacts
from tests.scenarios.test_sms import PAY, TEXTS, flow
from tests.scenarios.virtual_time import run_virtually

TUESDAY_10 = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA, OWN = E164("+8613123456701"), E164("+8613123456600")
LINE = LineReport(line=LineId("line-1"), status=LineStatus.READY, number=OWN)
C1, K1, A1 = CampaignId("c1"), ContactId("k1"), AttemptId("a1")

PLAN_TEXT = {
    "plan": {
        "zh-CN": "【{sender}】您约定分{plan_count}期，每期{plan_amount}，最后一期{plan_last}，自{plan_first}起。回复TD退订。",
        "en": "{sender}: {plan_count} x {plan_amount}, last {plan_last}, from {plan_first}. Reply STOP to end messages.",
    }
}

FLOWS = FlowBook()


@cache
def rules() -> tuple[list[Approval], Gate]:
    packs = load_packs()
    approvals = list(everything_approved(packs))
    return approvals, Gate(packs, approvals)


class Office:
    """A desk with real rules, a real log and a real database, and one person who agreed to messages."""

    def __init__(self, folder: Path) -> None:
        self.now = TUESDAY_10
        self.database = Database.open(folder / "box.db", executor=InlineExecutor())
        self.key = load_audit_key(folder / "audit.key")
        approvals, gate = rules()
        ids = UuidV7()
        new_id = lambda: ids.new(round(self.now.timestamp() * 1000))  # noqa: E731
        self.judge = Judge(
            gate=gate,
            approvals=approvals,
            rules=Auditor(self.key, box="b", boot="1"),
            now=lambda: self.now,
            judge_clock=lambda _now, _high: ClockState(trusted=True, reason=""),
            lease_s=86400,
            max_call_s=240,
        )
        reports = Reports(self.database.stream, lambda: self.now, new_id)
        calls = Desk(
            database=self.database, judge=self.judge, reports=reports, now=lambda: self.now, new_id=new_id,
            language="en",
        )  # fmt: skip
        self.desk = SmsDesk(
            database=self.database, judge=self.judge, calls=calls, flows=FLOWS, reports=reports,
            now=lambda: self.now,
        )  # fmt: skip
        self.run(self._fill)

    def _fill(self, con: Connection) -> None:
        rows, text = Rows(), flow()
        campaign = replace(
            rows.campaign(expires_at=TUESDAY_10 + timedelta(days=9)),
            flow_text=text,
            flow_sha256=hashlib.sha256(text.encode()).hexdigest(),
            texts=msgspec.json.encode(msgspec.structs.replace(TEXTS, texts=TEXTS.texts | PLAN_TEXT)).decode(),
        )
        campaigns.add_campaign(con, campaign, raw=b"{}", received_at=TUESDAY_10)
        given = {
            "callee_name": "王伟", "creditor": "安心银行", "amount_due": {"minor": 123450, "currency": "CNY"},
            "due_date": "2026-11-10", "last4": "4101", "link": PAY,
        }  # fmt: skip
        contact = rows.contact(numbers=(ADA,), region="CN-SH", consents=("sms",), vars=given)
        add_contacts(con, [contact])
        suppressions.confirm(con, TUESDAY_10)
        self.judge.check_audit(con)

    def run(self, work: Any) -> Any:
        return self.database.run_now(work)

    def order(self, name: str = "m1", text: str = "hours", **fields: Any) -> None:
        given: dict[str, Any] = {
            "sms": name, "origin": "console", "attempt": None, "campaign": C1, "contact": K1,
            "person": PersonId("person-k1"), "number": ADA, "text": text, "language": "zh-CN",
            "ordered_at": self.now, "expires_at": self.now + 24 * HOUR,
        }  # fmt: skip
        assert self.run(lambda con: sms.add(con, SmsOrdered(**(given | fields))))

    def prepare(self, name: str = "m1", line: LineReport = LINE) -> ToSend | Looked:
        return run_virtually(self.desk.prepare(name, line, frozenset({str(OWN), "+8613123456601"})))

    def get(self, name: str = "m1") -> StoredSms:
        found: StoredSms | None = self.run(lambda con: sms.get(con, name))
        assert found is not None
        return found

    def told(self) -> list[tuple[str, str]]:
        """What the console was told of messages."""
        rows = self.run(lambda con: outbox.pending(con, 0, 100))
        messages = [row.body for row in rows if b'"type":"sms"' in row.body]
        read = [msgspec.json.decode(body, type=SmsOutcome) for body in messages]
        return [(each.state, each.reason) for each in read]

    def decisions(self) -> int:
        return sum('"kind":"decision"' in row.body for row in self.run(audit_log.rows))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.database.close_now()


def test_reservation_counter_and_log_are_one_transaction(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written down is not said to a modem; what is, counts, and is sealed with the person's key."""
    office.order()
    with monkeypatch.context() as broken:
        broken.setattr(audit_log, "append", lambda *_: (_ for _ in ()).throw(StoreConflictError("full")))
        with pytest.raises(StoreConflictError):
            office.prepare()
    assert (office.get().state, office.decisions()) == (SmsState.WAITING, 0)
    found = office.prepare()
    assert isinstance(found, ToSend)
    assert found.text == "【安心银行】网点周一至周五营业。回复TD退订。"
    assert (office.get().state, office.get().line, office.decisions()) == (SmsState.SENDING, "line-1", 1)
    assert office.prepare() is Looked.SETTLED, "once"
    secret = office.run(lambda con: audit_log.secret(con, office.judge.person_ref("person-k1")))
    sealed = office.run(lambda con: sms.sealed_text(con, "m1"))
    assert open_sealed_text(sealed, secret) == found.text
    assert found.text.encode() not in sealed
    replayed = office.run(lambda con: replay(con, office.key))
    assert (replayed.problems, replayed.agreed) == ([], office.decisions())


def test_one_line_sends_one_message_at_a_time_whatever_the_program_does(office: Office) -> None:
    office.order("m1")
    office.order("m2")
    assert isinstance(office.prepare("m1"), ToSend)
    with pytest.raises(StoreConflictError):
        office.prepare("m2")
    run_virtually(office.desk.sent("m1", (7,)))
    with pytest.raises(StoreConflictError, match="sent"):
        office.run(lambda con: con.execute("UPDATE sms SET state = 'waiting' WHERE sms = 'm1'"))
    run_virtually(office.desk.not_sent("m1", "late", may_pass=True))
    run_virtually(office.desk.sent("m1", (8,)))
    assert (office.get("m1").state, office.get("m1").parts) == (SmsState.SENT, ((7, ""),))
    assert isinstance(office.prepare("m2"), ToSend)


def test_what_was_not_sent_is_tried_again_ever_more_rarely_and_then_given_up(office: Office) -> None:
    office.order()
    for pause in AGAIN_AFTER:
        assert isinstance(office.prepare(), ToSend)
        run_virtually(office.desk.not_sent("m1", "SmsNotSentError 500", may_pass=True))
        assert (office.get().state, office.get().due_at) == (SmsState.WAITING, office.now + pause)
        assert office.told() == [], "nothing has become of it yet"
        office.now += pause
    assert isinstance(office.prepare(), ToSend)
    run_virtually(office.desk.not_sent("m1", "SmsNotSentError 500", may_pass=True))
    assert office.told() == [("failed", "SmsNotSentError 500")]
    office.order("m2")
    assert isinstance(office.prepare("m2"), ToSend), "what was never sent counts for nothing"
    run_virtually(office.desk.not_sent("m2", "ForbiddenCommandError", may_pass=False))
    assert office.get("m2").state is SmsState.FAILED


def test_a_message_waits_for_the_hours_and_not_beyond_its_time(office: Office) -> None:
    office.now += 9 * HOUR  # 19:00
    office.run(lambda con: suppressions.confirm(con, office.now))
    office.order("m1")
    office.order("m2", expires_at=office.now + 3 * HOUR)
    assert (office.prepare("m1"), office.prepare("m2")) == (Looked.SETTLED, Looked.SETTLED)
    assert (office.get("m1").rule, office.get("m1").due_at) == ("window", TUESDAY_10 + 23 * HOUR)
    assert office.told() == [("expired", "window")]
    office.now = office.get("m1").due_at
    office.run(lambda con: suppressions.confirm(con, office.now))
    assert isinstance(office.prepare("m1"), ToSend)


def test_a_box_that_may_not_send_changes_nothing_about_the_message(office: Office) -> None:
    office.order()
    office.run(lambda con: campaigns.set_stopped(con, True))
    assert office.prepare() is Looked.BOX_UNFIT
    office.run(lambda con: campaigns.set_stopped(con, False))
    office.run(suppressions.end_lease)
    assert office.prepare() is Looked.BOX_UNFIT
    assert (office.get().state, office.decisions(), office.told()) == (SmsState.WAITING, 0, [])


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("DELETE FROM contact", "recalled"),
        ("UPDATE contact SET state = 'recalled'", "recalled"),
        ("UPDATE campaign SET state = 'cancelled'", "cancelled"),
        ("UPDATE campaign SET texts = ''", "no_text"),
        ("UPDATE campaign SET texts = '{\"sender\": {\"zh-CN\": \"x\"}, \"texts\": {\"hours\": {\"zh-CN\": \"no way out\"}}}'", "no_text"),
        ("UPDATE contact SET vars = '{}'", "unspeakable"),
        ("UPDATE contact SET consents = '[]'", "sms-consent"),
        ("UPDATE contact SET status = 'paid'", "ALL-STS-1"),
    ],
)  # fmt: skip
def test_what_changed_since_it_was_ordered_counts(office: Office, change: str, rule: str) -> None:
    office.order()
    office.run(lambda con: con.execute(change))
    assert office.prepare() is Looked.SETTLED
    assert office.told() == [("refused", rule)]


def test_it_waits_while_its_campaign_is_paused_or_its_person_is_called(office: Office) -> None:
    office.order()
    for change in ("UPDATE campaign SET state = 'paused'", "UPDATE contact SET state = 'in_call'"):
        office.run(lambda con, change=change: con.execute(change))
        assert office.prepare() is Looked.SETTLED
    assert (office.get().state, office.get().rule) == (SmsState.WAITING, "in_call")
    office.run(lambda con: campaigns.set_done(con, C1, K1, Disposition.PROMISE_FULL))
    office.run(lambda con: campaigns.set_state(con, C1, CampaignState.DONE))
    assert isinstance(office.prepare(), ToSend), "a campaign that is done may still say goodbye"


def test_what_no_line_could_send_in_its_time_is_given_up(office: Office) -> None:
    office.order("m1", expires_at=office.now + HOUR)
    office.order("m2")
    office.now += HOUR
    run_virtually(office.desk.expire())
    assert office.told() == [("expired", "no_line")]
    assert office.get("m2").state is SmsState.WAITING


def test_another_line_is_left_to_send_it(office: Office) -> None:
    office.order()
    office.run(lambda con: con.execute("UPDATE campaign SET lines = '[\"line-9\"]'"))
    assert office.prepare() is Looked.OTHER_LINE
    assert office.get().state is SmsState.WAITING


def called(office: Office, disposition: Disposition, promise: outcomes.Promise) -> None:
    """One call to this person is over, with what was promised in it."""
    outcome = outcomes.Outcome(
        attempt=A1, campaign=C1, contact=K1, person=PersonId("person-k1"), disposition=disposition,
        reached=True, right_party=True, final=True, ended_at=TUESDAY_10, promise=promise,
    )  # fmt: skip

    def write(con: Connection) -> None:
        con.insert(
            "attempt",
            {"attempt": A1, "campaign": C1, "contact": K1, "person": "person-k1", "number": ADA, "line": "line-1", "line_number": OWN,
             "reserved_at": round(TUESDAY_10.timestamp() * 1000)},
        )  # fmt: skip
        outcomes.add_outcome(con, outcome)

    assert Rows().now < TUESDAY_10
    office.run(write)


def test_a_text_about_the_debt_needs_the_call_in_which_it_was_promised(office: Office) -> None:
    """The office may order it for a call that ended with the right person; what was promised there fills it."""
    promise = outcomes.Promise(due=TUESDAY_10.date(), amount=Money(123450, "CNY"), confirmed=True)
    called(office, Disposition.PROMISE_FULL, promise)
    office.order("m1", "agreed", attempt=A1)
    office.order("m2", "agreed", attempt=A1, may_tell_debt=True)
    assert office.prepare("m1") is Looked.SETTLED
    assert office.told() == [("refused", "unverified")]
    found = office.prepare("m2")
    assert isinstance(found, ToSend), office.told()
    assert "2026年11月24日前支付1,234.50元" in found.text
    assert PAY in found.text


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize(
    ("total", "last"),
    [
        pytest.param(123450, "204.50", id="the last one is what is left"),
        pytest.param(123600, "206.00", id="all are alike"),
        pytest.param(None, None, id="an older version kept no sum: rather no text than a wrong one"),
    ],
)
def test_a_plan_is_confirmed_with_its_last_instalment(
    office: Office, language: str, total: int | None, last: str | None
) -> None:
    promise = outcomes.Promise(
        due=TUESDAY_10.date(), amount=Money(20600, "CNY"), confirmed=True, instalments=6, every="month",
        total=Money(total, "CNY") if total else None,
    )  # fmt: skip
    called(office, Disposition.PROMISE_PLAN, promise)
    office.order("m1", "plan", attempt=A1, may_tell_debt=True, language=language)
    found = office.prepare("m1")
    if last is None:
        assert (found, office.told()) == (Looked.SETTLED, [("refused", "incomplete")])
    else:
        assert isinstance(found, ToSend), office.told()
        says = {
            "zh-CN": f"分6期，每期206.00元，最后一期{last}元，自2026年11月24日起",
            "en": f"6 x 206.00 CNY, last {last} CNY, from 24 Nov 2026",
        }
        assert says[language] in found.text


def test_a_restored_database_sends_nothing_that_the_lost_one_may_have_sent(office: Office) -> None:
    office.order("m1")
    office.order("m2")
    assert office.run(lambda con: sms.withdraw_waiting(con, office.now)) == 2
    assert run_virtually(office.desk.close_cut_short()) == 2
    assert office.told() == [("uncertain", "cut_short")] * 2
    assert office.prepare("m1") is Looked.SETTLED


def test_the_campaigns_own_limit_counts_what_went_out(office: Office) -> None:
    texts = msgspec.structs.replace(TEXTS, per_person=1)
    assert isinstance(texts, SmsTexts)
    stored = msgspec.json.encode(texts).decode()
    office.run(lambda con: con.execute("UPDATE campaign SET texts = ?", (stored,)))
    office.order("m1")
    office.order("m2")
    assert isinstance(office.prepare("m1"), ToSend)
    run_virtually(office.desk.uncertain("m1", (7,), "port closed"))
    assert office.prepare("m2") is Looked.SETTLED
    assert office.told() == [("uncertain", "port closed"), ("refused", "campaign-limit")]
