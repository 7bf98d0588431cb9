"""What an answer means because of what was asked: 嗯 after "is that you?" is yes, 明天 after "when?" is a promise."""

from collections.abc import MutableMapping

from firmware.dialogue.intents import ACCEPT, DOUBT_FROM, PROTECTIVE
from firmware.dialogue.slots import Asked, DayProblem, Slots
from firmware.dialogue.understanding.manner import Manner

_SAY_YES = frozenset({"affirm", "confirm_identity", "promise_to_pay", "paying_now"})
QUITE_SURE = 0.93
"""What a rule says is at least so sure."""
UNSURE = 0.45
"""Too little to act on, and enough to ask about what must not be missed."""

ASKED_NAMES: dict[str, Asked] = {
    # What flows call their questions; every value of Asked is a name as well.
    "ask_person": Asked.IDENTITY,
    "is_it_you": Asked.IDENTITY,
    "ask_identity": Asked.IDENTITY,
    "identify": Asked.IDENTITY,
    "who": Asked.IDENTITY,
    "verify": Asked.DIGITS,
    "verify_last4": Asked.DIGITS,
    "last4": Asked.DIGITS,
    "last_digits": Asked.DIGITS,
    "ask_digits": Asked.DIGITS,
    "ask_ability": Asked.ABILITY,
    "can_you_pay": Asked.ABILITY,
    "ask_payment": Asked.ABILITY,
    "remind": Asked.ABILITY,
    "when": Asked.DATE,
    "which_date": Asked.DATE,
    "ask_date": Asked.DATE,
    "promise_date": Asked.DATE,
    "capture_date": Asked.DATE,
    "promise": Asked.DATE,
    "how_much": Asked.AMOUNT,
    "ask_amount": Asked.AMOUNT,
    "which_amount": Asked.AMOUNT,
    "promise_amount": Asked.AMOUNT,
    "capture_amount": Asked.AMOUNT,
    "read_back": Asked.CONFIRM,
    "readback": Asked.CONFIRM,
    "ask_confirm": Asked.CONFIRM,
    "is_that_right": Asked.CONFIRM,
    "callback": Asked.CALLBACK_TIME,
    "ask_callback": Asked.CALLBACK_TIME,
    "when_to_call": Asked.CALLBACK_TIME,
    "ask_reason": Asked.REASON,
    "why": Asked.REASON,
    "ask_satisfaction": Asked.SATISFACTION,
    "survey": Asked.SATISFACTION,
    "offer_plan": Asked.OFFER,
    "ask_offer": Asked.OFFER,
    "plan": Asked.OFFER,
}


def asked_of(name: str) -> Asked | None:
    """Return what a question of that name asks for, None if nothing is known of it."""
    plain = name.strip().lower().replace("-", "_")
    if plain in frozenset(Asked):
        return Asked(plain)
    return ASKED_NAMES.get(plain)


def in_context(
    found: MutableMapping[str, float],
    slots: Slots,
    asked: Asked,
    manner: Manner,
) -> None:
    """Read meanings in the light of the question, in place."""
    yes = max(found.get("affirm", 0.0), 0.85 if slots.is_yes is True else 0.0)
    no = max(found.get("deny", 0.0), 0.85 if slots.is_yes is False else 0.0)
    if manner.only_listens:
        yes = no = 0.0
        for name in ("affirm", "deny", "confirm_identity"):
            _lower(found, name, 0.1)
    match asked:
        case Asked.IDENTITY:
            _identity(found, yes, no)
        case Asked.CONFIRM | Asked.OFFER | Asked.SATISFACTION:
            yes = max(yes, found.get("confirm_identity", 0.0))
            if manner.takes_back:
                # Who agrees to all but a part of it has not agreed to what was read.
                yes, no = 0.0, max(no, 0.8)
                _lower(found, "affirm", 0.4)
            _raise(found, "affirm", 0.0 if no > yes else yes)
            _raise(found, "deny", no)
            found.pop("confirm_identity", None)
            if max(yes, no) >= ACCEPT:
                # 不对，是后天 is a no to what was read back, not one more promise.
                _lower(found, "promise_to_pay", 0.6)
                _lower(found, "callback_later", 0.6)
                if no > yes and manner.is_about_the_terms:
                    # No, I said fifty: the value is disputed, not what is owed.
                    _lower(found, "dispute", 0.25)
                if asked is Asked.CONFIRM and (
                    found.get("wrong_number", 0.0) < ACCEPT or manner.says_mistaken
                ):
                    # 不对，是一三九… and 弄错了 are about what was read, not about who was rung.
                    _lower(found, "wrong_number", 0.1)
            elif asked is Asked.OFFER and manner.wants_other_terms:
                # 半年呢: other terms than those offered.
                _raise(found, "ask_installment", 0.72)
        case Asked.ABILITY | Asked.DATE | Asked.AMOUNT:
            _payment(
                found, slots, asked, yes, max(no, 0.5) if manner.is_doubtful else no, is_bare=manner.is_bare
            )
        case Asked.CALLBACK_TIME:
            _callback(found, slots, no, manner)
        case Asked.DIGITS:
            if slots.digits and manner.is_bare:
                # 我才十四岁 answers no question for digits.
                kept = {
                    name: p
                    for name, p in found.items()
                    if name in PROTECTIVE and p >= ACCEPT and manner.has_words
                }
                found.clear()
                found.update(kept)
        case Asked.NOTHING | Asked.REASON:
            pass


