"""Train the models that the box understands with, and write them beside the code. One command, always the same result.

    python -m benchmarks.understanding_training            (needs the `training` extra; some fifteen minutes a language)

The shipped models have seen the corpus and the development sample, never the challenge set.
"""

import argparse
import time
import tomllib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from benchmarks.understanding_corpus import GUARDED, NAMES, ROOT, Pattern, Sample, patterns, samples
from benchmarks.understanding_sense import fit_sense, scores_of, unfitted_sense
from firmware.dialogue.understanding.features import hashes
from firmware.dialogue.understanding.model import SENSE, IntentModel, feature_value
from firmware.dialogue.understanding.sense import Pieces, Sense

PER_PATTERN = {"zh": 5, "en": 5}
"""Phrases of each pattern; they are the lesser part beside the literal phrases of the authors."""
MIN_COUNT = 4
PENALTY = 3e-5
LEFT_OUT = frozenset({2, 5, 7, 11})
"""Authors whose phrases calibrate: a model that never heard them says how sure it may be of a stranger."""
EPOCHS, SENSE_EPOCHS, MORE_EPOCHS = 4, 7, 3
"""Rounds over the samples: of n-grams, of sense, and of both once more when those left out come in."""
BATCH = 256
RATE = 0.3
MISS_COSTS = {
    "opt_out": 1.8, "wrong_number": 4.8, "want_human": 3.6, "dispute": 3.0, "vulnerable": 1.7,
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
    return Matrix(features(rows, keys), y, keys)


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


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights and bias of all logistic regressions, and the sums of squared slopes that AdaGrad goes on with."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    mass: NDArray[np.float32]
    bias_mass: NDArray[np.float32]


def unfitted(n_features: int, n_intents: int) -> Fitted:
    """Return what knows nothing yet."""
    return Fitted(
        np.zeros((n_features, n_intents), dtype=np.float32),
        np.full(n_intents, -3.0, dtype=np.float32),
        np.full((n_features, n_intents), 1e-8, dtype=np.float32),
        np.full(n_intents, 1e-8, dtype=np.float32),
    )


def fit(x: csr_matrix, y: NDArray[np.float64], epochs: int, fitted: Fitted) -> None:
    """Fit all logistic regressions together by AdaGrad on small batches, in place."""
    weights, mass, bias, bias_mass = fitted.weights, fitted.mass, fitted.bias, fitted.bias_mass
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
            so_far = mass[seen] + slope * slope
            mass[seen] = so_far
            weights[seen] = now - rate * slope / np.sqrt(so_far)
            total = delta.sum(axis=0)
            bias_mass += total * total
            bias -= rate / 4 * total / np.sqrt(bias_mass)


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
    is_allowed: Callable[[Sample], bool] = lambda sample: True,
    without: Collection[int] = (),
    calibrated: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    say: Callable[[str], None] = print,
) -> IntentModel:
    """Return a model of one language; `is_allowed` keeps samples out that a test will ask about, `without` authors."""
    made = [
        s
        for s in samples(language, per_pattern=PER_PATTERN[language], seed=7, extra=extra)
        if s.author not in without and is_allowed(s)
    ]
    data = matrix_of(made, language)
    pieces = Pieces.load(language)
    cut = [pieces.cut(sample.text) for sample in made]
    say(f"{language}: {len(made)} samples, {len(data.keys)} features")
    linear = unfitted(data.x.shape[1], len(NAMES))
    sense = unfitted_sense(pieces, len(NAMES))
    known = np.flatnonzero([sample.author not in LEFT_OUT for sample in made])
    fit(data.x[known], data.y[known], EPOCHS, linear)
    sense = fit_sense(sense, [cut[at] for at in known], data.y[known], epochs=SENSE_EPOCHS)
    say(f"{language}: fitted without the authors that calibrate")
    if calibrated is None:
        calibrated = calibration(*stranger_scores(made, data, linear, sense, language))
    # What is known then is a good start for the whole; a second fit from nothing would cost twice the time.
    fit(data.x, data.y, MORE_EPOCHS, linear)
    sense = fit_sense(sense, cut, data.y, epochs=MORE_EPOCHS)
    weights, bias = linear.weights, linear.bias
    strength = np.abs(weights).max(axis=1)
    kept = np.sort(np.argsort(-strength)[:KEPT])
    scale = np.abs(weights).max(axis=0) / 127
    return IntentModel(
        language=language,
        names=NAMES,
        keys=data.keys[kept],
        weights=np.round(weights[kept] / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        bias=bias.astype(np.float32),
        slope=calibrated[0].astype(np.float32),
        shift=calibrated[1].astype(np.float32),
        sense=sense,
    )


def stranger_scores(
    made: Sequence[Sample], data: Matrix, linear: Fitted, sense: Sense, language: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scores and labels of the phrases of the authors in LEFT_OUT, whom the weights never heard."""
    rows = np.flatnonzero([sample.author in LEFT_OUT for sample in made])
    whole = [sample for sample in made if sample.author in LEFT_OUT]
    z = data.x[rows] @ linear.weights + linear.bias
    z = z + scores_of(sense, [sense.pieces.cut(sample.text) for sample in whole])
    # As the box does: the best of the whole and its clauses counts. Not for yes, no and the like, which stand beside
    # a matter in a mixture without being what it means.
    several = [(at, part) for at, sample in enumerate(whole) for part in sample.parts]
    by_clause = features([hashes(part, language) for _at, part in several], data.keys) @ linear.weights
    by_clause = by_clause + linear.bias + scores_of(sense, [sense.pieces.cut(part) for _at, part in several])
    best = z.copy()
    np.maximum.at(best, np.array([at for at, _part in several]), by_clause)
    guarded = [NAMES.index(name) for name in sorted(GUARDED)]
    z[:, guarded] = best[:, guarded]
    return z, data.y[rows]


def save(model: IntentModel, path: Path) -> None:
    """Write a model: n-grams in eighths of a bit per class, sense in half precision, which costs nothing that can be measured."""
    np.savez_compressed(
        path,
        names=np.array(model.names),
        keys=model.keys,
        weights=model.weights,
        scale=model.scale,
        bias=model.bias,
        slope=model.slope,
        shift=model.shift,
        **{f"sense_{name}": getattr(model.sense, name).astype(np.float16) for name in SENSE},
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
