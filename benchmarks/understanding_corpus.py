"""The training corpus: patterns of phrases expanded, and what a telephone and a recogniser do to them.

A pattern is text with ``(a|b)`` one of, ``[a]`` or ``(a)?`` perhaps, ``{name}`` one of a list in macros.toml.
"""

import random
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from firmware.dialogue.intents import INTENTS
from firmware.dialogue.understanding.features import sound_of_character, sound_of_word
from firmware.dialogue.understanding.text import bare, clauses, normalise, readings

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "firmware/dialogue/understanding/corpus"
NOTHING = "none"
NAMES = tuple(sorted(INTENTS))
GUARDED = frozenset({"opt_out", "wrong_number", "want_human", "dispute", "vulnerable"})
"""What must not be missed: more samples, and more of them misheard."""
BIGGEST = 80
AUTHOR = "author_"
"""How the files of literal phrases are called, one for each author."""
WENT_ON = {
    20: 0, 21: 0, 22: 0, 23: 1, 24: 1, 25: 1, 26: 0, 27: 0, 28: 1,
    29: 1, 30: 0, 31: 0, 32: 1, 33: 1, 34: 0, 35: 0, 36: 1, 37: 1,
    38: 0, 39: 0, 40: 1, 41: 1, 42: 0, 43: 1,
}  # fmt: skip
"""Authors who were shown one half of the development sample (0 or 1) and went on as its author would, seeing nothing else."""
LITERAL = 3
"""Samples of a literal phrase; the first is the phrase as it stands."""
BY_SOUND = 0.6
"""Share of what is misheard in English that is so by the sounds of a dictionary, not by spelling alone."""
FILLERS_ZH = "啊嗯呃哦那个就是的了吧"
FILLERS_EN = ("uh", "um", "the", "a", "like", "so", "and", "you know")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One entry of the corpus and the intents it means."""

    text: str
    intents: frozenset[str]
    group: int
    author: int = 0
    """Who wrote it: 0 the hand of the patterns, others wrote literal phrases, each apart from all the rest."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One training phrase, bare."""

    text: str
    intents: frozenset[str]
    group: int
    author: int = 0
    parts: tuple[str, ...] = ()
    """Its clauses, where it has several: the box scores each of them besides the whole."""
    is_verbatim: bool = False
    """An author's phrase as it stands: never misheard."""


