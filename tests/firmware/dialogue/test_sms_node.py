"""A flow's `sms` node: orders a text, says nothing, goes on; nothing about the debt before it may be spoken of."""

from collections.abc import Mapping

import pytest

from firmware.calls.outcome import CallLog, TextWanted, conclude
from firmware.dialogue.actions import SendText
from firmware.dialogue.errors import FlowRefusedError
from firmware.dialogue.flow import Flow
from firmware.dialogue.inbound import inbound_problems
from firmware.dialogue.loader import load_flow
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.text_orders import MAX_TEXTS
from firmware.lines.line import Ended, EndKind
from firmware.rehearsal.stage import Stage
from firmware.values import Disposition, Money
from tests.firmware.dialogue.conftest import ROOT, TODAY, VARS, Call

PROMISE = ("1", "0917", "1", "1")
"""Who it is, the four digits, to pay by Friday, yes."""


def with_nodes(text: str, *changes: tuple[str, str]) -> Flow:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return load_flow(text)


def after_promise(text: str, nodes: str) -> Flow:
    return with_nodes(text, ("  promised:       {say:", f"{nodes}\n  thanked:        {{say:"))


ONE = "  promised:       {sms: agreed, next: thanked, not_possible: thanked}"


def call(flow: Flow, texts: Mapping[str, bool], *, gate: bool = True) -> Call:
    contact = flow.check_vars(VARS["en"], "en")
    return Call(
        Dialogue(flow, contact, language="en", today=TODAY, promise_max_days=14, texts=texts), gate=gate
    )


def ordered(made: Call) -> list[SendText]:
    return [action for action in made.actions if isinstance(action, SendText)]


def promised(made: Call) -> Call:
    for keys in PROMISE:
        made.press(keys)
    return made.hear_out()


def test_a_promise_is_confirmed_in_writing_with_what_was_promised(reminder_text: str) -> None:
    made = promised(call(after_promise(reminder_text, ONE), {"agreed": True}))
    assert made.ending is Disposition.PROMISE_FULL
    (text,) = ordered(made)
    assert (text.text, text.language, text.debt_permitted) == ("agreed", "en", True)
    assert text.slots["promise_amount"] == Money(123450, "USD")
    assert text.slots["promise_date"] == made.promises[0].due
    assert "1234" not in repr(text), "what was agreed stands in no log"
    assert "promise_thanks" in made.prompts, "and the call goes on as if nothing had been done"


def test_a_plan_is_confirmed_in_writing_with_the_last_instalment_that_differs() -> None:
    flow = load_flow((ROOT / "examples" / "repayment-negotiation.yaml").read_text(encoding="utf-8"))
    limits = {"minor": 10000, "currency": "USD"}
    given = dict(VARS["en"]) | {
        "complaint_line": "4001234567", "min_part": limits, "min_instalment": limits, "most_instalments": 12,
    }  # fmt: skip
    said = []
    for texts in ({"plan_agreed": True}, {}):
        contact = flow.check_vars(given, "en")
        made = Call(Dialogue(flow, contact, language="en", today=TODAY, promise_max_days=14, texts=texts))
        for keys in ("1", "0917", "4", "2", "1", "1"):
            made.press(keys)
        assert made.hear_out().ending is Disposition.PROMISE_PLAN
        said.append((made.prompts[-1], ordered(made)))
    (last, (sent,)), (last_without, without) = said
    assert (last, last_without, without) == ("plan_thanks", "promise_thanks", [])
    slots = {name: sent.slots[name] for name in ("plan_count", "plan_amount", "plan_last")}
    assert slots == {"plan_count": 6, "plan_amount": Money(20600, "USD"), "plan_last": Money(20450, "USD")}


def test_who_may_not_be_written_to_hears_something_else(reminder_text: str) -> None:
    otherwise = (
        ONE.replace("not_possible: thanked", "not_possible: sorry")
        + "\n  sorry:          {end: promise_full}"
    )
    made = promised(call(after_promise(reminder_text, otherwise), {}))
    assert ordered(made) == []
    assert ("text_not_possible", "agreed") in made.notes
    assert "promise_thanks" not in made.prompts
    assert made.ending is Disposition.PROMISE_FULL


