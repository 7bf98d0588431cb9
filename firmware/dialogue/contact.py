"""A contact's variables against a flow's types: typed, speakable, and telling nobody of the debt."""

from collections.abc import Callable, Mapping, Set
from datetime import date
from functools import lru_cache

from firmware.dialogue.currencies import CURRENCIES
from firmware.dialogue.errors import ContactRefusedError, UnspeakableError
from firmware.dialogue.other_script import ACCOUNT_HOLDER, in_other_script
from firmware.dialogue.speaking import require_speakable
from firmware.dialogue.variables import IN_LANGUAGE, ContactVars, Value, VarKind, VarType
from firmware.dialogue.wording import debt_name
from firmware.values import Money

MAX_NUMBER = 999_999_999


class ContactReading:
    """How a flow reads its contacts in one of its languages, worked out once for lists of 100 000."""

    def __init__(
        self,
        types: Mapping[str, VarType],
        language: str,
        *,
        spoken: Set[str],
        heard_by_anyone: Set[str],
        other_languages: tuple[str, ...] = (),
    ) -> None:
        """`spoken`: what any prompt says; `heard_by_anyone`: what is said before anybody is verified.

        `other_languages`: those to which the call may change, if all can be spoken in them too.
        """
        self._language = language
        self._vars = [(name, type_, _READERS[type_.kind]) for name, type_ in types.items()]
        self._spoken = [(name, types[name].kind) for name in sorted(spoken & types.keys())]
        self._heard = [(name, types[name].kind) for name in sorted(heard_by_anyone & types.keys())]
        self._secret = [name for name, type_ in types.items() if type_.secret]
        self._names = [name for name, kind in self._spoken if kind is VarKind.NAME]
        self._other_languages = other_languages

    def read(self, raw: Mapping[str, object]) -> ContactVars:
        """Return the values. Raises ContactRefusedError naming the variable, never its value."""
        values: dict[str, Value] = {}
        for name, type_, reader in self._vars:
            given = raw.get(name)
            if given is not None:
                values[name] = reader(name, type_, given)
            elif not type_.optional:
                raise ContactRefusedError("missing_var", name, f"the flow needs a {type_.kind}")
        for name, kind in self._spoken:
            if name in values:
                try:
                    require_speakable(values[name], self._language, kind)
                except UnspeakableError as error:
                    raise ContactRefusedError("unspeakable", name, str(error)) from None
        secrets = [str(values[name]) for name in self._secret if name in values]
        for name, kind in self._heard:
            value = values.get(name)
            if isinstance(value, str):
                _require_harmless(name, value, kind, secrets)
        also = [(other, self._in_other(other, values, raw, secrets)) for other in self._other_languages]
        return ContactVars(
            language=self._language,
            values=values,
            also=tuple(other for other, instead in also if instead is not None),
            instead={other: instead for other, instead in also if instead},
        )

    def _in_other(
        self, other: str, values: Mapping[str, Value], raw: Mapping[str, object], secrets: list[str]
    ) -> dict[str, str] | None:
        """Return what is said in another language in place of values; None: something cannot be said in it at all."""
        instead: dict[str, str] = {}
        for name, kind in self._spoken:
            value = values.get(name)
            if value is None:
                continue
            given = raw.get(f"{name}{IN_LANGUAGE}{other}")
            if given is not None:
                instead[name] = self._given_in(other, name, kind, given, secrets)
            elif isinstance(value, str) and not _can_be_spoken(value, other, kind):  # figures are said in any
                said = self._in_other_script(other, name, kind, value, secrets)
                if said is None:
                    return None
                instead[name] = said
        return instead

    def _given_in(self, other: str, name: str, kind: VarKind, given: object, secrets: list[str]) -> str:
        """Return what the office wants said in that language. Raises ContactRefusedError."""
        named = f"{name}{IN_LANGUAGE}{other}"
        if kind not in (VarKind.NAME, VarKind.TEXT):
            raise ContactRefusedError("ill_typed", named, f"a {kind} is said in every language as it is")
        text = _read_text(named, VarType(kind=kind), given)
        try:
            require_speakable(text, other, kind)
        except UnspeakableError as error:
            raise ContactRefusedError("unspeakable", named, str(error)) from None
        if (name, kind) in self._heard:
            _require_harmless(named, text, kind, secrets)
        return text

    def _in_other_script(
        self, other: str, name: str, kind: VarKind, value: str, secrets: list[str]
    ) -> str | None:
        """Return how a name is said where its letters are unknown, None where that cannot be or would tell too much."""
        if kind not in (VarKind.NAME, VarKind.TEXT):
            return None
        said = in_other_script(value, other, kind)
        if said is None or not _can_be_spoken(said, other, kind):
            # Whose name it is matters: with two of them it would not be said who is asked for.
            said = ACCOUNT_HOLDER.get(other.partition("-")[0]) if self._names == [name] else None
        if said is not None and (name, kind) in self._heard:
            try:
                _require_harmless(name, said, kind, secrets)
            except ContactRefusedError:
                return None
        return said


