"""Flows and callees drawn at random: what loads never tells a stranger of the debt, and always comes to an end."""

import random
from datetime import date, time, timedelta
from fractions import Fraction
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.dialogue import loader
from firmware.dialogue.actions import Action, AskDebtPermission, Captured, End, Note, Say, SendText, Suppress
from firmware.dialogue.checks import check_flow
from firmware.dialogue.errors import FlowRefusedError
from firmware.dialogue.events import (
    CalleeHungUp,
    DebtPermitted,
    DialogueEvent,
    Digit,
    HandOverEnded,
    Intent,
    MachineHeard,
    PromptFinished,
    SpeechEnded,
    SpeechStarted,
    TimePassed,
    Utterance,
)
from firmware.dialogue.flow import Flow
from firmware.dialogue.intents import INTENTS
from firmware.dialogue.machine import Dialogue
from firmware.dialogue.nodes import Node
from firmware.dialogue.slots import AmountMention, DayMention, DayProblem, Slots, TimeMention
from firmware.values import Disposition

SECRET = "0917"
DEBT_WORDS = (
    "thousand",
    "dollars",
    "friendly reminder",
    "the first of December",
    "美元",
    "温馨提醒",
    "十二月一号",
)
VARS = {
    "creditor": "Riverside Bank",
    "lane": "a",
    "amount_due": {"minor": 500000, "currency": "USD"},
    "due_date": "2026-12-01",
    "least": {"minor": 50000, "currency": "USD"},
    "most": 6,
    "last4": SECRET,
}
PROMPTS = {
    "notice": {
        "role": ["identity", "automated", "recording"],
        "en": "Automated assistant of {creditor}, recorded.",
        "zh-CN": "{creditor}的智能语音助手，会录音。",
    },
    "plain": {"en": "Please press a key.", "zh-CN": "请按键。"},
    "debt": {
        "role": ["debt"],
        "en": "A friendly reminder: {amount_due} on {due_date}.",
        "zh-CN": "温馨提醒：{amount_due}，{due_date}。",
    },
    "read_back": {"en": "You said {promise_date}.", "zh-CN": "您说{promise_date}。"},
    "date": {"en": "Which day?", "zh-CN": "哪一天？"},
    "amount": {"role": ["debt"], "en": "How much?", "zh-CN": "多少？"},
    "offer": {
        "en": "{plan_count} times {plan_amount} from {plan_first}?",
        "zh-CN": "{plan_count}次，每次{plan_amount}，{plan_first}起？",
    },
    "remember": {"role": ["debt"], "en": "Last time it was {last_time}.", "zh-CN": "上次说的是{last_time}。"},
    "when": {"en": "When may we ring?", "zh-CN": "什么时候方便？"},
    "when_back": {"en": "We ring on {ring_at}?", "zh-CN": "{ring_at}打给您？"},
    "mark": {"en": "How was it?", "zh-CN": "打几分？"},
    "wait": {"en": "One moment.", "zh-CN": "请稍等。"},
    "key_in": {"en": "Your four digits?", "zh-CN": "后四位？"},
    "stopped": {"en": "We will not call again.", "zh-CN": "不再打了。"},
    "bye": {"en": "Goodbye.", "zh-CN": "再见。"},
}
WORDS = ("…", "嗯", "uh-huh", "slower please", "说英语", "in Chinese please", "4分", "he passed away", "yes")
Spec = dict[str, dict[str, Any]]


SEEDS = st.integers(0, 2**32)
"""Flows are drawn from a seed: hypothesis prefers small draws, and small flows have nothing to hide."""


