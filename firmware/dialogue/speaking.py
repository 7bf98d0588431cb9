"""Values as words a voice can say, in every language the box speaks."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache, lru_cache
from types import ModuleType

from firmware.dialogue import speaking_en, speaking_text_en, speaking_text_zh, speaking_zh
from firmware.dialogue.currencies import CURRENCIES
from firmware.dialogue.errors import UnspeakableError
from firmware.dialogue.variables import Moment, Value, VarKind
from firmware.values import Money

LANGUAGES = ("zh-CN", "en")
MAX_MAJOR = 10**12
MAX_TEXT_CHARS = 80
_VOICES: Mapping[str, ModuleType] = {"zh": speaking_zh, "en": speaking_en}
_NARROW = {0xFF10 + digit: str(digit) for digit in range(10)} | {ord("％"): "%"}
"""Figures of full width, as Chinese keyboards write them."""
_TEXTS: Mapping[str, Callable[[str], str]] = {
    "zh": speaking_text_zh.in_words,
    "en": speaking_text_en.in_words,
}
_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    "zh": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff〇A-Za-z0-9 .,&'()（）·\-《》、，。!]+"),
    "en": re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿĀ-ſ0-9 .,&'’()\-/!+]+"),
}
_PLAIN: Mapping[str, re.Pattern[str]] = {
    "zh": re.compile(r"[\u4e00-\u9fef]{1,80}"),
    "en": re.compile(r"(?=[A-Za-z ]{1,80}\Z)[A-Za-z]+(?: [A-Za-z]+)*"),
}
"""What a voice reads without a closer look, as almost every name is: letters of its script as they stand in any form."""
_DIGIT_RUN = re.compile(r"[0-9]+")


def speak(value: Value, language: str, kind: VarKind | None = None, *, today: date | None = None) -> str:
    """Return the words for a value: ¥1,234.50 is 一千二百三十四元五角.

    `kind` tells digits from a name or text (None: what is all digits are digits). With `today`, a date more
    than half a year away is said with its year. Raises UnspeakableError.
    """
    require_speakable(value, language, kind)
    voice = _voice(language)
    if isinstance(value, Money):
        return str(voice.money(value.minor, CURRENCIES[value.currency]))
    if isinstance(value, Moment):
        return " ".join(speak_moment(value, language))
    if isinstance(value, int):
        return str(voice.count(value))
    if isinstance(value, date):
        far = today is not None and abs((value - today).days) > 183
        return str(voice.day(value, with_year=far))
    if _are_digits(value, kind):
        return str(voice.number_string(value))
    text = _tidied(value)
    if _primary(language) == "zh":
        return _DIGIT_RUN.sub(lambda run: speaking_zh.digits(run[0]), text)
    return text


def require_speakable(value: Value, language: str, kind: VarKind | None = None) -> None:
    """Raise UnspeakableError if there are no words for a value; a list of 100 000 contacts asks this half a million times."""
    _voice(language)
    if isinstance(value, Money):
        currency = CURRENCIES.get(value.currency)
        if currency is None:
            raise UnspeakableError(f"no words for the currency {value.currency!r}")
        if not 0 <= value.minor < MAX_MAJOR * 10**currency.exponent:
            raise UnspeakableError("the amount is negative or beyond what is spoken")
    elif isinstance(value, int):
        if not 0 <= value < MAX_MAJOR:
            raise UnspeakableError("the number is negative or beyond what is spoken")
    elif isinstance(value, str):
        if not _are_digits(value, kind):
            _require_readable(value, language)
        elif not (value.isascii() and value.isdigit()):
            raise UnspeakableError("digits are 0 to 9")


def speak_day(value: date, language: str) -> str:
    """Return the words for a day with its weekday, so that a listener notices a wrong one."""
    return str(_voice(language).day(value, with_weekday=True))


def speak_moment(value: Moment, language: str) -> tuple[str, str]:
    """Return the words for a day and for a time of that day, on the hour or half past."""
    return speak_day(value.day, language), str(_voice(language).clock(value.at))


def speak_in_pieces(value: Value, language: str) -> tuple[str, ...]:
    """Return the words for digits or an amount as pieces out of `piece_vocabulary`.

    What a callee keys is not known before the call, so it is put together from words that are.
    """
    if isinstance(value, Moment):
        return speak_moment(value, language)
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise UnspeakableError("digits are 0 to 9")
    words = str(_voice(language).digits(value)) if isinstance(value, str) else speak(value, language)
    if _primary(language) == "en":
        return tuple(piece for word in words.split() for piece in word.split("-"))
    if isinstance(value, Money):
        currency = CURRENCIES[value.currency]
        units = "|".join(unit for unit in (currency.zh, currency.zh_minor) if unit)
        # 二百 in one breath: single syllables in a row sound like digits.
        return tuple(re.findall(f"{units}|[一二三四五六七八九两]?[十百千]|.", words))
    return tuple(words)


def in_words(text: str, language: str) -> str:
    """Return wording as a voice says it: figures, times, percentages and signs spelt out."""
    if _primary(language) not in _TEXTS:
        return text
    return _TEXTS[_primary(language)](text.translate(_NARROW))


@cache
def fraction_vocabulary(language: str, currency: str) -> frozenset[str]:
    """Return what amounts with a fraction are made of besides the pieces of whole ones."""
    unit = 10 ** CURRENCIES[currency].exponent
    amounts = (Money(whole * unit + part, currency) for whole in (0, 1, 10, 21, 100) for part in range(unit))
    return frozenset(piece for amount in amounts for piece in speak_in_pieces(amount, language))


@cache
def piece_vocabulary(language: str, currency: str | None) -> frozenset[str]:
    """Return every piece that digits (`currency` None) or whole amounts of a currency may be made of."""
    if currency is None:
        return frozenset(piece for digit in "0123456789" for piece in speak_in_pieces(digit, language))
    exponent = CURRENCIES[currency].exponent
    numbers = [
        *range(100),
        *(10**power * digit for power in range(2, 12) for digit in range(1, 10)),
        1001,
        101,
        110,
        # 两千 begins an amount, 二千 stands within one: 五万二千.
        *(12 * 10**power for power in range(2, 11)),
    ]
    amounts = (Money(number * 10**exponent, currency) for number in numbers)
    return frozenset(piece for amount in amounts for piece in speak_in_pieces(amount, language))


def _are_digits(value: str, kind: VarKind | None) -> bool:
    return kind is VarKind.DIGITS or (kind is None and value.isascii() and value.isdigit())


def _tidied(value: str) -> str:
    return " ".join(unicodedata.normalize("NFC", value).split())


def _require_readable(value: str, language: str) -> None:
    if _PLAIN[_primary(language)].fullmatch(value):
        return
    text = _tidied(value)
    if not text or len(text) > MAX_TEXT_CHARS:
        raise UnspeakableError(f"text to speak has 1 to {MAX_TEXT_CHARS} characters")
    if not _SCRIPTS[_primary(language)].fullmatch(text) or not any(map(str.isalpha, text)):
        raise UnspeakableError(f"not written in letters that a voice for {language} reads")


def _voice(language: str) -> ModuleType:
    voice = _VOICES.get(_primary(language))
    if voice is None:
        raise UnspeakableError(f"no voice for the language {language!r}: there are {', '.join(LANGUAGES)}")
    return voice


@lru_cache(maxsize=64)
def _primary(language: str) -> str:
    return language.partition("-")[0]