def _require_harmless(name: str, value: str, kind: VarKind, secrets: list[str]) -> None:
    """Raise ContactRefusedError for what whoever picks up must not hear."""
    if word := debt_name(value):
        raise ContactRefusedError(
            "reveals_debt",
            name,
            f"spoken to whoever picks up, and {word!r} in it tells of a debt: use another name",
        )
    for secret in secrets:
        if _reveals(value, secret, kind):
            raise ContactRefusedError(
                "reveals_secret", name, "it contains what the person is asked to key in"
            )


def _reveals(value: str, secret: str, kind: VarKind) -> bool:
    """Return whether hearing `value` tells the secret.

    A long number tells its ends, as an ID number tells its last four digits; that the same digits stand somewhere
    inside a switchboard's number tells nobody anything.
    """
    if kind is VarKind.DIGITS:
        return value.startswith(secret) or value.endswith(secret)
    return secret in value


@lru_cache(maxsize=256)
def _can_be_spoken(value: Value, language: str, kind: VarKind) -> bool:
    try:
        require_speakable(value, language, kind)
    except UnspeakableError:
        return False
    return True


def _read_money(name: str, _type: VarType, raw: object) -> Money:
    if isinstance(raw, (dict, Mapping)):  # what it nearly always is first: Mapping alone asks an ABC
        raw = Money(raw.get("minor"), raw.get("currency"))  # type: ignore[arg-type]  # judged right below
    if not isinstance(raw, Money) or type(raw.minor) is not int or not isinstance(raw.currency, str):
        raise ContactRefusedError("ill_typed", name, 'money is {"minor": whole number, "currency": "CNY"}')
    if raw.minor <= 0:
        raise ContactRefusedError("ill_typed", name, "an amount must be more than nothing")
    if raw.currency not in CURRENCIES:
        raise ContactRefusedError("ill_typed", name, f"currency must be one of {', '.join(CURRENCIES)}")
    return raw


def _read_date(name: str, _type: VarType, raw: object) -> date:
    if type(raw) is date:
        return raw
    try:
        if not isinstance(raw, str) or len(raw) != 10:
            raise ValueError
        return date.fromisoformat(raw)
    except ValueError:
        raise ContactRefusedError("ill_typed", name, "a date is written YYYY-MM-DD") from None


def _read_number(name: str, _type: VarType, raw: object) -> int:
    if type(raw) is not int or not 0 <= raw <= MAX_NUMBER:
        raise ContactRefusedError("ill_typed", name, f"a number is a whole one from 0 to {MAX_NUMBER}")
    return raw


def _read_digits(name: str, type_: VarType, raw: object) -> str:
    if not isinstance(raw, str) or not (raw.isascii() and raw.isdigit()) or len(raw) > 32:
        raise ContactRefusedError("ill_typed", name, "digits are a string of 1 to 32 of 0-9")
    if type_.length is not None and len(raw) != type_.length:
        raise ContactRefusedError("ill_typed", name, f"it must have exactly {type_.length} digits")
    return raw


def _read_text(name: str, type_: VarType, raw: object) -> str:
    text = raw.strip() if isinstance(raw, str) else ""
    if not text:
        raise ContactRefusedError("ill_typed", name, f"a {type_.kind} is a string that is not empty")
    return text


_READERS: Mapping[VarKind, Callable[[str, VarType, object], Value]] = {
    VarKind.MONEY: _read_money,
    VarKind.DATE: _read_date,
    VarKind.NUMBER: _read_number,
    VarKind.DIGITS: _read_digits,
    VarKind.NAME: _read_text,
    VarKind.TEXT: _read_text,
}
