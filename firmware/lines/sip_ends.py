"""Why a SIP call ended, in the words that a GSM call's end has.

A Reason header (RFC 3326) with a Q.850 cause is the exchange's own word and comes first. Without one the status is taken
for a cause as gateways do (RFC 3398 §8.2.6.1), except where the status says whose fault it was: 401, 402 and 407 are our
account's, 415, 488 and 606 our codecs', and 403 is no callee's refusal. What is done with a cause is done as for modems.
"""

import re
from dataclasses import dataclass

from audio.dsp.answer import AnswerClass
from audio.dsp.progress_tones import ProgressTone
from audio.dsp.sit import SitCode
from audio.events import AnswerClassified, AudioEvent, ProgressHeard, SitHeard
from firmware.lines.ends import END_KINDS
from firmware.lines.line import EndKind
from firmware.sip.wire import Over
from modem_drivers.at.causes import Evidence, classify, told_in_urc

_CAUSE = re.compile(r"Q\.850\s*;[^,]*?cause\s*=\s*\"?([0-9]{1,3})", re.IGNORECASE)
_CAUSES = {
    404: 1, 410: 22, 480: 18, 481: 41, 482: 25, 483: 25, 484: 28, 485: 1, 486: 17, 491: 41, 500: 41, 501: 79,
    502: 38, 503: 42, 504: 102, 505: 127, 513: 127, 580: 47, 600: 17, 603: 21, 604: 1, 607: 21, 608: 21,
}  # fmt: skip
"""RFC 3398 §8.2.6.1; 503 is a server that is overloaded (RFC 3261 §21.5.4), 607 and 608 are RFC 8197's and RFC 8688's."""
_ANY_SERVER_FAILURE = 41
"""Of a 5xx that no table has: what 500 is (RFC 3261 §8.1.3.2)."""
_OTHER_CAUSES = {
    2: (EndKind.NETWORK_FAULT, 0.8), 4: (EndKind.UNREACHABLE, 0.6), 5: (EndKind.VACANT_NUMBER, 0.6),
    20: (EndKind.UNREACHABLE, 0.8), 24: (EndKind.REJECTED, 0.8), 46: (EndKind.CONGESTION, 0.7),
    49: (EndKind.CONGESTION, 0.6), 53: (EndKind.CALL_RESTRICTED, 0.7),
} | dict.fromkeys(
    (6, 7, 9, 14, 25, 39, 40, 43, 62, 66, 69, 70, *range(81, 88), 90, 91, *range(95, 102), 103, 110),
    (EndKind.NETWORK_FAULT, 0.7),
)  # fmt: skip
"""Causes of Q.850 (05/98 table 1) that a modem does not tell. 23, 26 and 30 decide nothing."""
_OURS = frozenset({
    400, 401, 402, 405, 406, 407, 411, 412, 413, 414, 415, 416, 417, 420, 421, 422, 423, 424, 425, 428, 429,
    430, 433, 436, 437, 438, 439, 440, 469, 470, 488, 489, 493, 494, 606,
})  # fmt: skip
"""What is wrong with our request, our account or our codecs (RFC 3261 §21.4 and the registry's later ones)."""
_NORMAL = frozenset({16, 31})
_MOVED = frozenset({300, 301, 302, 305, 380})
"""The answer names another address. Nobody agreed to be called there, and no rule was asked about it."""
_ANNOUNCED = {
    "busy": EndKind.BUSY,
    "switched_off": EndKind.POWERED_OFF,
    "no_answer": EndKind.NO_ANSWER,
    "congested": EndKind.CONGESTION,
    "vacant": EndKind.VACANT_NUMBER,
    "restricted": EndKind.CALL_RESTRICTED,
}
_FINAL = frozenset({EndKind.VACANT_NUMBER, EndKind.CALL_RESTRICTED})
FINAL_CONFIDENCE = 0.9
"""What keeps a contact from ever being called again is believed of an announcement only from here."""
_TONES = {ProgressTone.BUSY: EndKind.BUSY, ProgressTone.CONGESTION: EndKind.CONGESTION}
_SITS = {
    SitCode.INTERCEPT: EndKind.VACANT_NUMBER,
    SitCode.VACANT: EndKind.VACANT_NUMBER,
    SitCode.REORDER: EndKind.CONGESTION,
    SitCode.NO_CIRCUIT: EndKind.CONGESTION,
    SitCode.UNSPECIFIED: EndKind.UNREACHABLE,
}
_SAYS_LITTLE = frozenset({EndKind.UNKNOWN, EndKind.UNREACHABLE, EndKind.NO_ANSWER, EndKind.RELEASED_BY_US})
"""Ends that a tone or an announcement heard before them may explain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SipEnd:
    """How a SIP call ended."""

    kind: EndKind
    q850: int | None
    confidence: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyWord:
    """What the network said in sound before any answer."""

    kind: EndKind
    confidence: float
    what: str


def early_word(event: AudioEvent) -> EarlyWord | None:
    """Return what a sound in early media says of the call's end, None for nothing."""
    match event:
        case ProgressHeard(tone=tone) if tone in _TONES:
            return EarlyWord(kind=_TONES[tone], confidence=0.8, what=f"{tone.value} tone")
        case SitHeard(code=code):
            return EarlyWord(kind=_SITS[code], confidence=0.8, what=f"information tones: {code.value}")
        case AnswerClassified(
            answer=AnswerClass.CARRIER_ANNOUNCEMENT, subject=subject, confidence=confidence
        ):
            kind = _ANNOUNCED.get(subject, EndKind.UNREACHABLE)
            if kind in _FINAL and confidence < FINAL_CONFIDENCE:
                kind = EndKind.UNREACHABLE
            return EarlyWord(kind=kind, confidence=confidence, what=f"announcement: {subject or 'unknown'}")
        case _:
            return None


