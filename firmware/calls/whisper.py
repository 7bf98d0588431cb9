"""What an agent hears before a call is handed over to them, and what the console is told of it (pure).

Whoever answers an agent's telephone may be somebody else, or a machine that records: until the key is pressed the box
says nothing about the callee. After that it says who was called, whether they have shown who they are, and why they
want a person; never an amount, and nothing that the callee was asked to key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from audio.frame import Clip, clip_duration_ms
from firmware.dialogue.speaking import in_words, speak_day

_INVITATION = {
    "en": "A caller would like to speak to a colleague. Press 1 to take the call, 2 to decline.",
    "zh": "有来电需要人工接听。接听请按1，拒绝请按2。",
}
_VERIFIED = {"en": "Identity confirmed.", "zh": "身份已核实。"}
_NOT_VERIFIED = {
    "en": "Identity not confirmed: do not mention the debt.",
    "zh": "身份未核实，请勿提及欠款。",
}
_REASONS = {
    "en": {
        "want_human": "Asked for a person.",
        "asked": "Asked for a person.",
        "vulnerable": "May need special care.",
        "dispute": "Disputes the claim.",
        "hardship": "Reports hardship.",
        "complaint": "Has a complaint.",
        "unsolved": "The matter is not solved.",
    },
    "zh": {
        "want_human": "要求人工服务。",
        "asked": "要求人工服务。",
        "vulnerable": "可能需要特别照顾。",
        "dispute": "对账单有异议。",
        "hardship": "表示经济困难。",
        "complaint": "要投诉。",
        "unsolved": "问题尚未解决。",
    },
}
_PROMISED = {"en": "Promised to pay on {day}.", "zh": "已承诺{day}付款。"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """What is known of a callee who wants a person."""

    name: str = field(repr=False)
    """Who was called; empty where the flow knows no name."""
    reason: str
    """Why, in the flow's own word."""
    verified: bool
    language: str
    """The callee's."""
    promised: date | None = None
    """When they have agreed to pay, if they have in this call."""


def invitation(language: str) -> str:
    """Return what is said to whoever answers an agent's telephone."""
    spoken = _spoken(language)
    return in_words(_INVITATION[spoken], spoken)


def briefing_words(known: Briefing, language: str) -> list[str]:
    """Return what an agent who took the call may hear before the callee does: sentences, the weightiest first."""
    spoken = _spoken(language)
    reason = _REASONS[spoken].get(known.reason, _REASONS[spoken]["asked"])
    parts = [_VERIFIED[spoken] if known.verified else _NOT_VERIFIED[spoken]]
    if known.name:
        stop = "。" if spoken == "zh" else "."
        parts.append(f"{known.name}{stop}")
    parts.append(reason)
    if known.promised is not None and known.verified:
        parts.append(_PROMISED[spoken].format(day=speak_day(known.promised, spoken)))
    return [in_words(part, spoken) for part in parts]


def fitting(sentences: Sequence[Clip], most_s: float) -> list[Clip]:
    """Return the sentences that can be said whole in so long; the first, what must not be said, whatever it takes."""
    chosen, left_ms = list(sentences[:1]), most_s * 1000 - clip_duration_ms(sentences[:1])
    for sentence in sentences[1:]:
        takes_ms = clip_duration_ms([sentence])
        if takes_ms <= left_ms:
            chosen.append(sentence)
            left_ms -= takes_ms
    return chosen


def _spoken(language: str) -> str:
    """Return the language the box says it in: Chinese to who speaks it, else English."""
    return "zh" if language.partition("-")[0].lower() == "zh" else "en"
