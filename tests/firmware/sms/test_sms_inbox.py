"""What comes in by SMS: reports in any order, with a reference that is used again, and answers that come twice."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firmware.lines.line import LineReport, LineStatus
from firmware.lines.texting import Delivery, TextReceived, TextReported
from firmware.sms.contracts import ReplyReceived
from firmware.sms.inbox import MOST_IN_AN_HOUR, SmsInbox
from firmware.store import sms, suppressions
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.store.sms import SmsOrdered, SmsState, StoredSms
from firmware.values import E164, CampaignId, ContactId, LineId, PersonId

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
ADA, BOB = E164("+8613123456701"), E164("+8613123456702")
LINE = LineReport(line=LineId("line-1"), status=LineStatus.READY, number=E164("+8613912345678"))


class Told:
    """Stands in for the console and for the audit log."""

    def __init__(self) -> None:
        self.messages: list[StoredSms] = []
        self.replies: list[ReplyReceived] = []
        self.notes: list[str] = []

    def sms(self, _con: Connection, message: StoredSms) -> None:
        self.messages.append(message)

    def sms_reply(self, _con: Connection, reply: ReplyReceived) -> None:
        self.replies.append(reply)

    def event(self, *_: object, **__: object) -> None:
        raise AssertionError("no event is told here")

    def person_ref(self, person: str) -> str:
        return f"ref of {person}"

    def note_when_dated(self, _con: Connection, kind: str, _fields: object) -> None:
        self.notes.append(kind)


class Desk:
    """An inbox over a database of its own, at an instant that tests move."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.open(folder / "box.db", executor=InlineExecutor())
        self.told = Told()
        self.now = NOW
        self._n_ids = 0
        judge: Any = self.told
        self.inbox = SmsInbox(
            database=self.database, judge=judge, reports=self.told, now=lambda: self.now, new_id=self._id
        )

    def _id(self) -> str:
        self._n_ids += 1
        return f"id-{self._n_ids}"

    def sent(
        self, name: str, *references: int, number: E164 = ADA, n_parts: int = 0, at: datetime = NOW
    ) -> None:
        """Keep a message that this line has sent in these parts; fewer than `n_parts`: it is uncertain."""
        order = SmsOrdered(
            sms=name, origin="flow", attempt=None, campaign=CampaignId("c"), contact=ContactId(name),
            person=PersonId("p"), number=number, text="t", language="en",
            ordered_at=at, expires_at=at + timedelta(days=1),
        )  # fmt: skip

        def work(con: Connection) -> None:
            sms.add(con, order)
            sms.reserve(con, name, line=LINE.line, at=at, n_parts=n_parts or len(references), sealed=b"")
            if n_parts > len(references):
                sms.mark_uncertain(con, name, references, "cut_short", at)
            else:
                sms.mark_sent(con, name, references, at)

        self.database.run_now(work)

    def report(
        self,
        reference: int,
        delivery: Delivery = Delivery.DELIVERED,
        *,
        to: str = ADA,
        at: datetime | None = None,
    ) -> None:
        report = TextReported(reference=reference, recipient=to, delivery=delivery, status=0x43, at=at)
        asyncio.run(self.inbox.reported(LINE, report))

    def receive(self, text: str, *, sender: str = ADA, is_from_word: bool = False) -> None:
        event = TextReceived(sender=sender, text=text, sent_at=NOW, is_from_word=is_from_word)
        asyncio.run(self.inbox.received(LINE, event))

    def state(self, name: str) -> SmsState:
        found = self.database.run_now(lambda con: sms.get(con, name))
        assert found is not None
        return found.state


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.database.close_now()


def test_a_message_is_delivered_with_its_last_part(desk: Desk) -> None:
    """In any order, said twice, with a "not yet" that comes late; the console hears it once."""
    desk.sent("m", 7, 8, 9)
    for reference, delivery in (
        (9, Delivery.DELIVERED),
        (7, Delivery.PENDING),
        (9, Delivery.DELIVERED),
        (8, Delivery.DELIVERED),
        (9, Delivery.PENDING),
    ):
        desk.report(reference, delivery)
        assert desk.state("m") is SmsState.SENT
    desk.report(7)
    assert desk.state("m") is SmsState.DELIVERED
    desk.report(7, Delivery.FAILED)
    assert desk.state("m") is SmsState.DELIVERED, "the first final word on a part stays"
    assert [each.state for each in desk.told.messages] == [SmsState.DELIVERED]


