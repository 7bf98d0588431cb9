"""What the gate asks of a short message: all that it asks of a call, less what only ringing and talking use up.

The caps that count every channel hold for messages as well, and so do the quiet days after somebody refused or complained.
"""

from collections.abc import Iterable

from firmware.compliance.call import CallOrder, Channel
from firmware.compliance.numbering import LineType, NumberFacts
from firmware.compliance.pack import Cooldown, Limit

SMS_CONSENT = "sms"
"""The kind of consent without which nobody is written to, whatever the packs ask for calls."""
SMS_LIMITS = (
    Limit(id="ALL-SMS-1", count="any_channel_attempt", per="person", window="calendar_days:1", max=2),
    Limit(id="ALL-SMS-2", count="any_channel_attempt", per="person", window="calendar_days:7", max=4),
)
"""Of messages alone, however lax the packs are; nothing widens them."""
_EVERY_CHANNEL = frozenset({"any_channel_contact", "any_channel_attempt"})
_OF_CALLS = frozenset({"conversation", "promise_to_pay", "abandoned"})
"""After these nobody is rung for some days; a message about what was agreed is no ringing."""
_TAKES_MESSAGES = frozenset({LineType.MOBILE, LineType.FIXED_OR_MOBILE})


def is_message(order: CallOrder) -> bool:
    """Say whether a short message is asked about, not a call."""
    return order.channel == Channel.SMS


def limits_for_messages(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """Return the limits that a message can use up."""
    return tuple(limit for limit in limits if limit.count in _EVERY_CHANNEL)


def cooldowns_for_messages(cooldowns: Iterable[Cooldown]) -> tuple[Cooldown, ...]:
    """Return the quiet days in which nobody is written to either."""
    return tuple(cooldown for cooldown in cooldowns if cooldown.after not in _OF_CALLS)


def consent_problem(order: CallOrder) -> str:
    """Return why this person may not be written to, empty when they agreed to it."""
    if SMS_CONSENT not in order.consents:
        return f"needs {SMS_CONSENT}"
    since = order.number_reassigned_at
    if since is not None and not any(kind == SMS_CONSENT and at >= since for kind, at in order.consented_at):
        return f"needs {SMS_CONSENT} of whoever has the number now"
    return ""


def number_problem(facts: NumberFacts) -> str:
    """Return why this number takes no messages, empty when it may."""
    return "" if facts.line_type in _TAKES_MESSAGES else f"{facts.line_type} lines take no messages"