def end_of(
    over: Over,
    *,
    saw_alerting: bool,
    saw_active: bool,
    gave_up_ringing: bool = False,
    early: EarlyWord | None = None,
) -> SipEnd:
    """Return how the call ended, by everything that was told and heard."""
    if over.reason.startswith("engine:"):
        return SipEnd(kind=EndKind.LOCAL_FAULT, q850=None, confidence=1.0, evidence=(over.reason,))
    found = _CAUSE.search(over.reason)
    told = int(found.group(1)) if found and 0 < int(found.group(1)) < 128 else None
    evidence = [f"SIP {over.code}"] if over.code else []
    if told is not None:
        evidence.append(f"Q.850 {told}")
    kind, q850, confidence = _kind(over, told, saw_alerting=saw_alerting, saw_active=saw_active)
    if gave_up_ringing and over.is_ours and not saw_active:
        # Nobody came for as long as the campaign lets it ring; one that never rang was not to be reached.
        kind = EndKind.NO_ANSWER if saw_alerting else EndKind.UNREACHABLE
        q850, confidence = None, 0.9
    if early is not None and not saw_active and kind in _SAYS_LITTLE and told in _NORMAL | {None}:
        if not over.is_ours or gave_up_ringing:
            kind, confidence = early.kind, early.confidence
        evidence.append(early.what)
    return SipEnd(kind=kind, q850=q850, confidence=confidence, evidence=tuple(evidence))


def _kind(
    over: Over, told: int | None, *, saw_alerting: bool, saw_active: bool
) -> tuple[EndKind, int | None, float]:
    if over.is_ours:
        return EndKind.RELEASED_BY_US, told, 0.95
    if told is not None and told in _OTHER_CAUSES:
        return _other(told, saw_active=saw_active)
    if told_in_urc(told) is None:
        told = None  # a cause that says nothing: the status decides
    if not saw_active and (told is None or told in _NORMAL):
        if over.code in _OURS:
            return EndKind.LOCAL_FAULT, told, 0.8
        if over.code in _MOVED:
            return EndKind.FORWARDED, told, 0.9
        if over.code == 403:
            return EndKind.NETWORK_FAULT, told, 0.5
        if over.code in {408, 487}:
            return (EndKind.NO_ANSWER if saw_alerting else EndKind.UNREACHABLE), told, 0.6
        if not over.code and told is None:
            return EndKind.NETWORK_FAULT, None, 0.7  # no word of anybody: the server was not reached
        told = _CAUSES.get(over.code, _ANY_SERVER_FAILURE if 500 <= over.code < 600 else told)
        if told is not None and told in _OTHER_CAUSES:
            return _other(told, saw_active=False)
    seen = Evidence(
        saw_alerting=saw_alerting,
        saw_active=saw_active,
        hung_up_locally=False,
        modem_failed=False,
        result=None,
        told=told_in_urc(told),
    )
    release, q850, confidence = classify(seen)
    return END_KINDS[release], q850, confidence


def _other(q850: int, *, saw_active: bool) -> tuple[EndKind, int, float]:
    kind, confidence = _OTHER_CAUSES[q850]
    if saw_active:  # two who talked were parted: by the network, or by the callee whatever the cause says
        is_fault = kind in {EndKind.NETWORK_FAULT, EndKind.CONGESTION}
        kind = EndKind.NETWORK_FAULT if is_fault else EndKind.RELEASED_BY_CALLEE
    return kind, q850, confidence
