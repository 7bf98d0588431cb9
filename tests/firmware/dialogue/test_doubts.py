"""What must not be missed is asked about when it is not sure: in every question of every conversation that ships."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, time
from functools import cache
from pathlib import Path

import pytest
import yaml

from firmware.dialogue.doubts import DOUBTED, MAX_DOUBTS, acted_on_from, doubtful, question
from firmware.dialogue.errors import FlowRefusedError
from firmware.dialogue.events import Digit, Intent, SpeechEnded, SpeechStarted, Utterance
from firmware.dialogue.flow import Flow
from firmware.dialogue.intents import DOUBT_FROM
from firmware.dialogue.loader import load_flow
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.nodes import AskNode, VerifyNode
from firmware.dialogue.slots import Asked, DayMention, Slots
from firmware.values import Disposition
from tests.firmware.dialogue.conftest import ROOT, Call, MakeCall

SHIPPED = sorted(
    path for path in (ROOT / "examples").rglob("*.yaml") if "\nnodes:" in path.read_text(encoding="utf-8")
)
FLOWS = {path: load_flow(path.read_text(encoding="utf-8"), source=path.name) for path in SHIPPED}


def says(call: Call, meant: Mapping[str, float], text: str = "…", **slots: object) -> Call:
    call.hear_out().happens(SpeechStarted()).happens(SpeechEnded(duration_ms=900))
    intents = tuple(Intent(name=name, confidence=sure) for name, sure in meant.items())
    return call.happens(Utterance(text=text, intents=intents, slots=Slots(**slots)))  # type: ignore[arg-type]


QUESTIONS = [
    (path, node.id)
    for path, flow in FLOWS.items()
    for node in flow.nodes.values()
    if isinstance(node, AskNode)
]


@cache
def rendered(path: Path, language: str) -> frozenset[str]:
    return dialogue_of(FLOWS[path], values_of(path, language), language).phrases()


@cache
def values_of(path: Path, language: str) -> Mapping[str, object]:
    script = yaml.safe_load(path.with_suffix(".test.yaml").read_text(encoding="utf-8"))
    values: Mapping[str, object] = script["vars"][language]
    return values


def dialogue_of(flow: Flow, values: Mapping[str, object], language: str) -> Dialogue:
    return Dialogue(
        flow,
        flow.check_vars(values, language),
        language=language,
        today=date(2026, 12, 7),
        promise_max_days=30,
        understands=True,
        local_time=time(10),
    )


def at(path: Path, asked: str, language: str) -> Call:
    """Return a call in which that question of a flow is the first, or the first after the digits were right."""
    flow = FLOWS[path]
    node = flow.nodes[asked]
    assert isinstance(node, AskNode)
    values = values_of(path, language)
    nodes, start = dict(flow.nodes), asked
    if node.prompt in flow.debt_prompts:
        verify = next(one for one in nodes.values() if isinstance(one, VerifyNode))
        nodes[verify.id], start = replace(verify, passed=asked), verify.id
    short = replace(flow, nodes=nodes, start=start)
    call = Call(dialogue_of(short, values, language), rendered=rendered(path, language))
    if start != asked:
        assert isinstance(verify, VerifyNode)
        call.press(str(values[verify.var]))
    assert call.hear_out().dialogue.asking == asked
    return call


@pytest.mark.parametrize(("path", "asked"), QUESTIONS, ids=lambda value: getattr(value, "stem", value))
def test_every_question_of_a_shipped_flow_asks_back(path: Path, asked: str) -> None:
    flow = FLOWS[path]
    node = flow.nodes[asked]
    assert isinstance(node, AskNode)
    for name in DOUBTED:
        if name not in flow.anytime and name not in node.intents:
            continue
        for language, sure in zip(flow.languages, (DOUBT_FROM, acted_on_from(name) - 0.01), strict=False):
            call = says(at(path, asked, language), {name: sure})
            assert call.prompts[-1] == question(name)
            assert call.dialogue.asked is Asked.CONFIRM
            moved = says(call, {"affirm": 0.95})
            surely = says(at(path, asked, language), {name: 0.95})
            assert moved.prompts[-1] == surely.prompts[-1], "a yes does what surely meaning it does"
            assert moved.suppressed == surely.suppressed
            assert name != "opt_out" or moved.hear_out().ending is Disposition.OPT_OUT


@pytest.mark.parametrize("flow", FLOWS.values(), ids=lambda flow: flow.name)
def test_a_flow_always_hears_that_somebody_wants_no_calls_or_a_person(flow: Flow) -> None:
    assert {"opt_out", "want_human"} <= flow.anytime.keys()
    assert all(set(flow.prompts[question(name)].texts) == set(flow.languages) for name in DOUBTED)


def test_a_no_takes_up_what_was_said_besides(make_call: MakeCall) -> None:
    call = says(make_call(understands=True), {"confirm_identity": 0.9, "wrong_number": 0.4})
    assert call.prompts[-1] == "sure_wrong_number"
    assert says(call, {"deny": 0.95}).prompts[-1] == "ask_last4", "it was they, and the digits are next"


def test_a_day_named_beside_a_doubt_is_not_asked_for_again(make_call: MakeCall) -> None:
    call = make_call(understands=True).press("10917").hear_out()
    day = DayMention(text="…", day=date(2026, 12, 15))
    says(call, {"promise_to_pay": 0.9, "opt_out": 0.35}, days=(day,))
    assert call.prompts[-1] == "sure_opt_out"
    assert call.press("2").prompts[-1] == "read_back"


def test_more_said_with_the_no_is_the_answer(make_call: MakeCall) -> None:
    call = says(make_call(understands=True).press("10917"), {"opt_out": 0.3})
    assert says(call, {"deny": 0.75, "already_paid": 0.9}).prompts[-1] == "paid_thanks"


@pytest.mark.parametrize("key", ["1", "2", "9", "0"])
def test_a_doubt_is_settled_by_keys_alone(make_call: MakeCall, key: str) -> None:
    call = says(make_call(understands=True), {"opt_out": 0.4}).hear_out().happens(Digit(digit=key)).hear_out()
    stops, person = Disposition.OPT_OUT, Disposition.HUMAN_UNAVAILABLE
    assert call.ending == {"1": stops, "2": None, "9": stops, "0": person}[key]
    assert key != "2" or call.prompts[-1] == "ask_person_by_keys", "the question is open again"


def test_a_yes_over_the_question_agrees_to_nothing(make_call: MakeCall) -> None:
    call = says(make_call(understands=True), {"opt_out": 0.3})
    yes = Utterance(text="yes", intents=(Intent(name="affirm", confidence=0.95),), slots=Slots(is_yes=True))
    call.happens(SpeechStarted()).happens(SpeechEnded(duration_ms=400)).happens(yes)
    assert call.ending is None
    assert call.prompts[-1] == "sure_opt_out"
    assert says(call, {"affirm": 0.95}).hear_out().ending is Disposition.OPT_OUT


def test_who_says_it_twice_in_doubt_has_said_it(make_call: MakeCall) -> None:
    call = says(says(make_call(understands=True), {"opt_out": 0.3}), {"opt_out": 0.25})
    assert call.hear_out().ending is Disposition.OPT_OUT


def test_silence_is_asked_once_more_and_then_the_question_goes_on(make_call: MakeCall) -> None:
    call = says(make_call(understands=True), {"want_human": 0.4}).wait().wait()
    assert call.prompts[-3:] == ["sure_want_human", "sure_want_human", "ask_person_by_keys"]


def test_a_doubt_is_asked_about_once_and_few_are(make_call: MakeCall) -> None:
    call = make_call(understands=True)
    for _ in range(3):
        says(call, {"opt_out": 0.3})
        if call.prompts[-1] == "sure_opt_out":
            call.press("2")
    assert call.prompts.count("sure_opt_out") == 1
    assert len(DOUBTED) > MAX_DOUBTS


@pytest.mark.parametrize(
    ("meant", "asked_about"),
    [
        ({"opt_out": 0.14}, None),
        ({"opt_out": 0.15}, "opt_out"),
        ({"opt_out": 0.5}, None),
        ({"opt_out": 0.25, "promise_to_pay": 0.9}, None),
        ({"opt_out": 0.3, "promise_to_pay": 0.9}, "opt_out"),
        ({"dispute": 0.69}, "dispute"),
        ({"dispute": 0.7}, None),
        ({"opt_out": 0.25, "dispute": 0.6}, "dispute"),
        ({"hardship": 0.5}, None),
    ],
)
def test_when_it_is_asked(meant: dict[str, float], asked_about: str | None) -> None:
    assert doubtful(meant, DOUBTED) == asked_about
    assert doubtful(meant, ()) is None


def test_a_flow_may_ask_in_its_own_words_but_not_of_the_debt(reminder_text: str) -> None:
    own = (
        '  sure_opt_out:\n    zh-CN: "那以后就不给您来电了，是吗？"\n    en: "Shall we not ring you again?"\n'
    )
    flow = load_flow(reminder_text.replace("prompts:\n", f"prompts:\n{own}", 1))
    assert flow.prompts["sure_opt_out"].texts["en"].source == "Shall we not ring you again?"
    with pytest.raises(FlowRefusedError, match=r"sure_opt_out.*it asks back at any time"):
        load_flow(
            reminder_text.replace(
                "prompts:\n", f"prompts:\n{own.replace('ring you', 'claim {amount_due}')}", 1
            )
        )
