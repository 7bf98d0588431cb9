"""The flows that ship hold every conversation written beside them, in both languages, by keys alone and by voice alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from firmware.dialogue.endings import ENDINGS
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.dialogue.nodes import AskNode, ChooseNode, Resume, Target, VerifyNode
from firmware.rehearsal.loading import Understand, find_understander
from firmware.rehearsal.script_file import Conversation, Script, read_script
from firmware.rehearsal.scripted import perform
from firmware.values import Disposition

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SEEDS = (
    "before-due-reminder",
    "overdue-reminder",
    "repayment-negotiation",
    "details-check",
    "service-survey",
    "property-fee-reminder",
)
FLOWS: dict[str, Flow] = {}


def flow_of(name: str) -> Flow:
    if name not in FLOWS:
        FLOWS[name] = load_flow((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"), source=name)
    return FLOWS[name]


def script_of(name: str) -> Script:
    path = EXAMPLES / f"{name}.test.yaml"
    return read_script(path.read_text(encoding="utf-8"), source=path.name)


CONVERSATIONS = [
    pytest.param(seed, script, conversation, id=f"{seed}-{conversation.language}-{conversation.name}")
    for seed in (*SEEDS, "us/overdue-reminder", "inbound")
    for script in (script_of(seed),)
    for conversation in script.conversations
]


@pytest.fixture(scope="module")
def understand() -> Understand:
    found = find_understander()
    assert found is not None
    return found


@pytest.mark.parametrize(("seed", "script", "conversation"), CONVERSATIONS)
def test_the_conversation_goes_as_written(
    seed: str, script: Script, conversation: Conversation, understand: Understand
) -> None:
    """As `branchline flow test` plays it: words that stand there without a meaning are understood as in a call."""
    assert perform(flow_of(seed), script, conversation, understand).differences == ()


@pytest.mark.parametrize("seed", [*SEEDS, "us/overdue-reminder", "inbound"])
def test_the_words_alone_lead_there_too(seed: str, understand: Understand) -> None:
    """What a script says that its words mean is left out: the shipped understanding finds it in the words."""
    script, other_ways = script_of(seed), {}
    for conversation in script.conversations:
        spoken = any(deed.kind == "say" for deed in conversation.deeds)
        if not spoken or "nobody understands" in conversation.name:
            continue
        deeds = tuple(
            replace(deed, intents=(), slots=None) if deed.kind == "say" else deed
            for deed in conversation.deeds
        )
        played = perform(flow_of(seed), script, replace(conversation, deeds=deeds), understand)
        if played.differences:
            other_ways[conversation.name, conversation.language] = played.differences
    assert other_ways == {}


def is_by(conversation: Conversation, kind: str) -> bool:
    return bool(conversation.deeds) and all(deed.kind == kind for deed in conversation.deeds)


@pytest.mark.parametrize("kind", ["press", "say"])
@pytest.mark.parametrize("seed", SEEDS)
def test_its_aim_is_reached_by_keys_alone_and_by_voice_alone(seed: str, kind: str) -> None:
    aims = {
        Disposition.PROMISE_FULL,
        Disposition.COMPLETED,
    }
    for language in ("zh-CN", "en"):
        reached = {
            conversation.expects.disposition
            for conversation in script_of(seed).conversations
            if conversation.language == language and is_by(conversation, kind)
        }
        assert reached & aims


@pytest.mark.parametrize("seed", [*SEEDS, "us/overdue-reminder", "inbound"])
def test_every_question_may_be_answered_by_keys_alone_and_by_voice_alone(seed: str) -> None:
    for node in flow_of(seed).nodes.values():
        if isinstance(node, AskNode):
            assert node.keys, f"{node.id} by keys"
            assert set(node.intents) - {"callback_later"}, f"{node.id} by voice"
            by_key, by_voice = set(node.keys.values()), set(node.intents.values())
            assert by_key & by_voice, f"{node.id}: nowhere lead both"
        if isinstance(node, VerifyNode):
            assert node.by_speech, f"{node.id} takes digits that are said"


def test_between_them_they_come_to_every_ending_a_flow_may_have() -> None:
    ends = {case.values[2].expects.disposition for case in CONVERSATIONS}  # type: ignore[union-attr]
    assert ends >= ENDINGS - {Disposition.REFUSED_TO_IDENTIFY}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_person_and_a_place_to_complain_are_named(seed: str) -> None:
    flow = flow_of(seed)
    assert isinstance(flow.anytime["want_human"], Target)
    complaint = flow.anytime["complaint"]
    assert isinstance(complaint, Target)
    node = flow.nodes[complaint.node]
    ways = [*(way for _, way in node.when), node.otherwise] if isinstance(node, ChooseNode) else [node.id]
    for way in ways:
        prompt = flow.prompts[getattr(flow.nodes[way], "prompt", "")]
        assert "complaint_route" in prompt.roles
        assert all(
            word in prompt.texts[language].source
            for language, word in (("zh-CN", "拨打"), ("en", "complain"))
        )
    assert any("{complaint_line}" in prompt.texts["zh-CN"].source for prompt in flow.prompts.values())
    who = flow.anytime["who_are_you"]
    assert isinstance(who, Resume)


@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed != "overdue-reminder"])
def test_two_failures_lead_to_a_menu_that_names_the_key_for_a_person(seed: str) -> None:
    for node in flow_of(seed).nodes.values():
        if isinstance(node, AskNode) and node.no_match.reprompt == 2:
            assert node.no_match.menu is not None
            texts = flow_of(seed).prompts[node.no_match.menu].texts
            assert "请按0" in texts["zh-CN"].source
            assert "person" in texts["en"].source


@pytest.mark.parametrize("seed", SEEDS)
def test_no_wording_raises_its_voice(seed: str) -> None:
    for prompt in flow_of(seed).prompts.values():
        for language, template in prompt.texts.items():
            assert not any(
                word in template.source for word in ("必须", "务必", "立刻", "must ", "immediately", "!!")
            )
            if language == "zh-CN":
                assert "你" not in template.source.replace("谢谢你，那", ""), "callees are addressed as 您"
