"""Make what the words of an answer are recognised with: `python -m benchmarks.answer_language [--out FOLDER]`.

PocketSphinx has an English acoustic model only. Its phones are near enough to Mandarin's that a language model of what
is said when a call is answered finds the words of both: so this writes a trigram model of the texts of
`answer_texts*.yaml` for each language, with some thousand common English words in the one and all syllables in the other
(a person may say anything), and a dictionary that spells Mandarin in English phones. Texts of `dev` and `held_out` are
not in it.
"""

import argparse
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.answer_texts import patterns_of, phrase

FOLDER = Path(__file__).resolve().parents[1] / "audio" / "listening"
SEED = 1
SAMPLES = {"human": 3000, "machine": 3000, "screening_assistant": 800, "opening": 200}
SUBJECT_SAMPLES = 350
N_COMMON, COMMON_SHARE = 3000, 0.35
"""English words that any caller may say, and their share of what is expected at any place."""
SYLLABLE_SHARE = 0.15
"""Of Mandarin: single syllables, for what no text has."""
SMALLEST = 1e-8

_INITIALS = {
    **{
        "zh": "JH",
        "ch": "CH",
        "sh": "SH",
        "b": "B",
        "p": "P",
        "m": "M",
        "f": "F",
        "d": "D",
        "t": "T",
        "n": "N",
    },
    **{"l": "L", "g": "G", "k": "K", "h": "HH", "j": "JH", "q": "CH", "x": "SH", "r": "R", "z": "D Z"},
    **{"c": "T S", "s": "S"},
}
_FINALS = {
    **{
        "a": "AA",
        "o": "AO",
        "e": "AH",
        "ai": "AY",
        "ei": "EY",
        "ao": "AW",
        "ou": "OW",
        "an": "AA N",
        "en": "AH N",
    },
    **{"ang": "AA NG", "eng": "AH NG", "er": "AA R", "i": "IY", "ia": "Y AA", "ie": "Y EH", "iao": "Y AW"},
    **{"iu": "Y OW", "ian": "Y EH N", "in": "IH N", "iang": "Y AA NG", "ing": "IH NG", "iong": "Y OW NG"},
    **{"u": "UW", "ua": "W AA", "uo": "W AO", "uai": "W AY", "ui": "W EY", "uan": "W AA N", "un": "W AH N"},
    **{
        "uang": "W AA NG",
        "ong": "UH NG",
        "v": "Y UW",
        "ve": "Y EH",
        "van": "Y EH N",
        "vn": "Y IH N",
        "ue": "Y EH",
    },
}
_WITH_Y = {
    **{"i": "IY", "in": "IH N", "ing": "IH NG", "u": "Y UW", "ue": "Y EH", "uan": "Y EH N", "un": "Y IH N"},
    **{
        "a": "Y AA",
        "e": "Y EH",
        "ao": "Y AW",
        "ou": "Y OW",
        "an": "Y EH N",
        "ang": "Y AA NG",
        "ong": "Y OW NG",
    },
    **{"o": "Y AO"},
}
_WITH_W = {
    **{"u": "UW", "a": "W AA", "o": "W AO", "ai": "W AY", "ei": "W EY", "an": "W AA N", "en": "W AH N"},
    **{"ang": "W AA NG", "eng": "W AH NG"},
}
_HUMMED = {"n": "AH N", "ng": "AH NG", "m": "AH M", "hm": "HH AH M", "hng": "HH AH NG"}


def english_phones_of(syllable: str) -> str:
    """Return the English phones nearest to a Mandarin syllable in pinyin without its tone."""
    syllable = syllable.replace("ü", "v")
    if syllable in _HUMMED:
        return _HUMMED[syllable]
    if syllable[0] in "yw":
        return (_WITH_Y if syllable[0] == "y" else _WITH_W)[syllable[1:]]
    initial = next((one for one in _INITIALS if syllable.startswith(one)), "")
    final = syllable[len(initial) :]
    if not initial:
        return _FINALS[final]
    if final == "i" and initial in ("zh", "ch", "sh", "r"):
        vowel = "ER"
    elif final == "i" and initial in ("z", "c", "s"):
        vowel = "IH"
    else:
        vowel = _FINALS["v" + final[1:] if initial in "jqx" and final.startswith("u") else final]
    return f"{_INITIALS[initial]} {vowel}"


def english_words(text: str) -> list[str]:
    """Return a text as the dictionary spells it."""
    return "".join(c if c.isalpha() or c == "'" else " " for c in text.lower()).split()


def mandarin_words(text: str) -> list[str]:
    """Return the words of a text, without what is not Mandarin."""
    import jieba  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415  only here

    parts = re.split(r"[^一-鿿]+", text)
    return [word for part in parts if part for word in jieba.lcut(part)]


