"""What the present question expects: a hint for whoever recognises and understands the answer."""

from collections.abc import Iterable, Mapping

from firmware.dialogue.capture_steps import ConfirmStep, KeyStep, OfferStep
from firmware.dialogue.digit_names import ALSO_EN, EN, ZH
from firmware.dialogue.doubts import DoubtStep
from firmware.dialogue.nodes import AskNode, CaptureKind, CaptureNode, Node, VerifyNode
from firmware.dialogue.slots import Asked
from firmware.dialogue.steps import AskStep, Step

_OF_CAPTURE = {
    CaptureKind.DATE: Asked.DATE,
    CaptureKind.AMOUNT: Asked.AMOUNT,
    CaptureKind.DIGITS: Asked.DIGITS,
    CaptureKind.CALLBACK: Asked.CALLBACK_TIME,
    CaptureKind.RATING: Asked.SATISFACTION,
}
_YES_NO = ("affirm", "deny")
_DIGITS: Mapping[str, tuple[str, ...]] = {
    "zh": (*ZH, "幺"),
    "en": (*EN, *ALSO_EN),
}
_NUMBERS: Mapping[str, str | tuple[str, ...]] = {"zh": ZH, "en": EN}
_DAYS: Mapping[str, tuple[str, ...]] = {
    "zh": ("今天", "明天", "后天", "这周五", "下周一", "下周五", "月底", "下个月"),
    "en": ("today", "tomorrow", "the day after tomorrow", "this Friday", "next Monday", "next Friday", "next week"),
}  # fmt: skip
_TIMES: Mapping[str, tuple[str, ...]] = {
    "zh": ("上午", "中午", "下午", "晚上", "上午十点", "下午三点", "晚上七点"),
    "en": ("in the morning", "in the afternoon", "in the evening", "at ten", "at three in the afternoon"),
}
_AMOUNTS: Mapping[str, tuple[str, ...]] = {
    "zh": ("全部", "一半", "一百", "五百", "一千", "两千", "五千", "一万"),
    "en": ("all of it", "half of it", "one hundred", "five hundred", "one thousand", "two thousand"),
}
_MARKS: Mapping[str, tuple[str, ...]] = {
    "zh": ("非常满意", "满意", "一般", "不满意", "非常不满意"),
    "en": ("very satisfied", "satisfied", "so so", "not satisfied", "very dissatisfied"),
}
_BY_INTENT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "zh": {
        "confirm_identity": ("是我", "我是", "我就是", "是的我是", "嗯请讲", "本人"),
        "affirm": ("是", "是的", "对", "对的", "好", "好的", "可以", "行", "没问题", "没错"),
        "deny": ("不是", "不对", "不行", "不可以", "不要", "没有", "错了"),
        "wrong_number": ("打错了", "你打错了", "没有这个人", "不认识", "你找错人了"),
        "third_party": ("他不在", "她不在", "我是他家人", "他出去了", "我是他同事"),
        "promise_to_pay": ("我会还的", "明天还", "过两天还", "月底还", "发工资还"),
        "promise_part": ("先还一部分", "先还五百", "先还一半"),
        "morning": ("上午", "早上"),
        "afternoon": ("下午", "中午"),
        "evening": ("晚上", "下班以后"),
        "paying_now": ("现在就还", "我马上还", "我正在还", "现在就转"),
        "already_paid": ("已经还了", "我还过了", "昨天就还了", "早还清了"),
        "ask_installment": ("能分期吗", "可以分几期", "我想分期还", "能不能慢慢还"),
        "hardship": ("没钱", "我失业了", "实在还不起", "生病住院了", "手头紧"),
        "dispute": ("金额不对", "不是我借的", "我没借过", "这笔账有问题"),
        "refuse_to_pay": ("不还", "我不会还的", "没门", "不想还"),
        "callback_later": ("我现在忙", "晚点再打", "在开会", "过一会儿再打来"),
        "want_human": ("转人工", "人工", "找个真人", "我要人工客服"),
        "opt_out": ("别再打了", "不要再打来", "别给我打电话了"),
        "complaint": ("我要投诉", "投诉你们", "我去举报"),
        "who_are_you": ("你是谁", "你哪位", "你们是哪里", "什么公司"),
        "ask_details": ("多少钱", "欠多少", "什么时候到期", "怎么还"),
        "repeat": ("再说一遍", "没听清", "你说什么"),
        "vulnerable": ("不想活了", "我撑不住了", "我想死"),
        "slower": ("慢一点", "说慢点"),
        "other_language": ("说英语", "讲普通话"),
        "deceased": ("他去世了", "人已经不在了"),
        "minor": ("爸爸妈妈不在家", "我是小孩"),
        "has_lawyer": ("跟我律师谈", "找我的律师"),
    },
    "en": {
        "confirm_identity": ("speaking", "this is he", "this is she", "that's me", "yes it's me"),
        "affirm": ("yes", "yeah", "yes please", "that's right", "correct", "sure", "okay"),
        "deny": ("no", "nope", "that's wrong", "not right", "no thanks"),
        "wrong_number": ("wrong number", "you have the wrong number", "nobody by that name here"),
        "third_party": ("he's not here", "she's not in", "I'm his wife", "can I take a message"),
        "promise_to_pay": ("I will pay", "I'll pay tomorrow", "I can pay on Friday", "I'll pay next week"),
        "morning": ("in the morning", "mornings"),
        "afternoon": ("in the afternoon", "afternoons"),
        "evening": ("in the evening", "after work"),
        "promise_part": ("I can pay part of it", "I can pay half", "I could do two hundred"),
        "paying_now": ("I'm paying now", "I'll pay right now", "I'm doing it now"),
        "already_paid": ("I already paid", "I've paid that", "I paid yesterday", "it's been paid"),
        "ask_installment": ("can I pay in instalments", "can I split it", "a payment plan"),
        "hardship": ("I can't afford it", "I lost my job", "I'm in hospital", "I have no money"),
        "dispute": ("that's not my debt", "the amount is wrong", "I don't owe that", "I dispute it"),
        "refuse_to_pay": ("I won't pay", "I'm not paying", "I refuse"),
        "callback_later": ("call me later", "I'm busy", "I'm driving", "not a good time"),
        "want_human": ("a real person", "talk to someone", "an agent please", "representative"),
        "opt_out": ("stop calling me", "don't call again", "take me off your list"),
        "complaint": ("I want to complain", "make a complaint", "I'll report you"),
        "who_are_you": ("who is this", "who are you", "which company"),
        "ask_details": ("how much is it", "what is it for", "when is it due", "how do I pay"),
        "repeat": ("say that again", "pardon", "I didn't hear you"),
        "vulnerable": ("I want to die", "I can't go on", "I can't cope any more"),
        "slower": ("slower please", "slow down"),
        "other_language": ("in Chinese please", "speak English"),
        "deceased": ("he passed away", "she has died"),
        "minor": ("my parents are not home", "I'm a kid"),
        "has_lawyer": ("talk to my lawyer", "I have a lawyer"),
    },
}


