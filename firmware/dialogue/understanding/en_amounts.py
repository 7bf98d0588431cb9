"""Amounts in English: twelve hundred, fifty bucks, $1,200.50, half of it, a third, all of it."""

# ruff: noqa: E501  (one rule, one line)

import re
from collections.abc import Sequence
from fractions import Fraction

from firmware.dialogue.currencies import in_minor
from firmware.dialogue.slots import AmountMention
from firmware.dialogue.understanding.en_numbers import NUMBER, NUMERAL, ONES, SCALES, TENS, number_of
from firmware.dialogue.understanding.finding import Grammar

MAX_MINOR = 10**14
_UNITS = {
    "dollars": None, "dollar": None, "bucks": None, "buck": None, "us dollars": "USD", "u.s. dollars": "USD", "american dollars": "USD", "usd": "USD", "euros": "EUR", "euro": "EUR", "eur": "EUR",
    "pounds": "GBP", "pound": "GBP", "quid": "GBP", "gbp": "GBP", "yuan": "CNY", "kuai": None, "rmb": "CNY", "renminbi": "CNY", "cny": "CNY", "rupees": "INR", "indian rupees": "INR", "swiss francs": "CHF", "francs": None, "dirhams": None, "shillings": None, "naira": "NGN", "rand": "ZAR", "ringgit": "MYR", "baht": "THB", "yen": "JPY", "japanese yen": "JPY", "korean won": "KRW", "pesos": None,
    "hong kong dollars": "HKD", "singapore dollars": "SGD", "australian dollars": "AUD", "canadian dollars": "CAD",
}  # fmt: skip
"""Dollars and bucks are words of several currencies: they name none."""
_SIGNS = {"€": "EUR", "£": "GBP", "$": None, "¥": None, "us$": "USD", "a$": "AUD", "hk$": "HKD"}
_UNIT = "(?P<unit>" + "|".join(sorted(_UNITS, key=len, reverse=True)) + ")"
_FRACTIONS = {"half": Fraction(1, 2), "a half": Fraction(1, 2), "one half": Fraction(1, 2), "a third": Fraction(1, 3), "one third": Fraction(1, 3), "two thirds": Fraction(2, 3),
              "a quarter": Fraction(1, 4), "one quarter": Fraction(1, 4), "three quarters": Fraction(3, 4), "a fifth": Fraction(1, 5), "one fifth": Fraction(1, 5), "a tenth": Fraction(1, 10),
              "a fourth": Fraction(1, 4), "three fourths": Fraction(3, 4)}  # fmt: skip
_SHARE = "|".join(sorted(_FRACTIONS, key=len, reverse=True))
_NOT_MONEY = (
    r"(?! ?(?:%|percent|per cent|days?|weeks?|months?|years?|hours?|minutes?|seconds?|times?|calls?|people|things?|reasons?|excuses|questions?|problems?|letters?|messages?|kids|children|payments?|installments?|parts?|am\b|pm\b"
    r"|o'?clock|miles?|feet|meters?|degrees?|thirty\b|fifteen minutes|banks|lenders|st\b|nd\b|rd\b|th\b))"
)
_SLANG: dict[str, tuple[int, str | None]] = {
    "fiver": (5, None),
    "tenner": (10, None),
    "grand": (1000, None),
    "c note": (100, None),
}
HOTLINES = frozenset({"911", "999", "101", "112", "311", "411", "800"})


def _money(match: re.Match[str]) -> AmountMention | None:
    value = number_of(match["number"])
    cents = match.groupdict().get("cents") or match.groupdict().get("bare_cents")
    if value is None:
        return None
    if cents:
        value += (number_of(cents) or Fraction(0)) / 100
    groups = match.groupdict()
    currency = _SIGNS.get(groups.get("sign") or "") or _UNITS.get(groups.get("unit") or "")
    return _amount(match[0], value, currency)