@dataclass(slots=True)
class Trigrams:
    """Counts of words after words, and how likely they make a word (Witten and Bell)."""

    common: dict[str, float]
    """What may be said besides, with its share of all."""
    one: Counter[str] = field(default_factory=Counter)
    two: dict[tuple[str, ...], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    three: dict[tuple[str, ...], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, words: list[str]) -> None:
        """Count one text."""
        whole = ["<s>", *words, "</s>"]
        for place, word in enumerate(whole[1:], start=1):
            self.one[word] += 1
            self.two[(whole[place - 1],)][word] += 1
            if place > 1:
                self.three[whole[place - 2], whole[place - 1]][word] += 1

    def arpa(self) -> str:
        """Return the model in ARPA's form."""
        total, rest = self.one.total(), 1 - sum(self.common.values())
        words = {
            word: max(SMALLEST, rest * self.one[word] / total + self.common.get(word, 0.0))
            for word in {*self.one, *self.common}
        }
        pairs, pair_rest = _discounted(self.two, lambda _history, word: words[word])

        def after_one(history: tuple[str, ...], word: str) -> float:
            past = history[-1:]
            return pairs.get((*past, word), pair_rest.get(past, 1.0) * words[word])

        often = {history: counts for history, counts in self.three.items() if counts.total() > 1}
        triples, triple_rest = _discounted(often, after_one)
        lines = ["\\data\\", f"ngram 1={len(words) + 1}", f"ngram 2={len(pairs)}", f"ngram 3={len(triples)}"]
        lines += ["", "\\1-grams:", f"-99\t<s>\t{_log(pair_rest[('<s>',)])}"]
        lines += [
            f"{_log(words[word])}\t{word}\t{_log(pair_rest.get((word,), 1.0))}" for word in sorted(words)
        ]
        lines += ["", "\\2-grams:"]
        lines += [
            f"{_log(pairs[it])}\t{' '.join(it)}\t{_log(triple_rest.get(it, 1.0))}" for it in sorted(pairs)
        ]
        lines += ["", "\\3-grams:", *(f"{_log(triples[it])}\t{' '.join(it)}" for it in sorted(triples))]
        return "\n".join([*lines, "", "\\end\\", ""])


def _discounted(
    counted: dict[tuple[str, ...], Counter[str]], shorter: Any
) -> tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]:
    """Return how likely each word follows each history, and what weight the shorter history has for all others."""
    likely, rest = {}, {}
    for history, counts in counted.items():
        new = 2 * len(counts)
        for word, n in counts.items():
            likely[(*history, word)] = (n + new * shorter(history, word)) / (counts.total() + new)
        missing = 1 - sum(likely[(*history, word)] for word in counts)
        rest[history] = max(1e-6, missing / max(1e-9, 1 - sum(shorter(history, word) for word in counts)))
    return likely, rest


def _log(value: float) -> str:
    return f"{math.log10(max(value, 1e-9)):.3f}"


def texts(splits: Iterable[str], language: str, rng: np.random.Generator) -> Iterator[str]:
    """Yield texts of every kind in a language, as many as its kind has samples."""
    for split in splits:
        for name in patterns_of(split):
            kind, spoken = name.rsplit("-", 1)
            if spoken == language:
                for _ in range(SAMPLES.get(kind, SUBJECT_SAMPLES)):
                    yield phrase(split, kind, language, rng)


def make(out: Path, splits: tuple[str, ...]) -> None:
    """Write `answer_words_en.lm`, `answer_words_zh.lm` and `answer_words.dict`."""
    import pocketsphinx  # noqa: PLC0415  only here
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415

    model = Path(pocketsphinx.get_model_path()) / "en-us"
    spelled: dict[str, list[str]] = defaultdict(list)
    for line in (model / "cmudict-en-us.dict").read_text(encoding="utf-8").splitlines():
        word, phones = line.split(" ", 1)
        spelled[re.sub(r"\(\d+\)$", "", word)].append(phones)
    decoder: Any = pocketsphinx.Decoder(
        hmm=str(model / "en-us"),
        dict=str(model / "cmudict-en-us.dict"),
        lm=str(model / "en-us.lm.bin"),
        loglevel="FATAL",
    )
    english = decoder.get_lm("_default")
    shares = {
        word: decoder.logmath.exp(english.prob([word])) for word in spelled if re.fullmatch("[a-z']+", word)
    }
    common = sorted(shares, key=lambda word: -shares[word])[:N_COMMON]
    rng = np.random.default_rng(SEED)
    said = {
        "en": [
            [word for word in english_words(text) if word in spelled] for text in texts(splits, "en", rng)
        ],
        "zh": [mandarin_words(text) for text in texts(splits, "zh", rng)],
    }
    syllables = Counter(one for words in said["zh"] for word in words for one in word)
    besides = {
        "en": {word: COMMON_SHARE * shares[word] / sum(shares[it] for it in common) for word in common},
        "zh": {one: SYLLABLE_SHARE * n / syllables.total() for one, n in syllables.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    vocabulary: set[str] = set()
    for language, of_language in said.items():
        counted = Trigrams(besides[language])
        for words in of_language:
            if words:
                counted.add(words)
        (out / f"answer_words_{language}.lm").write_text(counted.arpa(), encoding="utf-8")
        vocabulary |= {*counted.one, *besides[language]}
    rows = []
    for word in sorted(vocabulary - {"</s>"}):
        ways = spelled.get(word) or [" ".join(map(english_phones_of, lazy_pinyin(word, style=Style.NORMAL)))]
        rows += [
            f"{word}{f'({number})' if number > 1 else ''} {way}" for number, way in enumerate(ways, start=1)
        ]
    (out / "answer_words.dict").write_text("\n".join(rows) + "\n", encoding="utf-8")
    print(f"{len(rows)} spellings, {sum(path.stat().st_size for path in out.glob('answer_words*'))} bytes")


def main() -> None:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--splits", default="train,wide")
    given = parser.parse_args()
    make(given.out, tuple(given.splits.split(",")))


if __name__ == "__main__":
    main()
