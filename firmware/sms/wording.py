"""One message as it will be read: the campaign's text with this person's values, or why there is none."""

from dataclasses import dataclass, field

from firmware.dialogue.flow import Flow
from firmware.dialogue.variables import (
    PLAN_AMOUNT,
    PLAN_COUNT,
    PLAN_FIRST,
    PLAN_LAST,
    PROMISE_AMOUNT,
    PROMISE_DATE,
    Value,
)
from firmware.store import outcomes
from firmware.store.campaigns import StoredContact
from firmware.store.connection import Connection
from firmware.store.sms import StoredSms
from firmware.texts.catalogue import MAX_PARTS, SENDER, catalogue_of
from firmware.texts.rendering import TextIncompleteError, length_of, render, slots_from_text
from firmware.values import Money, last_instalment


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A text with its values."""

    text: str = field(repr=False)
    n_parts: int


def written(
    con: Connection, message: StoredSms, contact: StoredContact, flow: Flow, texts: str
) -> Written | str:
    """Return the message, or in a word why it cannot be sent. Raises ContactRefusedError."""
    catalogue = catalogue_of(texts)
    language = flow.resolve_language(message.language)
    template = catalogue.wording(message.text, language) if catalogue and language else None
    if catalogue is None or language is None or template is None:
        return "no_text"
    if not message.may_tell_debt and catalogue.debt_reason(flow, message.text) is not None:
        return "unverified"
    known = flow.check_vars(contact.vars, contact.language).values
    secrets = {name for name, type_ in flow.vars.items() if type_.secret}
    values: dict[str, Value] = {name: value for name, value in known.items() if name not in secrets}
    values |= _promised(con, message) | slots_from_text(message.slots) | {SENDER: catalogue.sender[language]}
    try:
        text = render(template, values, language)
    except TextIncompleteError:
        return "incomplete"
    n_parts = length_of(text).n_parts
    return Written(text=text, n_parts=n_parts) if n_parts <= MAX_PARTS else "too_long"


def _promised(con: Connection, message: StoredSms) -> dict[str, Value]:
    """Return what was agreed in the call that the message follows."""
    outcome = outcomes.get_outcome(con, message.attempt) if message.attempt is not None else None
    promise = outcome.promise if outcome is not None else None
    if promise is None or not message.may_tell_debt:
        return {}
    if promise.every is None:
        agreed: dict[str, Value] = {PROMISE_DATE: promise.due}
        return agreed if promise.amount is None else agreed | {PROMISE_AMOUNT: promise.amount}
    plan: dict[str, Value] = {PLAN_FIRST: promise.due, PLAN_COUNT: promise.instalments}
    if promise.amount is not None:
        plan[PLAN_AMOUNT] = promise.amount
        # An older version kept no total: then a text that names the last instalment is not sent.
        if promise.total is not None:
            left = last_instalment(promise.total.minor, promise.amount.minor, promise.instalments)
            plan[PLAN_LAST] = Money(left, promise.amount.currency)
    return plan