def draw_spec(seed: int) -> Spec:
    """Nodes with mostly forward ways; debts mostly behind the verification, not always."""
    rng = random.Random(seed)
    count = rng.randint(5, 10)
    verify_at = rng.randint(1, 3)
    names = [f"n{index}" for index in range(count)]
    ends = ["end_other", "end_close"]
    spec: Spec = {
        "end_other": {"say": rng.choice(["bye", "plain", "notice"]), "end": "third_party"},
        "end_close": {"end": "no_decision"},
    }

    careful = rng.randint(0, 3) > 0  # a careful author lets nobody go round the verification

    def target(index: int) -> str:
        later = names[index + 1 :]
        if careful and index < verify_at:
            later = names[index + 1 : verify_at + 1]
        backwards = rng.randint(0, 29) == 0
        return rng.choice(names if backwards else later * 3 + ends)

    for index, name in enumerate(names):
        usual = "debt" if index > verify_at else "plain"
        prompt = rng.choice([usual] * (40 if careful else 12) + ["debt", "plain", "notice"])
        if index == 0 and rng.randint(0, 29):
            node: dict[str, Any] = {"say": "notice", "next": target(index)}
        elif index == verify_at:
            node = {
                "verify": {"var": "last4", "by": rng.choice(["dtmf", "any"]), "tries": 2},
                "say": "key_in",
            }
            node |= {
                "passed": (names[index + 1 :] or ends)[0] if careful else target(index),
                "failed": rng.choice(ends) if careful else target(index),
            }
        else:
            kinds = [
                "say",
                "say",
                "ask",
                "ask",
                "choose",
                "capture",
                "callback",
                "rating",
                "transfer",
                "language",
                "sms",
            ]
            later = ["promise", "verify", "plan", "amount", "remember", "promise", "plan"]
            kind = rng.choice(kinds if careful and index < verify_at else kinds + later * 2)
            if kind == "say":
                node = {
                    "say": prompt,
                    "next": target(index),
                    "barge_in": rng.choice(["none", "dtmf"]),
                }
            elif kind == "ask":
                node = {
                    "ask": prompt,
                    "expect": {"dtmf 1": target(index), "dtmf 2": target(index), "affirm": target(index)},
                }
                node["silence"] = {"reprompt": rng.randint(0, 2), "then": target(index)}
                node["no_match"] = {"reprompt": rng.randint(0, 2), "then": target(index)}
            elif kind == "choose":
                node = {"choose": "lane", "when": {"a": target(index)}, "else": target(index)}
            elif kind == "capture":
                node = {"capture": "date", "into": "day", "say": "date", "tries": 2}
                node |= {"next": target(index), "failed": target(index)}
            elif kind == "promise":
                node = {
                    "capture": "promise",
                    "due": "tomorrow",
                    "read_back": "read_back",
                    "confirmed": target(index),
                }
                node |= {"rejected": target(index), "failed": target(index)}
            elif kind == "amount":
                node = {"capture": "amount", "into": "part", "at_most": "amount_due", "at_least": "least"}
                node |= {"say": "amount", "tries": 2, "next": target(index), "failed": target(index)}
            elif kind == "callback":
                node = {"capture": "callback", "into": "ring_at", "say": "when", "tries": 2}
                node |= {"read_back": "when_back", "rejected": target(index)}
                if rng.random() < 0.5:
                    node["offers"] = {"dtmf 1": "tomorrow 10:00", "dtmf 2": "today 15:30"}
                node |= {"next": target(index), "failed": target(index)}
            elif kind == "rating":
                node = {"capture": "rating", "into": "mark", "keep": "mark", "say": "mark", "tries": 2}
                node |= {"next": target(index), "failed": target(index)}
            elif kind == "transfer":
                node = {"transfer": "drawn", "say": "wait", "unavailable": target(index)}
            elif kind == "sms":
                node = {"sms": rng.choice(["owed", "hours"]), "next": target(index)}
                node |= {"not_possible": target(index)}
            elif kind == "language":
                node = {
                    "language": rng.choice(["en", "zh-CN"]),
                    "next": target(index),
                    "not_possible": target(index),
                }
            elif kind == "plan":
                node = {"plan": "amount_due", "offers": [2, 4, 9], "most": "most", "least": "least"}
                node |= {
                    "first": rng.choice(["tomorrow", "coming_friday"]),
                    "say": "offer",
                    "read_back": "offer",
                }
                node |= {key: target(index) for key in ("confirmed", "declined", "failed", "not_possible")}
            elif kind == "remember":
                known = f"{name}_known"
                node = {"choose": "last_time", "when": {"known": known}, "else": target(index)}
                spec[known] = {"say": "remember", "next": target(index)}
            else:
                by = rng.choice(["dtmf", "any"])
                node = {"verify": {"var": "last4", "by": by, "tries": 1}, "say": "key_in"}
                node |= {"passed": target(index), "failed": target(index)}
        if rng.randint(0, 7) == 0:
            node["limit"] = {"visits": rng.randint(1, 2), "then": target(index)}
        spec[name] = node
    return {name: node for name, node in spec.items() if name in reached(spec)}