def read_toml(path: Path) -> dict[str, dict[str, list[str]]]:
    """Read one file of phrases."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def patterns(language: str) -> list[Pattern]:
    """Return every pattern of one language, in a fixed order."""
    found: list[Pattern] = []
    for path in sorted((CORPUS / language).glob("*.toml")):
        author = int(path.stem.removeprefix(AUTHOR)) if path.stem.startswith(AUTHOR) else 0
        for name, table in read_toml(path).items():
            if name == "macros":
                continue
            meant = frozenset() if name == NOTHING else frozenset(name.split("+"))
            if not meant <= INTENTS:
                raise SystemExit(f"{path}: [{name}] is no intent: write one of {', '.join(NAMES)}, or none")
            for text in table["phrases"]:
                found.append(Pattern(text, meant, len(found), author))
    return found


def macros(language: str) -> Mapping[str, Sequence[str]]:
    """Return the lists that {name} stands for."""
    return read_toml(CORPUS / language / "macros.toml")["macros"]


def expand(pattern: str, lists: Mapping[str, Sequence[str]], dice: random.Random) -> str:
    """Return one phrase of a pattern, by chance."""
    text, rest = _sequence(pattern, 0, lists, dice, stop="")
    if rest != len(pattern):
        raise SystemExit(f"unbalanced bracket in the pattern {pattern!r} at {rest}")
    return text


def variety(pattern: str) -> float:
    """Return how much of a share of samples a pattern gets: one that says many things gets more of them."""
    return 0.5 + min(2.5, pattern.count("|") / 10)


def _sequence(
    pattern: str, at: int, lists: Mapping[str, Sequence[str]], dice: random.Random, *, stop: str
) -> tuple[str, int]:
    """Read up to `stop`; return the chosen alternative and where reading stopped."""
    options, current = [], ""
    while at < len(pattern) and pattern[at] != stop:
        char = pattern[at]
        if char == "|" and stop:
            options.append(current)
            current, at = "", at + 1
        elif char in "([":
            closing = ")" if char == "(" else "]"
            inner, at = _sequence(pattern, at + 1, lists, dice, stop=closing)
            if at >= len(pattern):
                raise SystemExit(f"unbalanced bracket in the pattern {pattern!r}")
            at += 1
            optional = char == "["
            if pattern[at : at + 1] == "?" and (char == "(" or pattern[at - 1] == "]"):
                optional, at = True, at + 1
            if not optional or dice.random() < 0.5:
                current += inner
        elif char == "{":
            end = pattern.index("}", at)
            current += dice.choice(lists[pattern[at + 1 : end]])
            at = end + 1
        else:
            current, at = current + char, at + 1
    return dice.choice([*options, current]), at


def samples(language: str, *, per_pattern: int, seed: int, extra: Sequence[Pattern] = ()) -> list[Sample]:
    """Return the training phrases of one language: expanded, with openers, mixtures and recognition errors."""
    dice = random.Random(seed)
    lists = macros(language)
    all_patterns = [*patterns(language), *extra]
    join = "" if language == "zh" else " "
    made: list[Sample] = []
    sizes: dict[frozenset[str], int] = {}
    for pattern in all_patterns:
        if not pattern.author:
            sizes[pattern.intents] = sizes.get(pattern.intents, 0) + 1
    for pattern in all_patterns:
        for at in range(_count(pattern, sizes, per_pattern)):
            text = expand(pattern.text, lists, dice)
            if pattern.author and not at:
                made.append(Sample(text, pattern.intents, pattern.group, pattern.author, is_verbatim=True))
                continue
            if dice.random() < 0.35:
                text = dice.choice(lists["opener"]) + join + text
            if dice.random() < 0.25:
                text = text + join + dice.choice(lists["closer"])
            # "I ('ll|will) go" is written with a space before the bracket.
            made.append(Sample(text.replace(" '", "'"), pattern.intents, pattern.group, pattern.author))
    # Nobody's phrases are mixed with another's: a model without one author must not have heard half of him.
    for author in sorted({sample.author for sample in made}):
        own = [sample for sample in made if sample.author == author]
        made.extend(_mixtures(own, len(own) // 3, join, dice))
    # A first word alone means nothing yet.
    made.extend(Sample(text, frozenset(), -1) for text in lists["opener"] if len(text) > 1)
    plain = []
    for sample in made:
        parts = clauses(normalise(sample.text, language), language)
        is_guarded = bool(sample.intents & GUARDED)
        if not sample.is_verbatim and dice.random() < (0.6 if is_guarded else 0.45):
            rate = dice.choice((0.05, 0.1, 0.2, 0.25) if is_guarded else (0.05, 0.1, 0.2))
            parts = [heard for part in parts if (heard := _spoilt(part, language, rate, dice))]
        if not parts:
            continue
        several = tuple(parts) if len(parts) > 1 else ()
        plain.append(
            Sample(join.join(parts), sample.intents, sample.group, sample.author, several, sample.is_verbatim)
        )
        if not sample.intents:
            # A clause of what means nothing means nothing; the box will score it by itself.
            plain += [Sample(part, frozenset(), sample.group, sample.author) for part in several]
    return plain


def _count(pattern: Pattern, sizes: Mapping[frozenset[str], int], per_pattern: int) -> int:
    """Return how many samples a pattern gets: of the patterns every intent about as many, however many say it."""
    if pattern.author:
        return LITERAL
    share = BIGGEST / sizes[pattern.intents] * _weight(pattern.intents)
    return max(2, round(per_pattern * min(2.0, share) * variety(pattern.text)))


def _weight(intents: frozenset[str]) -> float:
    if not intents:
        return 5.0
    return 1.25 if intents & GUARDED else 1.0


ASIDES = frozenset({"affirm", "deny", "repeat", "confirm_identity"})
"""Said beside something else they are a manner of speaking: 好，我明天还 is a promise."""


def _mixtures(made: Sequence[Sample], count: int, join: str, dice: random.Random) -> Iterator[Sample]:
    for _ in range(count):
        first, second = dice.choice(made), dice.choice(made)
        meant = first.intents | second.intents
        if len(meant) > 1 and meant - ASIDES:
            meant -= ASIDES
        # A mixture stays with its first pattern, or out-of-fold scores would have seen half of it.
        gap = dice.choice((join, ", "))
        yield Sample(f"{first.text}{gap}{second.text}", meant, first.group, first.author)


@cache
def _homophones() -> Mapping[str, str]:
    same: dict[str, str] = {}
    for char in readings():
        # The first level of GB 2312: the 3755 characters in everyday use.
        if char.encode("gb2312")[0] <= 0xD7:
            sound = sound_of_character(char)
            same[sound] = same.get(sound, "") + char
    return same


@cache
def _sound_alikes() -> Mapping[str, tuple[str, ...]]:
    same: dict[str, set[str]] = {}
    lists = macros("en")
    dice = random.Random(1)
    for pattern in patterns("en"):
        for at in range(6):
            text = expand(pattern.text, lists, dice)
            if at and pattern.author:
                continue  # a literal phrase says the same every time
            for word in bare(normalise(text, "en"), "en").split():
                same.setdefault(sound_of_word(word)[:3], set()).add(word)
    return {sound: tuple(sorted(words)) for sound, words in same.items()}


def misheard(text: str, language: str, rate: float, dice: random.Random) -> str:
    """Return bare `text` with about `rate` of it (characters; in English words) replaced, dropped or inserted."""
    if language == "zh":
        return "".join(_misheard_unit(char, rate, dice, _same_sound, FILLERS_ZH) for char in text)
    units = (_misheard_unit(word, rate, dice, _alike, FILLERS_EN, " ") for word in text.split())
    return " ".join(" ".join(units).split())


def _spoilt(text: str, language: str, rate: float, dice: random.Random) -> str:
    """Return bare `text` misheard in one of two ways: English also as the sounds of whole words have it."""
    if language == "en" and dice.random() < BY_SOUND:
        from benchmarks.understanding_mishearing import heard_as  # noqa: PLC0415  needs what only training needs

        return heard_as(text, rate, dice)
    return misheard(text, language, rate, dice)


def _same_sound(char: str, dice: random.Random) -> str:
    return dice.choice(_homophones().get(sound_of_character(char), char))


def _alike(word: str, dice: random.Random) -> str:
    return dice.choice(_sound_alikes().get(sound_of_word(word)[:3], (word,)))


def _misheard_unit(
    unit: str,
    rate: float,
    dice: random.Random,
    alike: Callable[[str, random.Random], str],
    fillers: Sequence[str],
    join: str = "",
) -> str:
    if dice.random() >= rate:
        return unit
    kind = dice.random()
    if kind < 0.6:
        return alike(unit, dice)
    return "" if kind < 0.85 else unit + join + dice.choice(fillers)
