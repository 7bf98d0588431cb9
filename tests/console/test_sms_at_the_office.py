"""Short messages at the office: texts checked before they are sent, the newest word counts, and every box counts them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from console.campaigns import read_flow
from console.elsewhere import untold
from console.errors import CampaignError
from console.followup_outbox import Due, end_interrupted, plan, take_next
from console.followup_rules import FollowupRulesError, read_rules
from console.ledger import Arrival, Ledger
from console.ledger_facts import Fact
from console.ledger_tables import CONTACT
from console.office_tables import FOLLOWUP
from console.short_messages import became_of, reply_lines, sms_lines
from console.sms_texts_file import read_texts, require_no_texts, text_lines
from console.suppressions import add_suppression
from console.web.sms_words import STATES, WHY, state_word, why_word
from firmware.sync.messages import Ack, OutcomeMessage
from firmware.sync.messages_sms import SmsOutcome, SmsReply
from firmware.values import Disposition

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
GOOD = (EXAMPLES / "texts.toml").read_text(encoding="utf-8")


def said(n: int, state: str, *, sms: str = "s1", box: str = "b1", **fields: Any) -> tuple[str, SmsOutcome]:
    at = NOW + timedelta(minutes=n)
    given: dict[str, Any] = {
        "id": f"019ab3c0-{n:04d}", "at": at, "stream": "s", "seq": n, "sms": sms, "origin": "flow", "campaign": "c",
        "contact": "k1", "person": "p1", "attempt": "a1", "text": "agreed", "state": state, "ordered_at": NOW,
        "n_parts": 2, "sent_at": at if state in {"sent", "delivered"} else None,
    }  # fmt: skip
    return box, SmsOutcome(**(given | fields))


def keep(ledger: Ledger, *facts: tuple[str, Fact]) -> None:
    ledger.record([Arrival(box=box, message=each) for box, each in facts], seen_at=NOW)


def contact(box: str, person: str = "p1", number: str = "+8613123456701") -> dict[str, Any]:
    return {
        "box": box, "campaign": "c", "contact": "k1", "place": 0, "row": 2, "person": person, "number": number,
        "debt": None, "status": "open",
    }  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "ledger.db")
    with made.transaction() as rows:
        rows.execute(insert(CONTACT), [contact("b1"), contact("b2"), contact("b3", "p9", "+8613123456709")])
    return made


def test_texts_are_checked_and_counted_before_they_are_sent(tmp_path: Path) -> None:
    text, flow = read_flow(EXAMPLES / "overdue-reminder.yaml")
    file = tmp_path / "texts.toml"
    file.write_text(GOOD, encoding="utf-8")
    texts = read_texts(file, flow)
    lines = {(each.text, each.language): each for each in text_lines(texts, flow)}
    assert (lines["agreed", "zh-CN"].n_parts, lines["agreed", "zh-CN"].alphabet) == (1, "ucs2")
    assert (lines["hours", "en"].n_parts, lines["hours", "en"].alphabet) == (1, "gsm7")
    assert [each.about_debt for each in lines.values()] == [True, True, False, False]
    for bad, says in (
        (GOOD.replace("Reply STOP", "Bye"), "how to stop"),
        (GOOD.replace('en = "{sender}: we are', '# en = "{sender}: we are'), "no en wording"),
        (GOOD.replace("{promise_amount} by", "{last4} by"), "which is secret"),
        ("per_persons = 2\n" + GOOD, "per_persons"),
        ("sender = [", "see docs"),
        (GOOD.replace('en = "Anxin Bank"', 'fr = "Anxin"'), "sender (en)"),
    ):
        file.write_text(bad, encoding="utf-8")
        with pytest.raises(CampaignError) as refused:
            read_texts(file, flow)
        assert says in " ".join([str(refused.value), *refused.value.details])
    with pytest.raises(CampaignError, match="existing file"):
        read_texts(tmp_path / "none.toml", flow)
    sends = tmp_path / "sends.yaml"
    sends.write_text(
        text.replace(
            "  promised:       {say:", "  promised:       {sms: agreed, next: bye}\n  bye:            {say:"
        ),
        encoding="utf-8",
    )
    with pytest.raises(CampaignError, match="--texts"):
        require_no_texts(read_flow(sends)[1])


def test_the_newest_word_counts_in_whichever_order_they_come(tmp_path: Path) -> None:
    words = (said(1, "sent"), said(2, "failed", reason="network_status_43"), said(3, "delivered", sms="s2"))
    for number, order in enumerate(permutations(words)):
        ledger = Ledger(tmp_path / f"{number}.db")
        for word in (*order, order[0]):
            keep(ledger, word)
        with ledger.reading() as rows:
            assert [(each.sms, each.state) for each in sms_lines(rows)] == [
                ("s1", "failed"),
                ("s2", "delivered"),
            ]
            assert [each.sms for each in sms_lines(rows, state="failed")] == ["s1"]
            assert sms_lines(rows, person="p2") == []
        ledger.close()


def test_what_went_out_counts_once_at_every_box_that_has_the_person(ledger: Ledger) -> None:
    keep(ledger, said(1, "sent"), said(2, "delivered"), said(3, "refused", sms="s3"))
    with ledger.reading() as rows:
        for box, names in (("b1", {"sms:s1"}), ("b2", {"sms:s1"}), ("b3", set())):
            told, _ = untold(rows, box, NOW)
            assert set(told) == names
            assert {each.channel for each in told.values()} <= {"sms"}


def test_an_answer_read_twice_is_one_answer(ledger: Ledger) -> None:
    def reply(n: int) -> tuple[str, SmsReply]:
        return "b1", SmsReply(
            id=f"r{n}", at=NOW, stream="s", seq=n, reply="same", line="line-1", number="+8613123456701",
            people=["p1"], text="好的", received_at=NOW,
        )  # fmt: skip

    keep(ledger, reply(1), reply(2))
    with ledger.reading() as rows:
        (line,) = reply_lines(rows, person="p1")
        assert (line.text, line.number) == ("好的", "+86…01")
        assert reply_lines(rows, shows_numbers=True)[0].number == "+8613123456701"
        assert reply_lines(rows, person="p2") == []


RULE = """
[[rule]]
name = "promised"
after = ["promise_full"]
channel = "sms"
text = "agreed"
"""


def outcome(n: int, person: str) -> OutcomeMessage:
    return OutcomeMessage(
        id=f"o{n}", at=NOW, stream="s", seq=100 + n, attempt=f"a{n}", campaign="c", contact="k1", person=person,
        line="line-1", disposition=Disposition.PROMISE_FULL, reached=True, right_party=True, final=True,
        reserved_at=NOW, answered_at=NOW, ended_at=NOW,
    )  # fmt: skip


def test_a_rule_orders_one_message_and_none_to_who_opted_out(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "followups.toml"
    file.write_text(RULE)
    rules = read_rules(file)
    keep(ledger, ("b1", outcome(1, "p1")), ("b3", outcome(2, "p9")))
    with ledger.transaction() as rows:
        add_suppression(rows, "number", "+8613123456709", "opt_out", NOW)
        assert plan(rows, rules, NOW) == 2

    def take() -> Due | None:
        with ledger.transaction() as rows:
            return take_next(rows, rules, NOW)

    due = take()
    assert due is not None
    assert (due.person, due.box, due.outcome["contact"]) == ("p1", "b1", "k1")
    assert take() is None
    with ledger.transaction() as rows:
        assert [row.reason for row in rows.execute(FOLLOWUP.select()) if row.person == "p9"] == ["opted_out"]
        end_interrupted(rows, NOW)
    again = take()
    assert again is not None
    assert again.id == due.id, "a program that was stopped orders the same again, and a box does it once"
    refused = Ack(
        id="k", at=NOW, stream="s", seq=7, about="x", kind="sms", accepted=False, reason="unknown_text"
    )
    keep(ledger, said(5, "refused", sms=due.id, reason="sms-consent"), ("b1", refused))
    with ledger.reading() as rows:
        assert became_of(rows, [due.id, "x", "y"]) == {
            due.id: "refused: sms-consent",
            "x": "refused: unknown_text",
        }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("agreed", "Not A Name"), "name one of the campaign's texts"),
        (('text = "agreed"', 'text = "agreed"\nconsent = "email"'), "leave consent out"),
        (('"promise_full"', '"opt_out"'), "nobody is written to"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    file = tmp_path / "followups.toml"
    file.write_text(RULE.replace(*change))
    with pytest.raises(FollowupRulesError, match=says):
        read_rules(file)


def test_what_became_of_a_message_has_words_in_both_languages() -> None:
    for words in (STATES, WHY):
        for english, chinese in words.values():
            assert english.isascii()
            assert not chinese.isascii()
    asked: list[Callable[[str], str]] = [lambda word: why_word(word, "en"), lambda word: why_word(word, "zh")]
    assert [each("network_status_43") for each in asked] == [
        "the network could not deliver it (43)",
        "网络无法送达（43）",
    ]
    assert asked[0]("sms-consent").startswith("This person has not agreed")
    assert asked[1]("SmsNotSentError 500") == "调制解调器拒绝发送（SmsNotSentError 500）"
    assert (state_word("delivered", "zh"), state_word("of_a_newer_box", "en")) == ("已送达", "of_a_newer_box")
