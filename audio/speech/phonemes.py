"""Text as the phonetic letters that Kokoro-82M was trained on: Mandarin by dictionary and table, English by espeak-ng."""

import logging
import re
import subprocess
import tempfile
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from audio.errors import SynthesisError
from audio.speech.mandarin_readings import read_known
from audio.speech.mandarin_sounds import sounds_of

ESPEAK_TIMEOUT_S = 10.0
_PUNCTUATION = str.maketrans(
    {
        "，": ",", "、": ",", "。": ".", "！": "!", "？": "?", "：": ":", "；": ";", "（": "(", "）": ")",
        "《": "“", "》": "”", "「": "“", "」": "”", "‘": "'", "’": "'", "·": " ", "—": "—",
    }
)  # fmt: skip
_MARKS = ',.!?:;()“”—…"'
_HAN_RUN = re.compile(r"[㐀-䶿一-鿿]+|[A-Za-z][A-Za-z'&.\- ]*|[^㐀-䶿一-鿿A-Za-z]+")
_ENGLISH_RUN = re.compile(rf"[^{re.escape(_MARKS)}]+|[{re.escape(_MARKS)}]+")
_SOUNDS = (
    # espeak-ng's letters, two that belong together tied by ^, to those of the training: the longer first.
    ("ʔn̩", "tᵊn"), ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"),
    ("ə^l", "ᵊl"), ("ʲ", ""), ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɐ", "ə"), ("ɬ", "l"), ("̃", ""),
)  # fmt: skip
_AMERICAN = (
    ("o^ʊ", "O"),
    ("ɜː", "ɜɹ"),
    ("ɜɹɹ", "ɜɹ"),
    ("ɪə", "iə"),
    ("ː", ""),
    ("o", "ɔ"),
    ("ɾ", "T"),
    ("ʔ", "t"),
)
_BRITISH = (("e^ə", "ɛː"), ("iə", "ɪə"), ("ə^ʊ", "Q"), ("o", "ɔ"), ("ɾ", "t"), ("ʔ", "t"))


def mandarin_phonemes(text: str, *, english: Callable[[str], str]) -> str:
    """Return Mandarin as phonemes, words apart; Latin letters in it are read by `english`. Raises SynthesisError."""
    said: list[str] = []
    for run in _HAN_RUN.findall(text):
        if "㐀" <= run[0] <= "鿿":
            said.append(_chinese(run))
        elif run[0].isascii() and run[0].isalpha():
            said.append(f" {english(run.strip())} ")
        else:
            said.append("".join(_spaced(mark) for mark in run.translate(_PUNCTUATION)))
    return re.sub(r" (?=[,.!?;:”)])", "", " ".join("".join(said).split()))


def english_phonemes(text: str, *, british: bool = False, program: str = "espeak-ng") -> str:
    """Return English as phonemes, punctuation kept. Raises SynthesisError when espeak-ng does not do its part."""
    said = []
    for run in _ENGLISH_RUN.findall(text.translate(_PUNCTUATION)):
        if run[0] in _MARKS:
            said.append(run)
        elif run.strip():
            lead, trail = " " * run.startswith(" "), " " * run.endswith(" ")
            said.append(lead + _by_espeak(run.strip(), british=british, program=program) + trail)
        else:
            said.append(" ")
    return " ".join("".join(said).split())


def _chinese(run: str) -> str:
    known: list[str | None] = []
    for part in read_known(run):
        known += part.syllables or [None] * len(part.text)
    words: list[str] = []
    position = 0
    for word in _segments(run):
        read = known[position : position + len(word)]
        position += len(word)
        if None in read:
            read = [one or other for one, other in zip(read, _dictionary(word), strict=True)]
        words.append("".join(_sound(syllable) for syllable in read if syllable))
    return " ".join(word for word in words if word)


def _sound(syllable: str) -> str:
    try:
        return sounds_of(syllable)
    except ValueError:
        return ""  # an interjection that is all nasal: 呣, 哼


def _spaced(mark: str) -> str:
    return f"{mark} " if mark in ",.!?:;”)" else mark


@lru_cache(maxsize=1)
def _jieba() -> Any:
    import jieba  # noqa: PLC0415 - optional, and half a second: loaded when Mandarin is spoken

    jieba.setLogLevel(logging.ERROR)
    return jieba


def _segments(text: str) -> list[str]:
    """Return Chinese text as words."""
    jieba = _jieba()
    if not jieba.dt.initialized:
        # Its own choice is a file of a fixed name in /tmp, which anybody may have put there before.
        with tempfile.TemporaryDirectory(prefix="branchline-words-") as folder:
            jieba.dt.tmp_dir = folder
            jieba.initialize()
    return list(jieba.cut(text, cut_all=False))


def _dictionary(word: str) -> list[str]:
    """Return one syllable a character, empty where the dictionary knows none."""
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415 - optional, as above

    def read(text: str) -> list[str]:
        return list(lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore"))

    syllables = read(word)
    return syllables if len(syllables) == len(word) else ["".join(read(one)[:1]) for one in word]


def _by_espeak(text: str, *, british: bool, program: str) -> str:
    try:
        done = subprocess.run(
            [program, "-v", "en-gb" if british else "en-us", "-q", "--ipa", "--tie=^", "-b", "1", "--stdin"],
            input=text.encode(),
            capture_output=True,
            timeout=ESPEAK_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise SynthesisError("espeak-ng is needed to read English: apt-get install espeak-ng") from None
    except (OSError, subprocess.TimeoutExpired):
        raise SynthesisError("espeak-ng does not read the phrase") from None
    if done.returncode != 0:
        raise SynthesisError("espeak-ng does not read the phrase: reinstall espeak-ng-data")
    sounds = " ".join(done.stdout.decode(errors="replace").split())
    for old, new in (*_SOUNDS, *(_BRITISH if british else _AMERICAN)):
        sounds = sounds.replace(old, new)
    sounds = re.sub("(\\S)\u0329", r"ᵊ\1", sounds)
    return sounds.replace("^", "").replace("\u0329", "")