def ways(node: dict[str, Any]) -> list[tuple[str, bool]]:
    """Every way out of a node as drawn, and whether it is the passed way of a verification."""
    out = [
        (node[key], key == "passed")
        for key in (
            *("next", "passed", "failed", "confirmed", "rejected", "else"),
            *("unavailable", "not_possible", "declined"),
        )
        if key in node
    ]
    out += [(target, False) for key in ("expect", "when") for target in node.get(key, {}).values()]
    out += [(node[key]["then"], False) for key in ("silence", "no_match", "limit") if key in node]
    return out


def reached(spec: Spec) -> set[str]:
    seen, waiting = {"n0", "end_close", "end_other"}, ["n0"]
    while waiting:
        for target, _ in ways(spec[waiting.pop()]):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def text_of(spec: Spec) -> str:
    return yaml.dump(
        {
            "flow": "drawn",
            "version": 1,
            "languages": ["en", "zh-CN"],
            "vars": {
                "creditor": {"type": "text"},
                "lane": {"type": "text"},
                "amount_due": {"type": "money", "debt": "true"},
                "due_date": {"type": "date", "debt": "true"},
                "least": {"type": "money", "debt": "true"},
                "most": {"type": "number", "debt": "true"},
                "last_time": {"type": "date", "debt": "true", "optional": "true"},
                "last4": {"type": "digits", "length": 4, "secret": "true"},
            },
            "prompts": {
                name: prompt
                for name, prompt in PROMPTS.items()
                if name != "when_back" or any(name in node.values() for node in spec.values())
            },
            "start": "n0",
            "neutral": "bye",
            "nodes": spec,
            "anytime": {
                "opt_out": {"suppress": "person", "say": "stopped", "end": "opt_out"},
                "want_human": "end_close",
                "who_are_you": {"say": "notice", "resume": "true"},
                "other_language": {"switch": "true"},
                "slower": {"repeat": "true"},
                "vulnerable": "end_other",
            },
        },
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        sort_keys=False,
    )


def load(spec: Spec) -> Flow | None:
    try:
        return loader.load_flow(text_of(spec))
    except FlowRefusedError:
        return None


def load_unchecked(spec: Spec) -> Flow:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, "check_flow", lambda flow, demands: [])
        return loader.load_flow(text_of(spec))


