"""Train the models that the box understands with, and write them beside the code. One command, always the same result.

    python benchmarks/understanding_training.py            (needs the `training` extra; a minute or two)

The shipped models have seen the corpus and the development sample, never the challenge set.
"""

import argparse
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from benchmarks.understanding_corpus import GUARDED, NAMES, ROOT, Pattern, Sample, patterns, samples
from firmware.dialogue.understanding.features import hashes
from firmware.dialogue.understanding.model import IntentModel, feature_value

PER_PATTERN = {"zh": 20, "en": 18}
"""Phrases of each pattern; more of them did better in Chinese and no better in English."""
MIN_COUNT = 3
PENALTY = 3e-5
FOLDS = 2
EPOCHS = 6
BATCH = 256
RATE = 0.3
MISS_COSTS = {
    "opt_out": 2.0, "wrong_number": 3.0, "want_human": 2.0, "dispute": 3.0, "vulnerable": 1.5,
    "third_party": 1.4, "ask_details": 1.4, "callback_later": 1.4, "promise_to_pay": 1.4,
}  # fmt: skip
"""A miss of what protects a callee counts as many false alarms: its confidence is that much above its mere share. The
others get a little of it, so that a matter said beside another one is still heard."""
KEPT = 280_000
SAMPLE = ROOT / "tests/firmware/dialogue/understanding/phrases.toml"
SHIPPED = ROOT / "firmware/dialogue/understanding"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Samples as numbers."""

    x: csr_matrix
    y: NDArray[np.float64]
    groups: NDArray[np.int64]
    keys: NDArray[np.uint32]


def sample_patterns(language: str, first_group: int) -> list[Pattern]:
    """Return the development sample as patterns."""
    found: list[Pattern] = []
    for name, table in tomllib.loads(SAMPLE.read_text(encoding="utf-8"))[language].items():
        for text in table["phrases"]:
            found.append(Pattern(text, frozenset({name}), first_group + len(found)))
    return found


def matrix_of(made: Sequence[Sample], language: str) -> Matrix:
    """Return features and labels of samples; features seen in fewer than MIN_COUNT samples are left out."""
    rows = [hashes(sample.text, language) for sample in made]
    every = np.concatenate(rows)
    keys, counts = np.unique(every, return_counts=True)
    keys = keys[counts >= MIN_COUNT]
    y = np.array([[name in sample.intents for name in NAMES] for sample in made], dtype=np.float64)
    return Matrix(features(rows, keys), y, np.array([sample.group for sample in made]), keys)


def features(rows: Sequence[NDArray[np.uint32]], keys: NDArray[np.uint32]) -> csr_matrix:
    """Return the known features of texts, given the hashes of each."""
    indices, indptr, values = [], [0], []
    for row in rows:
        at = np.searchsorted(keys, row)
        at[at == len(keys)] = 0
        at = at[keys[at] == row]
        indices.append(at)
        values.append(np.full(len(at), feature_value(len(row)), dtype=np.float32))
        indptr.append(indptr[-1] + len(at))
    return csr_matrix(
        (np.concatenate(values), np.concatenate(indices), np.array(indptr)), shape=(len(rows), len(keys))
    )


def fit(
    x: csr_matrix, y: NDArray[np.float64], epochs: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weights and bias of all logistic regressions, fitted together by AdaGrad on small batches."""
    n_intents = y.shape[1]
    weights = np.zeros((x.shape[1], n_intents), dtype=np.float32)
    mass = np.full((x.shape[1], n_intents), 1e-8, dtype=np.float32)
    bias, bias_mass = np.full(n_intents, -3.0, dtype=np.float32), np.full(n_intents, 1e-8, dtype=np.float32)
    order = np.random.default_rng(7)
    for epoch in range(epochs):
        rate = RATE * (1 - epoch / epochs) + RATE / 10
        rows = order.permutation(x.shape[0])
        for start in range(0, len(rows), BATCH):
            part = x[rows[start : start + BATCH]]
            # Only the features of this batch are touched: the rest of the table costs nothing.
            seen, part.indices = np.unique(part.indices, return_inverse=True)
            part = csr_matrix((part.data, part.indices, part.indptr), shape=(part.shape[0], len(seen)))
            now = weights[seen]
            z = np.clip(part @ now + bias, -30, 30)
            delta = (1 / (1 + np.exp(-z)) - y[rows[start : start + BATCH]]).astype(np.float32) / BATCH
            slope = part.T @ delta + PENALTY * now
            mass[seen] += slope * slope
            weights[seen] = now - rate * slope / np.sqrt(mass[seen])
            total = delta.sum(axis=0)
            bias_mass += total * total
            bias -= rate / 4 * total / np.sqrt(bias_mass)
    return weights, bias