def phrases_for(intent: str, language: str) -> tuple[str, ...]:
    """Return a few ways to say an intent."""
    return _BY_INTENT.get(language.partition("-")[0], {}).get(intent, ())


def asked_of(node: Node | None, step: Step | None) -> Asked:
    """Return what kind of answer a call at this node and step waits for."""
    match step:
        case ConfirmStep() | DoubtStep():
            return Asked.CONFIRM
        case OfferStep():
            return Asked.OFFER
        case AskStep() if isinstance(node, AskNode):
            return node.asked
        case KeyStep() if isinstance(node, CaptureNode):
            return _OF_CAPTURE[node.kind]
        case KeyStep() if isinstance(node, VerifyNode):
            return Asked.DIGITS
        case _:
            return Asked.NOTHING


def asking_node(node: Node | None, step: Step | None) -> str:
    """Return the name of the node whose question is open, "" while none is."""
    is_open = isinstance(step, AskStep | ConfirmStep | OfferStep | KeyStep)
    return node.id if node is not None and is_open else ""


def expected_of(
    node: Node | None, step: Step | None, anytime: Iterable[str], language: str
) -> tuple[str, ...]:
    """Return typical words for each answer the call may get now: those to the question, then those at any time."""
    primary = language.partition("-")[0]
    said: list[str] = []
    intents: list[str] = []
    match asked_of(node, step):
        case Asked.CONFIRM | Asked.OFFER:
            intents += _YES_NO
        case Asked.DIGITS:
            said += _DIGITS.get(primary, ())
        case Asked.DATE:
            said += _DAYS.get(primary, ())
        case Asked.AMOUNT:
            said += _AMOUNTS.get(primary, ())
        case Asked.CALLBACK_TIME:
            said += (*_DAYS.get(primary, ()), *_TIMES.get(primary, ()))
        case Asked.SATISFACTION:
            said += (*_MARKS.get(primary, ()), *_NUMBERS.get(primary, ())[1:6])
        case _:
            pass
    if isinstance(node, AskNode) and isinstance(step, AskStep):
        intents += node.intents
        said += [_NUMBERS[primary][int(key)] for key in node.keys if key.isdigit() and primary in _NUMBERS]
    words = _BY_INTENT.get(primary, {})
    for intent in (*intents, *anytime):
        said += words.get(intent, ())
    return tuple(dict.fromkeys(said))