class Stranger:
    """A callee who does anything at all, and an auditor who knows nothing of the machine's inside."""

    def __init__(self, flow: Flow, seed: int, *, is_checked: bool = True) -> None:
        self.random = random.Random(seed)
        self.is_checked = is_checked
        self.obliging = self.random.choice([0.2, 0.8, 0.95])
        known = {"last_time": "2026-12-02"} if self.random.random() < 0.5 else {}
        contact = flow.check_vars(VARS | known, "en")
        self.dialogue = Dialogue(
            flow,
            contact,
            language="en",
            today=date(2026, 12, 7),
            promise_max_days=3,
            understands=self.random.random() < 0.7,
            local_time=self.random.choice([None, time(9, 30), time(19)]),
            can_hand_over=self.random.random() < 0.5,
            texts={"owed": True, "hours": False},
        )
        self.phrases = self.dialogue.phrases()
        self.now_s = 0.0
        self.keyed = ""
        self.asked = self.allowed = self.noticed = False
        self.saying: Say | None = None
        self.actions: list[Action] = []
        self.take(self.dialogue.start(0.0))

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            assert not any(isinstance(earlier, End) for earlier in self.actions), "nothing may follow the end"
            self.actions.append(action)
            if isinstance(action, AskDebtPermission):
                assert SECRET in self.keyed, "asked to speak of the debt without the secret"
                assert not self.asked, "asked twice without need"
                self.asked = True
            if isinstance(action, Say):
                self.saying = action
                assert set(action.phrases) <= self.phrases
                tells = any(word in phrase for word in DEBT_WORDS for phrase in action.phrases)
                assert not tells or action.speaks_debt
                if self.is_checked and action.prompt not in ("notice", "stopped", "bye"):
                    assert self.noticed, "substance before who calls, and that it is a machine"
                if action.speaks_debt:
                    assert self.asked, "a word of the debt before verification"
                    assert self.allowed, "a word of the debt against the gate"
            if isinstance(action, SendText) and action.text == "owed":
                assert self.allowed, "a word of the debt in writing before verification and the gate"
            if isinstance(action, End) and action.disposition is Disposition.OPT_OUT:
                assert any(
                    isinstance(earlier, Suppress) and earlier.scope == "person" for earlier in self.actions
                )

    def does(self, event: DialogueEvent) -> None:
        if isinstance(event, PromptFinished):
            self.noticed |= not event.interrupted and event.prompt == "notice"
            self.saying = None
        if isinstance(event, Utterance):
            self.keyed += event.slots.digits or ""
        if isinstance(event, DebtPermitted) and self.asked:
            self.allowed = self.allowed or event.allowed
        if isinstance(event, Digit):
            self.keyed += event.digit
        self.take(self.dialogue.on(event, self.now_s))

    def obliges(self) -> None:
        """Do what a patient person with the right papers would do next."""
        said = [action for action in self.actions if isinstance(action, Say)]
        if isinstance(self.actions[-1], AskDebtPermission):
            self.does(DebtPermitted(allowed=True, rule="drawn"))
        elif self.saying is not None:
            self.does(PromptFinished(prompt=self.saying.prompt, interrupted=False, say_id=self.saying.say_id))
        elif said:
            answers = {"key_in": SECRET, "date": "1209", "amount": "600#"}
            answer = answers.get(said[-1].prompt, "1")
            if said[-1].prompt == "when" and self.random.random() < 0.5:
                answer = "120815"
            if answer == SECRET and self.random.random() < 0.3:
                self.does(Utterance(text="…", intents=(), slots=Slots(digits=SECRET)))
                return
            for digit in answer:
                self.does(Digit(digit=digit))

    def slots(self) -> Slots:
        """Whatever an utterance may name, and often nothing."""
        rng, mention = self.random, self.random.random
        day = DayMention(text="", day=date(2026, 12, 7) + timedelta(days=rng.randint(-3, 20)))
        amount = AmountMention(text="", minor=rng.choice([0, 100, 50_000, 60_000, 500_000, 10**9]))
        return Slots(
            days=(day,)
            if mention() < 0.3
            else (DayMention(text="", problem=DayProblem.VAGUE),) * (mention() < 0.1),
            times=(TimeMention(text="", begin=time(rng.randint(0, 23))),) * (mention() < 0.2),
            amounts=(amount,)
            if mention() < 0.2
            else (AmountMention(text="", share=Fraction(1, 2)),) * (mention() < 0.1),
            digits=rng.choice([SECRET, "1111", "1", "5", "13800138000"]) if mention() < 0.25 else None,
            is_yes=rng.choice([True, False]) if mention() < 0.3 else None,
        )

    def does_something(self) -> None:
        self.now_s += self.random.uniform(0.0, 2.0)
        if self.random.random() < self.obliging:
            self.obliges()
            return
        dice = self.random.random()
        if self.saying is not None and dice < 0.4:
            interrupted = self.random.random() < 0.15
            self.does(
                PromptFinished(prompt=self.saying.prompt, interrupted=interrupted, say_id=self.saying.say_id)
            )
        elif dice < 0.65:
            for digit in self.random.choice(
                ["1", "2", "1", "2", "1", "2", SECRET, SECRET, SECRET, "1209", "0", "*", "#", "7"]
            ):
                self.does(Digit(digit=digit))
        elif dice < 0.72:
            self.does(SpeechStarted())
        elif dice < 0.79:
            self.does(SpeechEnded(duration_ms=self.random.randint(50, 3000)))
        elif dice < 0.84:
            intents = tuple(
                Intent(name=name, confidence=self.random.random())
                for name in self.random.sample(sorted(INTENTS), 3)
            )
            self.does(Utterance(text=self.random.choice(WORDS), intents=intents, slots=self.slots()))
        elif dice < 0.95:
            self.does(DebtPermitted(allowed=self.random.random() < 0.85, rule="drawn"))
        elif dice < 0.99:
            deadline_s = self.dialogue.next_deadline_s
            self.now_s = max(self.now_s, deadline_s or 0.0)
            self.does(TimePassed())
        elif dice < 0.995:
            self.does(MachineHeard(kind=self.random.choice(["beep", "greeting"])))
        elif dice < 0.998:
            self.does(HandOverEnded(connected=self.random.random() < 0.5, reason="drawn"))
        else:
            self.does(CalleeHungUp())

    def waits_for_the_end(self) -> None:
        """From here on only prompts end and time passes."""
        for _ in range(600):
            if any(isinstance(action, End) for action in self.actions):
                return
            if self.saying is not None:
                self.now_s += 3.0
                self.does(
                    PromptFinished(prompt=self.saying.prompt, interrupted=False, say_id=self.saying.say_id)
                )
            else:
                deadline_s = self.dialogue.next_deadline_s
                assert deadline_s is not None, "waits for nothing, and for ever"
                self.now_s = max(self.now_s, deadline_s)
                self.does(TimePassed())
        raise AssertionError("goes on and on")

    @property
    def faults(self) -> list[str]:
        notes = (action for action in self.actions if isinstance(action, Note))
        return [note.detail for note in notes if note.kind == "fault" and note.detail != "notice_not_said"]


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_what_loads_is_safe_ends_and_never_needs_the_vault(seed: int) -> None:
    flow = load(draw_spec(seed))
    if flow is None:
        return
    for again in range(3):
        stranger = Stranger(flow, seed + again)
        for _ in range(30):
            stranger.does_something()
        stranger.waits_for_the_end()
        assert stranger.faults == [], "the checks let something through that the machine had to stop"


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_the_machine_tells_no_stranger_even_with_the_checks_taken_out(seed: int) -> None:
    flow = load_unchecked(draw_spec(seed))
    for again in range(3):
        stranger = Stranger(flow, seed + again, is_checked=False)
        for _ in range(30):
            stranger.does_something()
        stranger.waits_for_the_end()


