"""One spelling for everything a recogniser may write: case, width, traditional characters, contractions, punctuation."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib import resources

MAX_CHARS = 400
"""More than anybody says in one breath; what comes after is not read, so that hostile text costs no time."""

_CLAUSE = re.compile(r"[,.;:!?，。；：！？、…~～\n\t]+")
_NOT_ZH = re.compile(r"[^0-9a-z一-鿿%.$¥£€]+")
_NOT_EN = re.compile(r"[^0-9a-z' %.$¥£€]+")
_INNER_POINT = re.compile(r"(?<=\d)[.,:/-](?=\d)")
_CONTRACTIONS = tuple(
    (re.compile(pattern), full)
    for pattern, full in (
        (r"\bwon'?t\b", "will not"),
        (r"\bcan'?t\b|\bcannot\b", "can not"),
        (r"\bshan'?t\b", "shall not"),
        (r"\bain'?t\b", "is not"),
        (r"\b(do|does|did|is|are|was|were|has|have|had|would|should|could|must)n'?t\b", r"\1 not"),
        (r"\bi'?m\b", "i am"),
        (r"\b(you|we|they)'re\b|\b(you|they)re\b", r"\1\2 are"),
        (r"\b(i|you|we|they)'?ve\b", r"\1 have"),
        (r"\b(i|you|he|she|it|we|they|that|there)'ll\b", r"\1 will"),
        (r"\b(i|you|he|she|it|we|they|that)'d\b", r"\1 would"),
        (r"\b(he|she|it|that|there|what|who|where|how|when|here)'?s\b", r"\1 is"),
        (r"\blet'?s\b", "let us"),
        (r"\bgonna\b", "going to"),
        (r"\bwanna\b", "want to"),
        (r"\bgotta\b", "got to"),
        (r"\bgimme\b", "give me"),
        (r"\blemme\b", "let me"),
        (r"\bdunno\b", "do not know"),
        (r"\b(y'?all|ya|yous)\b", "you"),
        (r"\bmum\b|\bmommy\b|\bmummy\b|\bmum's\b", "mom"),
        (r"\bdialled\b", "dialed"),
        (r"\binstalment", "installment"),
        (r"\bcheque\b", "check"),
        (r"\bneighbour\b", "neighbor"),
    )
)


@cache
def _characters() -> tuple[Mapping[str, str], Mapping[int, str]]:
    """Return the reading of each simplified character, and the simplified form of each traditional one."""
    readings: dict[str, str] = {}
    simple: dict[int, str] = {}
    table = resources.files(__package__).joinpath("characters.txt").read_text(encoding="utf-8")
    for line in table.splitlines():
        char, value = line.split(" ")
        if value.isascii():
            readings[char] = value
        else:
            simple[ord(char)] = value
    return readings, simple


def readings() -> Mapping[str, str]:
    """Return the toneless reading of each simplified character."""
    return _characters()[0]


def normalise(text: str, language: str) -> str:
    """Return `text` in one spelling, punctuation kept; at most `MAX_CHARS` characters of it."""
    plain = unicodedata.normalize("NFKC", text[: MAX_CHARS * 2]).lower().replace("’", "'").replace("`", "'")
    plain = plain[:MAX_CHARS]
    if language == "zh":
        return plain.translate(_characters()[1])
    for pattern, full in _CONTRACTIONS:
        plain = pattern.sub(full, plain)
    return plain


def clauses(normal: str, language: str) -> list[str]:
    """Return the pieces between punctuation marks, without them; a point inside a number is none."""
    kept = _INNER_POINT.sub("·", normal)
    parts = (bare(part, language) for part in _CLAUSE.split(kept))
    return [part for part in parts if part]


def joined(parts: list[str], language: str) -> str:
    """Return bare clauses as one."""
    return ("" if language == "zh" else " ").join(parts)


def bare(normal: str, language: str) -> str:
    """Return the words alone: in Chinese no spaces either."""
    if language == "zh":
        return _NOT_ZH.sub("", normal.replace("·", "."))
    return " ".join(_NOT_EN.sub(" ", normal.replace("·", ".")).split())
