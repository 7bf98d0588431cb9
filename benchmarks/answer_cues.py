"""Weigh the words of an answer: `python -m benchmarks.answer_cues [--out FILE]`.

From the texts of `answer_texts*.yaml` (`train` and `wide`), with words left out, misheard and cut off as a recogniser
does, a softmax model over words and what follows them: for the four speaking classes, and for what an announcement is
about. No sound is needed. What matters is kept and the rest is dropped.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.dsp.answer_content import CONTENT_CLASSES, SUBJECTS
from audio.dsp.answer_words import MODEL_FILE, cues_of
from benchmarks.answer_language import english_words, mandarin_words
from benchmarks.answer_texts import patterns_of, phrase

SEED = 3
SAMPLES = {"human": 2200, "machine": 1500, "screening_assistant": 500}
SUBJECT_SAMPLES = 130
SAID_TWICE = 0.35
"""Who greets often goes on; who records nearly always does."""
LEFT_OUT, MISHEARD, CUT_OFF = 0.12, 0.18, 0.25
"""Share of words that a recogniser drops, and writes another one for; and of texts that are judged before their end."""
LEAST_TIMES = 4
RIDGE = 2e-5
ROUNDS = 500
KEPT_FROM = 0.05
"""Weights smaller than this are dropped."""

Example = tuple[str, int, int]
"""Text, class, subject (-1 for none)."""


def examples(rng: np.random.Generator) -> list[Example]:
    """Return texts of every kind as they might be heard."""
    found: list[Example] = []
    vocabulary: dict[str, list[str]] = {"en": [], "zh": []}
    rows: list[tuple[list[str], str, int, int]] = []
    for split in ("train", "wide"):
        for name in patterns_of(split):
            kind, language = name.rsplit("-", 1)
            if kind == "opening":
                continue
            subject = SUBJECTS.index(kind) if kind in SUBJECTS else -1
            answer = CONTENT_CLASSES.index("carrier_announcement" if subject >= 0 else kind)
            for _ in range(SAMPLES.get(kind, SUBJECT_SAMPLES)):
                text = phrase(split, kind, language, rng)
                if kind in SAMPLES and rng.random() < SAID_TWICE:
                    text += " " + phrase(split, kind, language, rng)
                if kind == "machine" and rng.random() < SAID_TWICE:
                    text = phrase("train", "opening", language, rng) + " " + text
                words = english_words(text) if language == "en" else mandarin_words(text)
                vocabulary[language] += words
                rows.append((words, language, answer, subject))
    for words, language, answer, subject in rows:
        others = vocabulary[language]
        found.append((" ".join(words), answer, subject))
        found.append((" ".join(misheard(words, others, rng)), answer, subject))
    return [one for one in found if one[0]]


def misheard(words: list[str], others: list[str], rng: np.random.Generator) -> list[str]:
    """Return what a poor recogniser might make of `words`, some of it replaced by `others`."""
    if len(words) > 3 and rng.random() < CUT_OFF:
        words = words[: int(rng.integers(3, len(words)))]
    heard = []
    for word in words:
        chance = rng.random()
        if chance < MISHEARD:
            heard.append(others[int(rng.integers(len(others)))])
        elif chance > MISHEARD + LEFT_OUT:
            heard.append(word)
        elif chance > MISHEARD + LEFT_OUT / 2:
            heard.append(word[: max(1, len(word) // 2)])
    return heard


def fit(texts: list[str], labels: NDArray[np.int64], n_classes: int) -> tuple[list[str], NDArray[np.float32]]:
    """Return the cues and their weights, the bias in the first row (accelerated gradient)."""
    told = [set(cues_of(text)) for text in texts]
    times = Counter(cue for cues in told for cue in cues)
    names = sorted(cue for cue, n in times.items() if n >= LEAST_TIMES)
    places = {cue: place for place, cue in enumerate(names, start=1)}
    rows = np.concatenate(
        [np.full(1 + sum(cue in places for cue in cues), row) for row, cues in enumerate(told)]
    )
    columns = np.array([c for cues in told for c in (0, *(places[cue] for cue in cues if cue in places))])
    order = np.argsort(columns, kind="stable")
    row_starts = np.searchsorted(rows, np.arange(len(texts)))
    column_starts = np.searchsorted(columns[order], np.arange(len(names) + 1))
    truth = np.eye(n_classes, dtype=np.float32)[labels]
    share = 1 / np.bincount(labels, minlength=n_classes)[labels].astype(np.float32) / n_classes
    # An announcement has many cues: the steepest direction is theirs.
    step = 2 / (float(np.mean(np.bincount(rows))) * 2 + RIDGE)
    weights = ahead = np.zeros((len(names) + 1, n_classes), dtype=np.float32)
    momentum = 1.0
    for _ in range(ROUNDS):
        scores = np.add.reduceat(ahead[columns], row_starts, axis=0)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        missed = share[:, None] * (powers / powers.sum(axis=1, keepdims=True) - truth)
        slope = np.add.reduceat(missed[rows[order]], column_starts, axis=0) + RIDGE * ahead
        moved = ahead - step * slope
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = moved + np.float32((momentum - 1) / following) * (moved - weights)
        weights, momentum = moved, following
    return names, weights


def make(out: Path) -> None:
    """Fit both questions and write what matters."""
    said = examples(np.random.default_rng(SEED))
    answer_cues, answers = fit(
        [one[0] for one in said], np.array([one[1] for one in said]), len(CONTENT_CLASSES)
    )
    carriers = [one for one in said if one[2] >= 0]
    subject_cues, subjects = fit(
        [one[0] for one in carriers], np.array([one[2] for one in carriers]), len(SUBJECTS)
    )
    names = sorted({*answer_cues, *subject_cues})
    n = len(CONTENT_CLASSES)
    table = np.zeros((len(names), n + len(SUBJECTS)), dtype=np.float32)
    places = {name: place for place, name in enumerate(names)}
    table[[places[cue] for cue in answer_cues], :n] = answers[1:]
    table[[places[cue] for cue in subject_cues], n:] = subjects[1:]
    kept = np.abs(table).max(axis=1) >= KEPT_FROM
    np.savez_compressed(
        out,
        cues=np.array("\n".join(name for name, is_kept in zip(names, kept, strict=True) if is_kept)),
        weights=table[kept].astype(np.float16),
        bias=np.concatenate([answers[0], subjects[0]]),
    )
    print(f"{len(said)} texts, {int(kept.sum())} cues, {out.stat().st_size} bytes")


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=MODEL_FILE)
    make(parser.parse_args().out)


if __name__ == "__main__":
    main()
