"""Values keyed in: dates, digits and amounts, read back and judged."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from firmware.dialogue.events import CalleeHungUp, Digit, MachineHeard, PromptFinished, Utterance
from firmware.dialogue.loader import load_flow
from firmware.dialogue.slots import AmountMention, Slots
from firmware.values import Disposition, Money

MakeCall = Callable[..., Any]
HEAD = """
flow: captures
version: 1
languages: [en]
vars:
  callee_name: {type: name}
  creditor: {type: text}
  amount_due: {type: money, debt: true}
  last4: {type: digits, length: 4, secret: true}
prompts:
  opening: {role: [identity, automated], en: "The automated assistant of {creditor}."}
  key_in: {en: "Your four digits?"}
  number: {en: "Which branch, three digits?"}
  back: {en: "Branch {branch}, is that right?"}
  amount: {role: [debt], en: "How much can you pay? End with hash."}
  no_such: {role: [debt], en: "That is not possible."}
  agreed: {en: "You will pay {promise_amount} by {promise_date}."}
  voicemail: {role: [identity, automated], en: "This is the automated assistant of {creditor}. We will try again."}
  bye: {en: "Goodbye."}
start: opening
neutral: bye
on_machine: voicemail
"""
NODES = """
nodes:
  opening: {say: opening, next: which}
  which: {choose: creditor, when: {Riverside Bank: verify}, else: close}
  verify: {verify: {var: last4, tries: 3}, say: key_in, passed: branch, failed: close}
  branch:
    capture: digits
    length: 3
    into: branch
    say: number
    tries: 2
    read_back: back
    rejected: branch
    next: by_branch
    failed: close
    limit: {visits: 2, then: close}
  by_branch: {choose: branch, when: {"101": part}, else: close}
  part: {capture: amount, into: part, at_most: amount_due, say: amount, invalid: no_such, tries: 2, next: agree, failed: close}
  agree: {capture: promise, due: tomorrow, amount: part, read_back: agreed, confirmed: done, rejected: part, failed: close,
          limit: {visits: 2, then: close}}
  done: {say: bye, end: promise_full}
  close: {say: bye, end: no_decision}
  voicemail: {message: voicemail}
anytime:
  opt_out: {suppress: person, say: bye, end: opt_out}
  want_human: close
