"""Which phrases are nearly the same: pairs of characters (English: of words) that two of them share."""

import random
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from benchmarks.understanding_corpus import Pattern, expand, macros, patterns
from firmware.dialogue.understanding.text import bare, normalise

NEAR = 0.7
PARTICLES = "啊呀吧呢嘛哈哦了啦的"
LONG = {"zh": 4, "en": 3}
"""Characters or words from which a phrase found inside another is the same phrase with something around it."""


def key(text: str, language: str) -> str:
    """Return what makes two phrases the same for a test: no punctuation, no final particles."""
    plain = bare(normalise(text, language), language)
    return plain if language == "en" else "".join(c for c in plain if c not in PARTICLES) or plain


def units(text: str, language: str) -> tuple[str, ...]:
    """Return the characters or words of a key."""
    return tuple(text) if language == "zh" else tuple(text.split())


@cache
def _pairs(text: str, language: str) -> frozenset[tuple[str, str]]:
    said = ("^", *units(text, language), "$")
    return frozenset(pairwise(said))


class Near:
    """Tells whether a text is nearly one of a set of phrases, or holds one of them whole."""

    def __init__(self, phrases: Iterable[str], language: str) -> None:
        self._language = language
        self._keys = frozenset(key(text, language) for text in phrases)
        self._pairs = [(_pairs(one, language), one) for one in sorted(self._keys)]
        self._with: dict[tuple[str, str], list[int]] = {}
        for at, (pairs, _one) in enumerate(self._pairs):
            for pair in pairs:
                self._with.setdefault(pair, []).append(at)

    def holds(self, text: str) -> str | None:
        """Return the phrase that `text` repeats, None if it repeats none."""
        plain = key(text, self._language)
        if plain in self._keys:
            return plain
        padded = self._between_words(plain)
        said = _pairs(plain, self._language)
        # A phrase that is held whole shares its pairs, so only what shares one is looked at.
        shared = Counter(at for pair in said for at in self._with.get(pair, ()))
        for at in sorted(shared):
            one = self._pairs[at][1]
            if self._between_words(one) in padded and len(units(one, self._language)) >= LONG[self._language]:
                return one
        close = [at for at, n in shared.items() if 2 * n >= NEAR * (len(said) + len(self._pairs[at][0]))]
        if close:
            return self._pairs[min(close)][1]
        return None

    def _between_words(self, key: str) -> str:
        return key if self._language == "zh" else f" {key} "


def copies(path: Path, language: str, phrases: Sequence[str], *, tries: int = 30) -> list[tuple[str, str]]:
    """Return what a file of the corpus says that is nearly one of `phrases`, with that phrase."""
    near, dice, lists = Near(phrases, language), random.Random(3), macros(language)
    said = {
        text
        for table in tomllib.loads(path.read_text(encoding="utf-8")).values()
        for text in table["phrases"]
    }
    wanted: list[Pattern] = [pattern for pattern in patterns(language) if pattern.text in said]
    found = {}
    for pattern in wanted:
        for _ in range(tries):
            text = expand(pattern.text, lists, dice)
            if (one := near.holds(text)) is not None:
                found[text] = one
    return sorted(found.items())
