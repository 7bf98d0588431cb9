"""What the trained model sees of a phrase: its n-grams, as hashes. Training and the box use this very code.

Chinese: characters, readings without tones (a homophone that the recogniser chose is the same there; southern accents
too: zh/z, n/l, ng/n are one), and pairs with a gap, so that a dropped or inserted word costs little.
English: words, pairs with a gap, letters inside words, and how words sound.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from firmware.dialogue.understanding.text import readings

MAX_UNITS = 160
_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_FUZZY = (
    (re.compile("^zh"), "z"),
    (re.compile("^ch"), "c"),
    (re.compile("^sh"), "s"),
    (re.compile("^[nr](?=.)"), "l"),
    (re.compile("^h(?=u)"), "f"),
    (re.compile("ng$"), "n"),
)
_SOUNDS = (
    (re.compile(r"^kn|^gn"), "n"),
    (re.compile(r"^wr"), "r"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"ck|q|c(?=[aou])"), "k"),
    (re.compile(r"c(?=[eiy])|z"), "s"),
    (re.compile(r"gh"), ""),
    (re.compile(r"dg|j"), "g"),
    (re.compile(r"v"), "f"),
    (re.compile(r"d"), "t"),
    (re.compile(r"b"), "p"),
    (re.compile(r"(?<!^)[aeiouyhw']"), ""),
    (re.compile(r"(.)\1+"), r"\1"),
)


@lru_cache(maxsize=8192)
def sound_of_character(char: str) -> str:
    """Return the reading with the sounds merged that southern speech merges; the character itself if it has none."""
    reading = readings().get(char, char)
    for pattern, merged in _FUZZY:
        reading = pattern.sub(merged, reading)
    return reading


@lru_cache(maxsize=8192)
def sound_of_word(word: str) -> str:
    """Return the consonants of an English word, voiced and unvoiced made one."""
    for pattern, merged in _SOUNDS:
        word = pattern.sub(merged, word)
    return word


def hashes(text: str, language: str) -> NDArray[np.uint32]:
    """Return the distinct features of bare `text`, sorted: uint32, shape (n_features,)."""
    grams = _chinese(text) if language == "zh" else _english(text)
    return np.unique(np.fromiter((crc32(gram.encode()) for gram in grams), dtype=np.uint32))


def _chinese(text: str) -> Iterator[str]:
    units = ["^", *_DIGITS.sub("0", text)[:MAX_UNITS], "$"]
    sounds = [sound_of_character(unit) for unit in units]
    yield from _ngrams("c", units, (1, 2, 3, 4))
    yield from _ngrams("p", sounds, (1, 2, 3))
    yield from _pairs("d", sounds, (2, 3))
    yield from _pairs("e", units, (2, 3))


def _english(text: str) -> Iterator[str]:
    words = ["^", *_DIGITS.sub("0", text).split()[:MAX_UNITS], "$"]
    sounds = [sound_of_word(word) for word in words]
    yield from _ngrams("w", words, (1, 2, 3, 4))
    yield from _pairs("d", words, (2, 3))
    yield from _ngrams("s", sounds, (1, 2, 3))
    for word in words:
        if len(word) > 3:
            yield from _ngrams("l", [f"<{word}>"[at : at + 1] for at in range(len(word) + 2)], (3, 4, 5))


def _ngrams(kind: str, units: list[str], sizes: tuple[int, ...]) -> Iterator[str]:
    for size in sizes:
        for start in range(len(units) - size + 1):
            yield f"{kind}{size} {' '.join(units[start : start + size])}"


def _pairs(kind: str, units: list[str], gaps: tuple[int, ...]) -> Iterator[str]:
    for gap in gaps:
        for start in range(len(units) - gap):
            yield f"{kind} {units[start]} {units[start + gap]}"
