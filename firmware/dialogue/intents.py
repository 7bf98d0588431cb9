"""The meanings an utterance can have, by name, and how sure is sure enough."""

from collections.abc import Collection, Mapping

INTENTS = frozenset(
    {
        "confirm_identity", "wrong_number", "third_party", "promise_to_pay", "paying_now", "already_paid",
        "ask_installment", "hardship", "dispute", "refuse_to_pay", "callback_later", "want_human", "opt_out",
        "complaint", "who_are_you", "ask_details", "affirm", "deny", "repeat", "vulnerable",
    }
)  # fmt: skip

PLAIN_MEANINGS = frozenset(
    {
        "slower",
        "other_language",
        "deceased",
        "minor",
        "has_lawyer",
        "promise_part",
        "morning",
        "afternoon",
        "evening",
    }
)
"""What the dialogue itself reads from plain words (`plain_words`); a flow names them like intents."""

MEANINGS = INTENTS | PLAIN_MEANINGS

PROTECTIVE = ("opt_out", "vulnerable", "want_human", "complaint")
"""Heard before anything else, in this order, and on less evidence: erring in this direction harms nobody."""

ACCEPT = 0.7
"""Confidence from which an ordinary intent is acted on."""
ACCEPT_PROTECTIVE = 0.5
DOUBT_FROM = 0.15
"""From which one of the meanings that must not be missed is asked about; what is less likely is not reported at all."""
MARGIN = 0.1
"""Two meanings that lead different ways and are closer than this are no answer."""

KEY_OPT_OUT, KEY_HUMAN, KEY_REPEAT, KEY_LANGUAGE = "9", "0", "*", "#"
ANYTIME_KEYS = {KEY_OPT_OUT: "opt_out", KEY_HUMAN: "want_human", KEY_REPEAT: "repeat"}
"""What these keys mean in every flow; no node may give them another meaning."""


def anytime_meaning(meant: Mapping[str, float], anytime: Collection[str]) -> str | None:
    """Return which of `anytime` an utterance means, None if none; `meant` is intent name to confidence.

    What protects the callee goes before all else and needs less evidence.
    """
    for name in PROTECTIVE:
        if name in anytime and meant.get(name, 0.0) >= ACCEPT_PROTECTIVE:
            return name
    sure = {
        name: confidence for name, confidence in meant.items() if name in anytime and confidence >= ACCEPT
    }
    return max(sure, key=lambda name: sure[name], default=None)
