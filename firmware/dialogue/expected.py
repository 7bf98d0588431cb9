"""What the present question expects: a hint for whoever recognises and understands the answer."""

from collections.abc import Iterable, Mapping

from firmware.dialogue.flow import AskNode, CaptureKind, CaptureNode, Node, VerifyNode
from firmware.dialogue.slots import Asked
from firmware.dialogue.steps import AskStep, ConfirmStep, KeyStep, Step

_OF_CAPTURE = {
    CaptureKind.DATE: Asked.DATE,
    CaptureKind.AMOUNT: Asked.AMOUNT,
    CaptureKind.DIGITS: Asked.DIGITS,
}
_BY_INTENT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "zh": {
        "confirm_identity": ("是我", "我是", "我就是", "是的我是"),
        "affirm": ("是", "是的", "对", "对的", "好", "好的", "可以", "行"),
        "deny": ("不是", "不对", "不行", "不可以", "没有"),
        "wrong_number": ("打错了", "你打错了"),
        "third_party": ("他不在", "她不在"),
        "already_paid": ("已经还了", "我还过了"),
        "want_human": ("转人工", "人工"),
        "opt_out": ("别再打了", "不要再打了"),
        "who_are_you": ("你是谁", "你哪位"),
        "repeat": ("再说一遍", "没听清"),
    },
    "en": {
        "confirm_identity": ("speaking", "this is he", "this is she", "that's me"),
        "affirm": ("yes", "yeah", "that's right", "correct", "sure", "okay"),
        "deny": ("no", "nope", "that's wrong"),
        "wrong_number": ("wrong number", "you have the wrong number"),
        "third_party": ("he's not here", "she's not here"),
        "already_paid": ("I already paid", "I have paid that"),
        "want_human": ("a real person",),
        "opt_out": ("stop calling me", "don't call again"),
        "who_are_you": ("who is this", "who are you"),
        "repeat": ("say that again", "pardon"),
    },
}


def asked_of(node: Node | None, step: Step | None) -> Asked:
    """Return what kind of answer a call at this node and step waits for."""
    match step:
        case ConfirmStep():
            return Asked.CONFIRM
        case AskStep() if isinstance(node, AskNode):
            known = set(node.intents)
            if known & {"confirm_identity", "third_party", "wrong_number"}:
                return Asked.IDENTITY
            return Asked.ABILITY if known & {"promise_to_pay", "paying_now"} else Asked.NOTHING
        case KeyStep() if isinstance(node, CaptureNode):
            return _OF_CAPTURE[node.kind]
        case KeyStep() if isinstance(node, VerifyNode):
            return Asked.DIGITS
        case _:
            return Asked.NOTHING


def expected_of(
    node: Node | None, step: Step | None, anytime: Iterable[str], language: str
) -> tuple[str, ...]:
    """Return typical words for each answer the call may get now: those to the question, then those at any time."""
    intents: list[str] = []
    if asked_of(node, step) is Asked.CONFIRM:
        intents += ("affirm", "deny")
    if isinstance(node, AskNode) and isinstance(step, AskStep):
        intents += node.intents
    words = _BY_INTENT.get(language.partition("-")[0], {})
    said = [phrase for intent in (*intents, *anytime) for phrase in words.get(intent, ())]
    return tuple(dict.fromkeys(said))
