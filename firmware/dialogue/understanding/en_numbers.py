"""English numbers as spoken and as a recogniser writes them: twelve hundred, two and a half thousand, 1,200.50, 1.2k."""

# ruff: noqa: E501  (one rule, one line)

import re
from fractions import Fraction

from firmware.dialogue.digit_names import ALSO_EN, EN

ONES = {word: value for value, word in enumerate(
    [*EN, "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"])}  # fmt: skip
TENS = {
    word: 20 + 10 * at
    for at, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"])
}
TENS["fourty"] = 40
SCALES = {
    "hundred": 100,
    "hundreds": 100,
    "thousand": 1000,
    "grand": 1000,
    "k": 1000,
    "million": 1_000_000,
    "lakh": 100_000,
    "lakhs": 100_000,
    "crore": 10_000_000,
    "crores": 10_000_000,
}
ORDINALS = {word: value for value, word in enumerate(
    ["zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"]) if value}  # fmt: skip
ORDINALS |= {"twentieth": 20, "thirtieth": 30}
_WORD = "|".join(sorted({*ONES, *TENS, *SCALES} - {"k"}, key=len, reverse=True))
NUMERAL = r"[0-9][0-9,]*+(?:\.[0-9]++)?"
NUMBER = rf"(?:(?:an?\s+)?(?:half\s+an?\s+)?(?:{NUMERAL}k?|{_WORD}|an?(?=\s+(?:hundred|thousand|grand|million)))\b(?:[\s-]+(?:and\s+a\s+half\b(?=\s+(?:thousand|hundred|grand|million|lakhs?|crores?))|and(?=\s+(?:{_WORD}|{NUMERAL})\b)|point(?=\s)|{NUMERAL}k?\b|(?:{_WORD})\b))*)"
"""A run of words that may be a number; `number_of` says whether it is one."""
MAX_WORDS = 14
DIGIT_WORDS = {
    **{w: str(v) for w, v in ONES.items() if v < 10},
    **{w: str(v) for w, v in ALSO_EN.items()},
    "o": "0",
    "nought": "0",
    "naught": "0",
}
_NUMERAL = re.compile(NUMERAL)
_SPLIT = re.compile(r"[\s-]+")


def number_of(text: str) -> Fraction | None:
    """Return the value of a whole run of number words, None if nobody counts like that."""
    words = _SPLIT.split(text.strip())
    if len(words) > MAX_WORDS:
        return None
    if words[:3] in (["half", "a", "grand"], ["half", "a", "thousand"]):
        return Fraction(500)
    if words[:3] == ["half", "a", "million"]:
        return Fraction(500_000)
    if words and words[0] in ("a", "an"):
        words[0] = "1"
    if "point" in words:
        at = words.index("point")
        return _decimal(words[:at], words[at + 1 :])
    if len(words) >= 4 and words[1:4] == ["and", "a", "half"]:
        head = _value(words[:1])
        rest = words[4:]
        if head is None or len(rest) != 1 or rest[0] not in SCALES:
            return None
        return (head + Fraction(1, 2)) * SCALES[rest[0]]
    return _value([word for word in words if word != "and"])


def _decimal(whole: list[str], part: list[str]) -> Fraction | None:
    head, scale = _value(whole), 1
    if part and part[-1] in SCALES:
        scale, part = SCALES[part[-1]], part[:-1]
    digits = "".join(DIGIT_WORDS.get(word, word if word.isdigit() else "?") for word in part)
    if head is None or not digits.isdigit():
        return None
    return (head + Fraction(int(digits), 10 ** len(digits))) * scale


def _value(words: list[str]) -> Fraction | None:
    total, current, was = Fraction(0), Fraction(0), ""
    seen = False
    smallest = Fraction(10**12)
    for word in words:
        if word in ONES or word in TENS or _NUMERAL.fullmatch(word.rstrip("k")):
            value, kind = _plain(word)
            if (
                was == "numeral"
                or (was == "ones" and kind not in ("tens", "teen"))
                or (was in ("ones", "teen") and kind == "ones")
            ):
                return None
            if was == "tens" and kind != "ones":
                return None
            if was in ("ones", "teen", "tens") and kind in ("tens", "teen"):
                # three fifty is 350, but only one such jump is a number.
                if was != "ones" or total:
                    return None
                current *= 100
            current, was, seen = current + value, kind, True
        elif word in SCALES:
            scale = SCALES[word]
            if was in ("", "scale") and not (was == "scale" and scale == 1000 and current):
                return None
            if scale == 100:
                current, was = current * 100, "hundred"
                continue
            if scale >= smallest:
                return None
            total, current, was, smallest = total + current * scale, Fraction(0), "scale", Fraction(scale)
        else:
            return None
    return total + current if seen else None


def _plain(word: str) -> tuple[Fraction, str]:
    if word in ONES:
        value = ONES[word]
        return Fraction(value), "ones" if 0 < value < 10 else "teen"
    if word in TENS:
        return Fraction(TENS[word]), "tens"
    scale = 1000 if word.endswith("k") else 1
    return Fraction(word.rstrip("k").replace(",", "")) * scale, "numeral"


_PAIR = re.compile(
    rf"\b(?:({'|'.join(TENS)})(?:[ -]({'|'.join(w for w, v in ONES.items() if 0 < v < 10)}))?|({'|'.join(w for w, v in ONES.items() if v > 9)}))\b"
)


def pairs_as_digits(text: str) -> str:
    """Return "forty four sixty seven" as 44 67: how last digits are said in pairs."""
    return _PAIR.sub(lambda m: str(ONES[m[3]] if m[3] else TENS[m[1]] + (ONES[m[2]] if m[2] else 0)), text)


_REPEATED = re.compile(
    rf"\b(two|three|four|five|six) ({'|'.join(sorted(DIGIT_WORDS, key=len, reverse=True))}|[0-9])(?:'?e?s)\b"
)


def repeated(text: str) -> str:
    """Return "four nines" as nine nine nine nine."""
    return _REPEATED.sub(lambda m: " ".join([m[2]] * ONES[m[1]]), text)


def digit_string(words: list[str]) -> str | None:
    """Return digits said one by one (one two double three, oh), None if anything else is among them."""
    said, times = "", 1
    for word in words:
        if word in ("double", "triple", "treble"):
            times = 2 if word == "double" else 3
            continue
        digits = DIGIT_WORDS.get(word, word if word.isdigit() else "")
        if not digits:
            return None
        said += digits * times if len(digits) == 1 else digits
        times = 1
    return said or None