@pytest.mark.parametrize("tells_debt", [True, False])
def test_before_anybody_is_verified_only_what_anybody_may_read(reminder_text: str, tells_debt: bool) -> None:
    """The machine keeps to it by itself, whatever checks a flow came through."""
    opening = next(
        line for line in reminder_text.splitlines() if line.startswith("  opening:") and "{say" in line
    )
    flow = with_nodes(
        reminder_text,
        ("start: opening", "start: before"),
        (opening, f"  before:         {{sms: hours, next: opening}}\n{opening}"),
    )
    made = call(flow, {"hours": tells_debt})
    assert [text.debt_permitted for text in ordered(made)] == ([] if tells_debt else [False])
    assert made.prompts == ["opening"]


def test_a_gate_that_says_no_keeps_the_debt_out_of_writing_too(reminder_text: str) -> None:
    verified = "passed: remind"
    flow = with_nodes(
        reminder_text,
        (verified, "passed: before"),
        ("  promised:       {say:", "  before:         {sms: agreed, next: remind}\n  promised:       {say:"),
    )
    made = call(flow, {"agreed": True}, gate=False)
    made.press("1").press("0917").hear_out()
    assert ordered(made) == []


def test_each_text_goes_once_and_a_call_sends_few(reminder_text: str) -> None:
    names = [f"t{n}" for n in range(MAX_TEXTS + 2)]
    chain = [*names[:1], *names]
    nodes = [
        f"  n{place}:  {{sms: {name}, next: {f'n{place + 1}' if place + 1 < len(chain) else 'thanked'}}}"
        for place, name in enumerate(chain)
    ]
    nodes[0] = nodes[0].replace("  n0:", "  promised:")
    made = promised(call(after_promise(reminder_text, "\n".join(nodes)), dict.fromkeys(names, False)))
    assert [text.text for text in ordered(made)] == names[:MAX_TEXTS]


def test_a_flow_that_cannot_end_by_it_is_refused(reminder_text: str) -> None:
    with pytest.raises(FlowRefusedError, match="no such node"):
        after_promise(reminder_text, ONE.replace("next: thanked", "next: nowhere"))
    with pytest.raises(FlowRefusedError, match="for ever"):
        after_promise(reminder_text, ONE.replace("next: thanked", "next: promised"))


def test_who_calls_in_has_no_campaign_and_gets_no_text(reminder_text: str) -> None:
    problems = inbound_problems(after_promise(reminder_text, ONE))
    assert any("texts belong to a campaign" in problem.message for problem in problems)


def test_a_rehearsal_tells_what_it_would_send(reminder_text: str) -> None:
    flow = after_promise(reminder_text, ONE)
    contact = flow.check_vars(VARS["en"], "en")
    stage = Stage(flow, contact, today=TODAY)
    for keys in PROMISE:
        stage.hear_out()
        stage.press(keys)
    stage.run_out_of_patience()
    assert stage.kept.texts == ["agreed"]


@pytest.mark.parametrize(
    ("decided", "suppressed", "human", "n_texts"),
    [
        (Disposition.PROMISE_FULL, (), True, 1),
        (Disposition.NO_DECISION, (), True, 1),
        (Disposition.OPT_OUT, ("person",), True, 0),
        (Disposition.WRONG_NUMBER, (), True, 0),
        (Disposition.PROMISE_FULL, (), False, 0),
    ],
)
def test_nothing_is_sent_to_who_wants_no_more_or_was_nobody(
    decided: Disposition, suppressed: tuple[str, ...], human: bool, n_texts: int
) -> None:
    wanted = TextWanted(text="agreed", language="en", slots={}, may_tell_debt=True)
    log = CallLog(
        ended=Ended(at_s=0, kind=EndKind.RELEASED_BY_US), answered=True, human_heard=human, verified=True,
        decided=decided, suppressed=suppressed, texts=(wanted,),
    )  # fmt: skip
    assert len(conclude(log).texts) == n_texts
