"""A campaign's texts: what is refused before anybody is written to, what they cost, and how values are written."""

import tomllib
from datetime import date, time
from pathlib import Path

import pytest

from firmware.dialogue.errors import FlowRefusedError
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.dialogue.variables import Moment, Value
from firmware.texts.catalogue import Catalogue, CatalogueError, check_texts, read_catalogue
from firmware.texts.rendering import (
    TextIncompleteError,
    as_written,
    length_of,
    render,
    slots_from_text,
    slots_to_text,
)
from firmware.values import Money

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "overdue-reminder.yaml"
PLAIN = {"zh-CN": "{sender}：回复TD退订", "en": "{sender}: reply STOP to end"}
AGREED = {
    "zh-CN": "{sender}：{promise_date}付{promise_amount}。回复TD退订",
    "en": "{sender}: {promise_amount} by {promise_date}. Reply STOP",
}


def flow(*nodes: tuple[str, str]) -> Flow:
    """The example with some nodes replaced: (as it stands, as it shall be)."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in nodes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return load_flow(text)


AFTER_PROMISE = (
    "  promised:       {say:",
    "  promised:       {sms: agreed, next: bye}\n  bye:            {say:",
)


def catalogue(**texts: dict[str, str]) -> Catalogue:
    return read_catalogue(
        sender={"zh-CN": "ACME", "en": "ACME"}, texts=texts or {"plain": PLAIN, "agreed": AGREED}
    )


@pytest.mark.parametrize(
    ("wording", "language", "says"),
    [
        pytest.param("{sender}: hello", "en", "how to stop", id="no way out"),
        pytest.param("Hello. Reply STOP", "en", "who writes", id="nobody signs"),
        pytest.param("{sender}: the police will come. Reply STOP", "en", "threatens", id="a threat"),
        pytest.param("{sender}: {Bad}. Reply STOP", "en", "brace", id="no variable"),
        pytest.param("{sender}：您好。Reply STOP", "zh-CN", "how to stop", id="in another language"),
    ],
)
def test_a_wording_that_will_not_do_is_named(wording: str, language: str, says: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        catalogue(one={language: wording})
    (problem,) = refused.value.problems
    assert says in problem
    assert f"one ({language})" in problem


def test_a_text_of_many_messages_is_too_long() -> None:
    with pytest.raises(CatalogueError, match="messages long, at most 6"):
        catalogue(one={"zh-CN": "{sender}，" + "长" * 330 + "，回复TD退订" + "{a}" * 9})


def test_what_a_flow_sends_must_fit_it() -> None:
    """Nothing that is not there, no slot that is not known by then, no secret, every language, no debt before identity."""
    sends = flow(AFTER_PROMISE)
    assert check_texts(sends, catalogue()) == []
    assert check_texts(flow(), None) == []
    cases: list[tuple[Flow, Catalogue | None, str]] = [
        (sends, None, "brings no texts"),
        (sends, catalogue(plain=PLAIN), "the campaign's texts are plain"),
        (sends, catalogue(agreed={"en": AGREED["en"]}), "no zh-CN wording"),
        (sends, catalogue(agreed=AGREED, plain={**PLAIN, "en": "{sender} {last4}: STOP"}), "which is secret"),
        (sends, catalogue(agreed=AGREED, plain={**PLAIN, "en": "{sender} {nope}: STOP"}), "does not know"),
    ]
    early = ("  opening: {say", "  before:         {sms: agreed, next: opening}\n  opening: {say")
    for text, reason in (("agreed", "before the person is verified"), ("plain", "")):
        swapped = (early[0], early[1].replace("agreed", text))
        started = flow(("start: opening", "start: before"), swapped) if reason else None
        if started is not None:
            cases.append((started, catalogue(), reason))
    late = ("  remind: ", "  early_text: {sms: agreed, next: remind}\n  remind: ")
    unknown = flow(late, ("passed: remind", "passed: early_text"))
    cases.append((unknown, catalogue(), "{promise_amount} may not be known there"))
    for tried, texts, says in cases:
        problems = [str(problem) for problem in check_texts(tried, texts)]
        assert any(says in problem for problem in problems), (says, problems)


def test_a_text_tells_of_a_plan_where_one_was_agreed_and_nowhere_before() -> None:
    text = (EXAMPLE.parent / "repayment-negotiation.yaml").read_text(encoding="utf-8")
    given = tomllib.loads((EXAMPLE.parent / "instalment-texts.toml").read_text(encoding="utf-8"))
    texts = read_catalogue(sender=given["sender"], texts=given["text"])
    assert check_texts(load_flow(text), texts) == []
    assert {size.n_parts for size in texts.lengths().values()} == {2}
    before = "  close:        {say:"
    assert text.count(before) == 1
    early = load_flow(text.replace(before, "  close: {sms: plan_agreed, next: closing}\n  closing: {say:"))
    found = [problem.message for problem in check_texts(early, texts)]
    assert any("{plan_last} may not be known there" in each for each in found), found
    assert any("before the person is verified" in each for each in found), found


def test_a_flow_that_goes_elsewhere_without_a_text_needs_none() -> None:
    text = (EXAMPLE.parent / "repayment-negotiation.yaml").read_text(encoding="utf-8")
    assert check_texts(load_flow(text), None) == []
    same = text.replace("not_possible: plan_noted}", "not_possible: plan_written}")
    same = same.replace("  plan_noted:    {say: promise_thanks, end: promise_plan}\n", "")
    (problem,) = check_texts(load_flow(same), None)
    assert "brings no texts" in problem.message
    (problem,) = check_texts(load_flow(text), catalogue())
    assert "sends 'plan_agreed'; the campaign's texts are agreed, plain" in problem.message


def test_a_text_without_a_debt_may_go_to_whoever_answered() -> None:
    started = flow(
        ("start: opening", "start: before"),
        ("  opening: {say", "  before:         {sms: plain, next: opening}\n  opening: {say"),
    )
    assert check_texts(started, catalogue(plain=PLAIN)) == []


def test_words_about_a_debt_make_a_text_one_about_it() -> None:
    worded = catalogue(plain=PLAIN, due={"zh-CN": "{sender}：请尽快还款。回复TD退订", "en": "{sender}: STOP"})
    assert worded.debt_texts(flow()) == {"due"}


def test_a_flow_without_a_catalogue_is_still_a_flow() -> None:
    with pytest.raises(FlowRefusedError, match="next"):
        flow(("  promised:       {say:", "  promised:       {sms: agreed}\n  bye:            {say:"))


@pytest.mark.parametrize(
    ("text", "n_parts", "alphabet"),
    [
        ("x" * 160, 1, "gsm7"),
        ("x" * 161, 2, "gsm7"),
        ("€" * 80, 1, "gsm7"),
        ("€" * 81, 2, "gsm7"),
        ("长" * 70, 1, "ucs2"),
        ("长" * 71, 2, "ucs2"),
        ("长" * 134, 2, "ucs2"),
        ("长" * 135, 3, "ucs2"),
    ],
)
def test_how_many_messages_a_text_is(text: str, n_parts: int, alphabet: str) -> None:
    found = length_of(text)
    assert (found.n_parts, found.alphabet) == (n_parts, alphabet)


@pytest.mark.parametrize(
    ("value", "chinese", "english"),
    [
        (Money(123450, "CNY"), "1,234.50元", "1,234.50 CNY"),
        (Money(5, "USD"), "0.05 USD", "0.05 USD"),
        (Money(1500, "JPY"), "1,500 JPY", "1,500 JPY"),
        (date(2026, 11, 7), "2026年11月7日", "7 Nov 2026"),
        (Moment(date(2026, 11, 7), time(15, 30)), "2026年11月7日15:30", "7 Nov 2026 15:30"),
        (3, "3", "3"),
        ("https://x.example/7?q=1", "https://x.example/7?q=1", "https://x.example/7?q=1"),
    ],
)
def test_how_values_are_written(value: Value, chinese: str, english: str) -> None:
    assert (as_written(value, "zh-CN"), as_written(value, "en")) == (chinese, english)
    assert slots_from_text(slots_to_text({"a": value})) == {"a": value}


def test_a_missing_value_is_named_and_no_other_is_told() -> None:
    template = catalogue().texts["agreed"]["en"]
    with pytest.raises(TextIncompleteError) as missing:
        render(template, {"sender": "ACME", "promise_amount": Money(1, "CNY")}, "en")
    assert str(missing.value) == "promise_date"
