"""What a manifest lets the box agree to binds the conversation, beside what the contact brings: the stricter holds."""

from collections.abc import Callable
from typing import Any

import pytest

from firmware.dialogue.currencies import amount_text
from firmware.dialogue.loader import load_flow
from firmware.dialogue.plan_terms import plan_terms
from firmware.values import Money

PART = """
flow: parts
version: 1
languages: [en]
vars:
  callee_name: {type: name}
  creditor: {type: text}
  amount_due: {type: money, debt: true}
  min_part: {type: money, optional: true, debt: true}
  last4: {type: digits, length: 4, secret: true}
prompts:
  opening: {role: [identity, automated], en: "The automated assistant of {creditor}."}
  key_in: {en: "Your four digits?"}
  amount: {role: [debt], en: "How much can you pay? End with hash."}
  no_such: {role: [debt], en: "That is not possible."}
  agreed: {en: "You will pay {promise_amount} by {promise_date}."}
  bye: {en: "Goodbye."}
start: opening
neutral: bye
nodes:
  opening: {say: opening, next: verify}
  verify: {verify: {var: last4, tries: 3}, say: key_in, passed: part, failed: close}
  part: {capture: amount, into: part, at_most: amount_due, at_least: min_part, say: amount, invalid: no_such, tries: 2,
         next: agree, failed: close}
  agree: {capture: promise, due: tomorrow, amount: part, read_back: agreed, confirmed: done, rejected: close, failed: close}
  done: {say: bye, end: promise_full}
  close: {say: bye, end: no_decision}
anytime:
  opt_out: {suppress: person, say: bye, end: opt_out}
  want_human: close
"""


@pytest.mark.parametrize(
    ("campaign", "contact", "keyed", "agreed"),
    [
        (None, None, "100#", True),
        (Money(20000, "USD"), None, "199#", False),
        (Money(20000, "USD"), None, "200#", True),
        (Money(20000, "USD"), 30000, "250#", False),
        (Money(40000, "USD"), 30000, "350#", False),
        (Money(40000, "USD"), 30000, "400#", True),
        (Money(1, "CNY"), None, "400#", False),
    ],
)
def test_the_least_part_is_the_stricter_of_both(
    make_call: Callable[..., Any], campaign: Money | None, contact: int | None, keyed: str, agreed: bool
) -> None:
    limits = {} if contact is None else {"min_part": {"minor": contact, "currency": "USD"}}
    due = {"minor": 100000, "currency": "USD"}
    call = make_call(flow=load_flow(PART), promise_min_part=campaign, amount_due=due, **limits)
    call.press("0917").press(keyed)
    assert (call.saying.prompt == "agreed") is agreed


def test_all_of_it_may_always_be_paid(make_call: Callable[..., Any]) -> None:
    least = Money(999_999, "USD")
    due = {"minor": 100000, "currency": "USD"}
    call = make_call(flow=load_flow(PART), promise_min_part=least, amount_due=due)
    assert call.press("0917").press("1000#").saying.prompt == "agreed"


@pytest.mark.parametrize(
    ("contact", "campaign", "allowed"), [(None, 10001, False), (None, 10000, True), (10001, 1, False)]
)
def test_no_instalment_is_less_than_either_limit(contact: int | None, campaign: int, allowed: bool) -> None:
    least = None if contact is None else Money(contact, "USD")
    terms = plan_terms(Money(60000, "USD"), 6, most=None, least=least, at_least=Money(campaign, "USD"))
    assert (terms is not None) is allowed


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money(128050, "CNY"), "1280.50 CNY"),
        (Money(128050, "JPY"), "128050 JPY"),
        (Money(5, "USD"), "0.05 USD"),
    ],
)
def test_an_amount_in_figures_has_its_currencys_decimals(amount: Money, text: str) -> None:
    assert amount_text(amount) == text
