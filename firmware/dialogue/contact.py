"""A contact's variables against a flow's types: typed, speakable, and telling nobody of the debt."""

from collections.abc import Mapping, Set
from datetime import date

from firmware.dialogue.currencies import CURRENCIES
from firmware.dialogue.errors import ContactRefusedError, UnspeakableError
from firmware.dialogue.speaking import require_speakable
from firmware.dialogue.variables import ContactVars, Value, VarKind, VarType
from firmware.dialogue.wording import debt_name
from firmware.values import Money

MAX_NUMBER = 999_999_999


def read_contact(
    types: Mapping[str, VarType],
    raw: Mapping[str, object],
    language: str | None,
    *,
    spoken: Set[str],
    heard_by_anyone: Set[str],
    other_languages: tuple[str, ...] = (),
) -> ContactVars:
    """Return the values. Raises ContactRefusedError naming the variable, never its value.

    `spoken`: what any prompt says; `heard_by_anyone`: what is said before anybody is verified;
    `other_languages`: those to which the call may change, if all can be spoken in them too.
    """
    if language is None:
        raise ContactRefusedError(
            "language_not_offered",
            "language",
            "the flow does not offer this contact's language: add its wordings",
        )
    values: dict[str, Value] = {}
    for name, type_ in types.items():
        if raw.get(name) is None:
            if type_.optional:
                continue
            raise ContactRefusedError("missing_var", name, f"the flow needs a {type_.kind}")
        values[name] = _read_value(name, type_, raw[name])
    for name in sorted(spoken & values.keys()):
        try:
            require_speakable(values[name], language, types[name].kind)
        except UnspeakableError as error:
            raise ContactRefusedError("unspeakable", name, str(error)) from None
    secrets = [str(values[name]) for name, type_ in types.items() if type_.secret and name in values]
    for name in heard_by_anyone & values.keys():
        value = values[name]
        if not isinstance(value, str):
            continue
        if word := debt_name(value):
            raise ContactRefusedError(
                "reveals_debt",
                name,
                f"spoken to whoever picks up, and {word!r} in it tells of a debt: use another name",
            )
        if any(_reveals(value, secret, types[name].kind) for secret in secrets):
            raise ContactRefusedError(
                "reveals_secret", name, "it contains what the person is asked to key in"
            )
    also = tuple(
        other
        for other in other_languages
        if all(_can_be_spoken(values[name], other, types[name].kind) for name in spoken & values.keys())
    )
    return ContactVars(language=language, values=values, also=also)


def _reveals(value: str, secret: str, kind: VarKind) -> bool:
    """Return whether hearing `value` tells the secret.

    A long number tells its ends, as an ID number tells its last four digits; that the same digits stand somewhere
    inside a switchboard's number tells nobody anything.
    """
    if kind is VarKind.DIGITS:
        return value.startswith(secret) or value.endswith(secret)
    return secret in value


def _can_be_spoken(value: Value, language: str, kind: VarKind) -> bool:
    try:
        require_speakable(value, language, kind)
    except UnspeakableError:
        return False
    return True


def _read_value(name: str, type_: VarType, raw: object) -> Value:
    match type_.kind:
        case VarKind.MONEY:
            return _read_money(name, raw)
        case VarKind.DATE:
            return _read_date(name, raw)
        case VarKind.NUMBER:
            if type(raw) is not int or not 0 <= raw <= MAX_NUMBER:
                raise ContactRefusedError(
                    "ill_typed", name, f"a number is a whole one from 0 to {MAX_NUMBER}"
                )
            return raw
        case VarKind.DIGITS:
            if not isinstance(raw, str) or not (raw.isascii() and raw.isdigit()) or len(raw) > 32:
                raise ContactRefusedError("ill_typed", name, "digits are a string of 1 to 32 of 0-9")
            if type_.length is not None and len(raw) != type_.length:
                raise ContactRefusedError("ill_typed", name, f"it must have exactly {type_.length} digits")
            return raw
        case VarKind.NAME | VarKind.TEXT:
            if not isinstance(raw, str) or not raw.strip():
                raise ContactRefusedError("ill_typed", name, f"a {type_.kind} is a string that is not empty")
            return raw.strip()


def _read_money(name: str, raw: object) -> Money:
    if isinstance(raw, Mapping):
        raw = Money(raw.get("minor"), raw.get("currency"))  # type: ignore[arg-type]  # judged right below
    if not isinstance(raw, Money) or type(raw.minor) is not int or not isinstance(raw.currency, str):
        raise ContactRefusedError("ill_typed", name, 'money is {"minor": whole number, "currency": "CNY"}')
    if raw.minor <= 0:
        raise ContactRefusedError("ill_typed", name, "an amount must be more than nothing")
    if raw.currency not in CURRENCIES:
        raise ContactRefusedError("ill_typed", name, f"currency must be one of {', '.join(CURRENCIES)}")
    return raw


def _read_date(name: str, raw: object) -> date:
    if type(raw) is date:
        return raw
    try:
        if not isinstance(raw, str) or len(raw) != 10:
            raise ValueError
        return date.fromisoformat(raw)
    except ValueError:
        raise ContactRefusedError("ill_typed", name, "a date is written YYYY-MM-DD") from None