def _one_and_cents(match: re.Match[str]) -> AmountMention | None:
    """Read "a buck fifty"."""
    cents = number_of(match["cents"])
    return None if cents is None else _amount(match[0], 1 + cents / 100, _UNITS[match["unit"]])


def _slang(match: re.Match[str]) -> AmountMention | None:
    size, currency = _SLANG[match["slang"]]
    return _amount(match[0], Fraction(size) * (Fraction(3, 2) if match["half"] else 1), currency)


def _couple(match: re.Match[str]) -> AmountMention | None:
    return _amount(match[0], Fraction(2 * SCALES[match["scale"]]), None)


def _cents(match: re.Match[str]) -> AmountMention | None:
    value = number_of(match["number"])
    return None if value is None else _amount(match[0], value / 100, None)


def _bare(match: re.Match[str]) -> AmountMention | None:
    run = match["number"]
    value = number_of(run)
    if value is None or value < 100 or run in HOTLINES or re.fullmatch("20[0-9][0-9]", run):
        return None
    return _amount(match[0], value, None)


def _small(match: re.Match[str]) -> AmountMention | None:
    value = number_of(match["number"])
    return None if value is None or not 10 <= value < 100 else _amount(match[0], value, None)


def _amount(text: str, value: Fraction, currency: str | None) -> AmountMention | None:
    minor = value * in_minor(currency)
    if not 0 < minor <= MAX_MINOR or minor.denominator != 1:
        return None
    return AmountMention(text=text, minor=int(minor), currency=currency)


def _share(match: re.Match[str]) -> AmountMention | None:
    return AmountMention(text=match[0], share=_FRACTIONS[match["share"]])


def _percent(match: re.Match[str]) -> AmountMention | None:
    value = number_of(match["number"])
    return None if not value or value > 100 else AmountMention(text=match[0], share=value / 100)


def _all(match: re.Match[str]) -> AmountMention | None:
    return AmountMention(text=match[0], share=Fraction(1))