def calibration(
    z: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return slope and shift for each intent, from scores of samples that the weights had not seen."""
    slopes, shifts = np.ones(z.shape[1]), np.zeros(z.shape[1])
    for at in range(z.shape[1]):

        def loss(pair: NDArray[np.float64], at: int = at) -> float:
            value = pair[0] * z[:, at] + pair[1]
            return float((np.logaddexp(0, value) - y[:, at] * value).mean() + 1e-4 * (pair[0] - 1) ** 2)

        slopes[at], shifts[at] = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
        shifts[at] += np.log(MISS_COSTS.get(NAMES[at], 1.0))
    return slopes, shifts


def train(
    language: str,
    *,
    extra: Sequence[Pattern],
    is_allowed: Callable[[str], bool] = lambda text: True,
    calibrated: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    say: Callable[[str], None] = print,
) -> IntentModel:
    """Return a model of one language; `is_allowed` keeps samples out that a test will ask about."""
    made = [
        s
        for s in samples(language, per_pattern=PER_PATTERN[language], seed=7, extra=extra)
        if is_allowed(s.text)
    ]
    data = matrix_of(made, language)
    say(f"{language}: {len(made)} samples, {len(data.keys)} features")
    if calibrated is None:
        z = np.zeros_like(data.y)
        several = [(at, part) for at, sample in enumerate(made) for part in sample.parts]
        owners = np.array([at for at, _part in several])
        guarded = [NAMES.index(name) for name in sorted(GUARDED)]
        clause_x = features([hashes(part, language) for _at, part in several], data.keys)
        fold = (data.groups * 7919) % FOLDS
        for held in range(FOLDS):
            weights, bias = fit(data.x[fold != held], data.y[fold != held], EPOCHS)
            z[fold == held] = data.x[fold == held] @ weights + bias
            # As the box does: the best of the whole and its clauses counts. Not for yes, no and the like, which
            # stand beside a matter in a mixture without being what it means.
            of_held = fold[owners] == held
            best = z.copy()
            np.maximum.at(best, owners[of_held], clause_x[of_held] @ weights + bias)
            z[:, guarded] = best[:, guarded]
        calibrated = calibration(z, data.y)
        say(f"{language}: calibrated on out-of-fold scores")
    weights, bias = fit(data.x, data.y, EPOCHS)
    strength = np.abs(weights).max(axis=1)
    kept = np.sort(np.argsort(-strength)[:KEPT])
    return IntentModel(
        language=language,
        names=NAMES,
        keys=data.keys[kept],
        weights=weights[kept].astype(np.float32),
        bias=bias.astype(np.float32),
        slope=calibrated[0].astype(np.float32),
        shift=calibrated[1].astype(np.float32),
    )


def save(model: IntentModel, path: Path) -> None:
    """Write a model: weights in eighths of a bit per class, which costs no accuracy that can be measured."""
    scale = np.abs(model.weights).max(axis=0) / 127
    np.savez_compressed(
        path,
        names=np.array(model.names),
        keys=model.keys,
        weights=np.round(model.weights / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        bias=model.bias,
        slope=model.slope,
        shift=model.shift,
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--language", choices=("zh", "en"), action="append")
    chosen = arguments.parse_args().language or ["zh", "en"]
    for language in chosen:
        began = time.monotonic()
        model = train(language, extra=sample_patterns(language, len(patterns(language))))
        path = SHIPPED / f"{language}.npz"
        save(model, path)
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