def test_a_part_that_cannot_be_delivered_fails_the_message(desk: Desk) -> None:
    desk.sent("m", 7, 8)
    desk.report(7)
    desk.report(8, Delivery.FAILED)
    assert desk.state("m") is SmsState.FAILED
    assert [(each.state, each.rule) for each in desk.told.messages] == [
        (SmsState.FAILED, "network_status_43")
    ]


def test_a_reference_is_used_again_after_256_messages(desk: Desk) -> None:
    """A report is about the message to that number; of two, about the one that was sent before it."""
    desk.sent("old", 7, at=NOW - timedelta(hours=20))
    desk.sent("other", 7, number=BOB, at=NOW - timedelta(hours=2))
    desk.sent("new", 7, at=NOW)
    desk.report(7, at=NOW - timedelta(hours=19))
    assert [desk.state(each) for each in ("old", "other", "new")] == ["delivered", "sent", "sent"]
    desk.report(7, at=NOW + timedelta(seconds=5))
    assert [desk.state(each) for each in ("old", "other", "new")] == ["delivered", "sent", "delivered"]
    desk.report(7, to=BOB[1:])
    assert desk.state("other") is SmsState.DELIVERED, "a number without its plus is the same number"


def test_a_report_about_nothing_of_ours_changes_nothing(desk: Desk) -> None:
    desk.sent("m", 7)
    desk.sent("long ago", 9, at=NOW - timedelta(days=4))
    for reference, number in ((8, ADA), (7, BOB), (9, ADA), (7, "word")):
        desk.report(reference, to=number)
    assert desk.state("m") is SmsState.SENT
    assert desk.told.messages == []


def test_what_may_have_gone_out_is_known_by_its_report(desk: Desk) -> None:
    """Cut short before we heard a reference: the reports prove it was sent, and all of them that it arrived."""
    desk.sent("m", n_parts=2)
    desk.report(41)
    assert desk.state("m") is SmsState.UNCERTAIN
    desk.report(42)
    assert desk.state("m") is SmsState.DELIVERED


def test_an_answer_is_passed_on_once_by_name_and_masked_in_no_log(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.sent("m", 7)
    desk.receive("周五付，密码是8899")
    desk.receive("周五付，密码是8899")
    first, again = desk.told.replies
    assert first.reply == again.reply, "read twice after a crash, it has the same name"
    assert (first.people, first.text, first.suppressed) == ((PersonId("p"),), "周五付，密码是8899", None)
    logged = "".join(capsys.readouterr())
    assert ADA not in logged
    assert "8899" not in logged


def test_an_opt_out_takes_number_and_people_off_every_list(desk: Desk) -> None:
    desk.sent("m", 7)
    desk.receive("退订")
    desk.receive("STOP", sender=BOB)
    stored = desk.database.run_now(
        lambda con: [
            (each.scope, each.person, each.number, each.source)
            for number, person in ((ADA, PersonId("p")), (BOB, PersonId("nobody")))
            for each in suppressions.for_call(con, person, number, None)
        ]
    )
    assert sorted(stored, key=str) == sorted(
        [("number", None, ADA, "sms"), ("person", "p", None, "sms"), ("number", None, BOB, "sms")], key=str
    )
    known, stranger = desk.told.replies
    assert (known.suppressed, known.people) == ("person", (PersonId("p"),))
    assert (stranger.suppressed, stranger.people, stranger.text) == ("number", (), "")
    assert desk.told.notes == ["sms_opt_out"] * 2


def test_no_text_is_too_strange_to_be_passed_on_or_obeyed(desk: Desk) -> None:
    desk.sent("m", 7)
    desk.receive("a\x00b\x07\ud800c👍\n好")
    desk.receive("STOP\x00\udfff")
    assert [(each.text, each.is_opt_out) for each in desk.told.replies] == [
        ("abc👍\n好", False),
        ("STOP", True),
    ]


def test_a_stranger_is_not_read_and_a_word_stops_nobody(desk: Desk) -> None:
    desk.receive("private words", sender=BOB)
    desk.receive("STOP", sender="BANK", is_from_word=True)
    assert [(each.text, each.is_opt_out) for each in desk.told.replies] == [("", False), ("", False)]


def test_a_flood_is_not_passed_on_and_an_opt_out_in_it_is_heard(desk: Desk) -> None:
    for n in range(MOST_IN_AN_HOUR + 5):
        desk.receive(f"{n}", sender=BOB)
    assert len(desk.told.replies) == MOST_IN_AN_HOUR
    desk.receive("STOP", sender=BOB)
    assert desk.told.replies[-1].suppressed == "number"
    desk.now += timedelta(hours=1)
    desk.receive("later", sender=BOB)
    assert len(desk.told.replies) == MOST_IN_AN_HOUR + 2