_RULES = (
    (rf"(?P<sign>us\$|hk\$|a\$|[$£€¥]) ?(?P<number>{NUMERAL}k?(?: (?:hundred|thousand|grand|million|k)\b)?)(?: {_UNIT}\b)?", _money),
    (rf"\b(?P<number>{NUMBER})(?: ?%| percent\b| per cent\b)", _percent),
    (rf"\b(?P<number>{NUMBER})(?: odd| or so)? {_UNIT}\b(?:(?: and)? (?P<cents>{NUMBER})(?: cents| pence| p\b)(?! each)| (?P<bare_cents>(?:{'|'.join(TENS)})(?:[ -][a-z]+ve|[ -](?:one|two|three|four|six|seven|eight|nine))?)\b(?! ?(?:a|per|each|days?|weeks?|months?|hundred|thousand|dollars?|percent|times?)\b))?", _money),
    (rf"\ba (?P<unit>buck|dollar|pound|euro|quid) (?P<cents>(?:{'|'.join(TENS)})(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?)\b(?P<number>)", _one_and_cents),
    (rf"\b(?P<number>{NUMBER} k)\b", _money),
    (rf"\b(?P<number>{NUMBER}) (?:cents|pence)\b", _cents),
    (r"\b(?<!half )a (?P<slang>fiver|tenner|grand|c note)\b(?P<half> and a half\b)?", _slang),
    (r"\b(?:a )?couple (?:of )?(?P<scale>hundred|thousand|grand)\b(?: (?:dollars|bucks|pounds|quid))?", _couple),
    (r"\b(?:all of (?:it|what i owe|the money|that)|the (?:whole|entire|full) (?:thing|amount|balance|lot|sum|bill)|(?:pay|paid|clear|settle|send) (?:it )?(?:all|in full|everything)|in full|everything|the lot|full amount|full payment|every (?:last )?(?:penny|cent)|the full whack|in one (?:go|hit|shot|lump)|(?:in|as) a lump sum|pay(?:ing)? it all|it all|the total)\b", _all),
    (rf"\b(?P<share>{_SHARE})\b(?: of (?:it|that|the (?:amount|balance|money|bill)))?(?! (?:hundred|thousand|grand|million|lakhs?|crores?|past|an hour|hour|a grand|a thousand|to|of an hour|day|party|person|time|a million|an? ))", _share),
    (rf"(?<![\w.,$-])(?P<number>{NUMBER})\b{_NOT_MONEY}(?![.,]?[0-9])(?!(?: and)? (?:{'|'.join(ONES)})\b)", _bare),
)  # fmt: skip
AMOUNTS: Grammar[AmountMention] = Grammar(_RULES)
ASKED: Grammar[AmountMention] = Grammar(
    (
        *_RULES,
        (
            rf"(?<![\w.,$-])(?P<number>{NUMBER})\b{_NOT_MONEY}(?![.,]?[0-9])(?! (?:of|or|more|more than|left|and then))",
            _small,
        ),
    )
)
"""In answer to how much a bare number from ten is an amount too."""
_LEAD = (
    r"^(?:no |sorry |well |i mean |make (?:it|that) |just |maybe |about |around |nearly |almost |like |say |call it |up to |at most |(?:no|not) more than |only "
    r"|i (?:can|could) (?:do |pay |manage |stretch to |spare )|how about )*"
)
BARE_NUMBER = re.compile(rf"{_LEAD}({NUMBER})$")
SPAN = re.compile(rf"\b(?:between {NUMBER} and|{NUMBER} (?:or|to)) {NUMBER}(?: {_UNIT}\b)?")
"""Two or three hundred: neither of them was named."""
_PRICE = re.compile(rf"{_LEAD}(?P<whole>{NUMBER}) ninety (?P<last>nine|five)$")
_HUNDREDS = "|".join(word for word, value in ONES.items() if value > 9)
_PAIR = re.compile(
    rf"{_LEAD}(?P<hundreds>{_HUNDREDS}|twenty) (?P<rest>(?:{'|'.join(TENS)})(?: (?:one|two|three|four|five|six|seven|eight|nine))?)$"
)


_WITH_OH = re.compile(
    rf"{_LEAD}(?P<hundreds>{'|'.join(w for w, v in ONES.items() if v)}) oh? (?P<ones>{'|'.join(w for w, v in ONES.items() if 0 < v < 10)})$"
)


def said_with_oh(text: str) -> AmountMention | None:
    """Return 105 for "one oh five" in answer to how much."""
    match = _WITH_OH.match(text)
    if match is None:
        return None
    return _amount(match[0], Fraction(ONES[match["hundreds"]] * 100 + ONES[match["ones"]]), None)


def bare_numbers(clauses: Sequence[str]) -> list[AmountMention]:
    """Return the numbers that stand alone in a clause each, in answer to how much: "seventy, no, make that ninety"."""
    named = [(match[1], number_of(match[1])) for clause in clauses if (match := BARE_NUMBER.match(clause))]
    return [found for text, value in named if value and (found := _amount(text, value, None))]


def price(text: str) -> AmountMention | None:
    """Return 99.99 for "ninety nine ninety nine" in answer to how much."""
    match = _PRICE.match(text)
    whole = number_of(match["whole"]) if match else None
    if match is None or whole is None or whole > 99:
        return None
    return _amount(match[0], whole + Fraction(90 + ONES[match["last"]], 100), None)


def paired(text: str) -> AmountMention | None:
    """Return 1250 for "twelve fifty" in answer to how much: unasked it might be a time, and it is read back."""
    match = _PAIR.match(text)
    hundreds, rest = (number_of(match["hundreds"]), number_of(match["rest"])) if match else (None, None)
    return (
        None
        if match is None or hundreds is None or rest is None
        else _amount(match[0], hundreds * 100 + rest, None)
    )