def _callback(found: MutableMapping[str, float], slots: Slots, no: float, manner: Manner) -> None:
    """A time to ring is no wish to be left alone (七点往后都成), and a bare no to "when may we?" may well be one."""
    is_time = bool(slots.times or any(mention.problem is not DayProblem.PAST for mention in slots.days))
    if (is_time and (manner.is_bare or not manner.denies)) or (manner.says_any_time and not manner.denies):
        _raise(found, "callback_later", 0.9 if manner.is_bare else 0.8)
        _lower(found, "affirm", 0.6)
        _lower(found, "promise_to_pay", 0.4)
        if not manner.denies:
            # Who refuses nothing in words has refused nothing, unless it is quite sure.
            _lower(found, "refuse_to_pay", 0.4)
            if found.get("opt_out", 0.0) < QUITE_SURE:
                _lower(found, "opt_out", 0.1 if manner.is_bare else 0.4)
    elif no >= UNSURE and manner.is_bare and not manner.only_listens and not is_time:
        _raise(found, "opt_out", UNSURE)


def _identity(found: MutableMapping[str, float], yes: float, no: float) -> None:
    """对 is "it is me"; 不是 is "it is not": the flow says what a no leads to."""
    if yes > no:
        _raise(found, "confirm_identity", min(0.97, yes))
        # A flow may lead on by either: the yes stays one, close behind.
        found["affirm"] = (
            max(0.0, found["confirm_identity"] - 0.15) if yes >= ACCEPT else found.get("affirm", 0.0)
        )
    elif (
        no >= 0.5
        and max((p for name, p in found.items() if name not in ("deny", "wrong_number")), default=0.0) < 0.5
    ):
        # 不是，她在楼上: the number is right, somebody else took the call.
        other, wrong = found.get("third_party", 0.0), found.get("wrong_number", 0.0)
        _raise(
            found,
            "third_party" if other >= DOUBT_FROM and other > wrong else "wrong_number",
            min(0.75, no - 0.12),
        )


def _payment(
    found: MutableMapping[str, float], slots: Slots, asked: Asked, yes: float, no: float, *, is_bare: bool
) -> None:
    named_day = any(mention.problem is not DayProblem.PAST for mention in slots.days)
    if is_bare and (named_day or slots.amounts) and no < 0.5:
        _raise(found, "promise_to_pay", 0.9 if named_day else 0.78)
        _lower(found, "callback_later", 0.5)
        _lower(found, "affirm", 0.6)
    elif asked is Asked.ABILITY:
        matter = max((p for name, p in found.items() if name not in _SAY_YES), default=0.0)
        if yes > no and matter < ACCEPT and max(found.values(), default=0.0) <= yes + 0.05:
            _raise(found, "promise_to_pay", min(0.85, yes - 0.02))
            _lower(found, "affirm", found["promise_to_pay"] - 0.15)
        elif no >= 0.5:
            # 没有 may be "I will not" or "I cannot": asked again, never guessed.
            _raise(found, "refuse_to_pay", 0.45)
            _raise(found, "hardship", 0.45)


def _raise(found: MutableMapping[str, float], name: str, confidence: float) -> None:
    found[name] = max(found.get(name, 0.0), confidence)


def _lower(found: MutableMapping[str, float], name: str, confidence: float) -> None:
    if name in found:
        found[name] = min(found[name], max(0.0, confidence))