def tells_a_stranger(spec: Spec) -> bool:
    """The checker's question, answered the long way: walk every way through the drawn nodes."""
    seen: set[tuple[str, bool]] = set()
    waiting = [("n0", False)]
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        name, verified = here
        node = spec[name]
        if not verified and (
            {"debt", "remember"} & {node.get("say"), node.get("ask")}
            or node.get("capture") in ("promise", "amount")
            or "plan" in node
            or node.get("choose") == "last_time"
        ):
            return True
        waiting += [(target, verified or passed) for target, passed in ways(node)]
    return False


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_check_1_refuses_exactly_what_would_tell_a_stranger(seed: int) -> None:
    spec = draw_spec(seed)
    flow = load_unchecked(spec)
    problems = check_flow(flow)
    if any("go on for ever" in problem.message for problem in problems):
        return  # ways are only proved once loops are gone; the flow is refused all the same
    assert any(problem.check == "check 1" for problem in problems) == tells_a_stranger(spec)


def test_the_draws_are_worth_something() -> None:
    """Enough drawn flows load, some of them speak of the debt, and strangers get that far."""
    flows = [flow for seed in range(60) if (flow := load(draw_spec(seed))) is not None]
    assert len(flows) >= 15
    told = promised = 0
    for flow in flows:
        for seed in range(4):
            stranger = Stranger(flow, seed)
            for _ in range(40):
                stranger.does_something()
            told += any(isinstance(action, Say) and action.speaks_debt for action in stranger.actions)
            promised += any(isinstance(action, Captured) for action in stranger.actions)
    assert told >= 20
    assert promised >= 5
    kinds = {type(node).__name__ for flow in flows for node in flow.nodes.values()}
    assert kinds == {kind.__name__ for kind in get_args(Node)} - {"MessageNode"}, (
        "every kind of node is drawn"
    )


def test_every_kind_of_event_is_drawn() -> None:
    events: set[object] = {
        Digit,
        SpeechStarted,
        SpeechEnded,
        Utterance,
        PromptFinished,
        TimePassed,
        MachineHeard,
        CalleeHungUp,
    }
    events |= {DebtPermitted, HandOverEnded}
    assert events == set(get_args(DialogueEvent))