"""


@pytest.fixture
def call(make_call: MakeCall) -> Any:
    return make_call(flow=load_flow(HEAD + NODES))


def test_a_part_is_a_partial_promise(call: Any) -> None:
    call.press("0917").press("101").press("1").press("500#")
    assert call.saying.phrases == (
        "You will pay",
        *("five", "hundred", "dollars"),
        "by",
        "Tuesday, the eighth of December",
    )
    call.press("1").hear_out()
    assert call.ending is Disposition.PROMISE_PARTIAL
    assert call.promises[0].amount == Money(50000, "USD")


def test_all_of_it_is_a_full_promise(make_call: MakeCall) -> None:
    call = make_call(flow=load_flow(HEAD + NODES), amount_due={"minor": 50000, "currency": "USD"})
    call.press("0917").press("101").press("1").press("500#").press("1").hear_out()
    assert call.ending is Disposition.PROMISE_FULL
    assert "five hundred dollars" in call.said


@pytest.mark.parametrize("keys", ["1235#", "0#", "999999999#", "12345678901234567890"])
def test_an_amount_that_cannot_be_is_asked_again(call: Any, keys: str) -> None:
    call.press("0917").press("101").press("1").press(keys)
    assert call.prompts[-1] == "no_such"


def test_nine_and_hash_is_an_amount_where_amounts_are_keyed(call: Any) -> None:
    call.press("0917").press("101").press("1").press("9#").press("1").hear_out()
    assert call.promises[0].amount == Money(900, "USD")


def test_nine_and_nothing_more_is_stop_even_there(call: Any) -> None:
    call.press("0917").press("101").press("1").press("9").wait()
    assert call.ending is Disposition.OPT_OUT


def test_a_pause_ends_an_amount(call: Any) -> None:
    call.press("0917").press("101").press("1").press("250").wait().press("1").hear_out()
    assert call.promises[0].amount == Money(25000, "USD")


def test_digits_are_read_back_one_by_one(call: Any) -> None:
    call.press("0917").press("101")
    assert call.saying.phrases == ("Branch", "one", "zero", "one", ", is that right?")


def test_a_no_to_the_read_back_asks_again_and_not_for_ever(call: Any) -> None:
    call.press("0917").press("555").press("2").press("555").press("2").hear_out()
    assert call.ending is Disposition.NO_DECISION


def test_what_was_keyed_decides_the_way(call: Any) -> None:
    call.press("0917").press("102").press("1").hear_out()
    assert call.ending is Disposition.NO_DECISION


def test_a_variable_decides_the_way(make_call: MakeCall) -> None:
    call = make_call(flow=load_flow(HEAD + NODES), creditor="Lakeside Bank").hear_out()
    assert call.prompts == ["opening", "bye"]


def test_four_digits_are_not_guessed_by_going_round(make_call: MakeCall) -> None:
    """Two nodes of three tries each are still three tries."""
    twice = NODES.replace("passed: branch, failed: close}", "passed: branch, failed: again}").replace(
        "  branch:\n",
        "  again: {verify: {var: last4, tries: 3}, say: key_in, passed: branch, failed: close}\n  branch:\n",
    )
    call = make_call(flow=load_flow(HEAD + twice))
    call.press("1111").press("2222").press("3333").press("0917").hear_out()
    assert call.prompts[-1] == "key_in"


def test_a_message_waits_for_the_beep(call: Any) -> None:
    call.happens(MachineHeard(kind="greeting"))
    assert call.prompts == ["opening"]
    call.happens(MachineHeard(kind="beep"))
    assert call.saying.prompt == "voicemail"
    call.hear_out()
    assert call.ending is Disposition.MACHINE_LEFT_MESSAGE


def test_a_machine_that_never_beeps_gets_none(call: Any) -> None:
    call.happens(MachineHeard(kind="greeting"))
    call.saying = None
    assert call.wait().ending is Disposition.MACHINE_NO_MESSAGE


def test_a_message_cut_off_was_not_left(call: Any) -> None:
    call.happens(MachineHeard(kind="beep")).happens(CalleeHungUp())
    assert call.ending is Disposition.MACHINE_NO_MESSAGE


def test_a_machine_cannot_opt_out_but_whoever_presses_nine_can(call: Any) -> None:
    call.happens(MachineHeard(kind="greeting")).happens(Digit(digit="5"))
    assert call.ending is None
    call.happens(Digit(digit="9"))
    assert call.ending is Disposition.OPT_OUT
    assert call.suppressed == ["person"]


def test_a_message_that_breaks_off_counts_as_none(call: Any) -> None:
    call.happens(MachineHeard(kind="beep"))
    for _ in range(2):
        call.happens(PromptFinished(prompt="voicemail", interrupted=True))
    assert call.ending is Disposition.MACHINE_NO_MESSAGE


@pytest.mark.parametrize(
    ("said", "promised"),
    [
        (AmountMention(text="三千", minor=300_000), 3000),
        (AmountMention(text="三千日元", minor=3000, currency="JPY"), 3000),
        (AmountMention(text="一半", share=Fraction(1, 2)), 25_000),
    ],
)
def test_said_amounts_are_counted_in_the_contacts_own_unit(
    make_call: MakeCall, said: AmountMention, promised: int
) -> None:
    call = make_call(flow=load_flow(HEAD + NODES), amount_due={"minor": 50_000, "currency": "JPY"})
    call.press("0917").press("101").press("1")
    call.happens(Utterance(text=said.text, intents=(), slots=Slots(amounts=(said,))))
    call.press("1").hear_out()
    assert call.promises[0].amount == Money(promised, "JPY")


def test_a_part_of_a_yen_is_asked_again(make_call: MakeCall) -> None:
    call = make_call(flow=load_flow(HEAD + NODES), amount_due={"minor": 50_000, "currency": "JPY"})
    call.press("0917").press("101").press("1")
    said = AmountMention(text="twelve fifty", minor=1250)
    call.happens(Utterance(text=said.text, intents=(), slots=Slots(amounts=(said,))))
    assert call.prompts[-1] == "amount"
    assert not call.promises
