"""Training of firmware/dialogue/understanding/sense.py: the convolution over the vectors of word pieces, by Adam."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from firmware.dialogue.understanding.model import SENSE
from firmware.dialogue.understanding.sense import WIDTH, Pieces, Sense, windows

SIGNS, GISTS = 160, 64
BATCH = 128
RATE = 2e-3
WARM_STEPS = 100
DROPPED, DROPPED_PIECES = 0.35, 0.08
"""Shares of what is found and of the pieces that a step of the training leaves out, so that no single one is relied on."""
PENALTY = 1e-5
FIRST, SECOND = 0.9, 0.999
NOTHING = np.float32(-1e9)

Weights = dict[str, NDArray[np.float32]]


def unfitted_sense(pieces: Pieces, n_intents: int) -> Sense:
    """Return what knows nothing yet."""
    return Sense(pieces=pieces, **_start(pieces.vectors.shape[1], n_intents, np.random.default_rng(5)))


def fit_sense(sense: Sense, cut: Sequence[Sequence[int]], y: NDArray[np.float64], *, epochs: int) -> Sense:
    """Return `sense` fitted on to the samples whose rows of the table are `cut`."""
    dice = np.random.default_rng(11)
    right = y.astype(np.float32)
    lengths = np.array([len(rows) for rows in cut])
    pieces, weights = sense.pieces, {name: getattr(sense, name).copy() for name in SENSE}
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    step, total = 0, epochs * -(-len(cut) // BATCH)
    for _ in range(epochs):
        # Texts of about one length stand together: nothing is computed for padding.
        order = np.argsort(lengths + dice.random(len(lengths)) * 4, kind="stable")
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        for at in dice.permutation(len(batches)):
            step += 1
            batch = batches[at]
            slopes = _slopes(weights, pieces, [cut[row] for row in batch], right[batch], dice)
            rate = RATE * min(1.0, step / WARM_STEPS) * (1 - 0.97 * step / total)
            for name, raw in slopes.items():
                slope = raw + PENALTY * weights[name]
                first[name] = FIRST * first[name] + (1 - FIRST) * slope
                second[name] = SECOND * second[name] + (1 - SECOND) * slope * slope
                size = np.sqrt(second[name] / (1 - SECOND**step)) + 1e-8
                weights[name] -= np.asarray(rate * first[name] / (1 - FIRST**step) / size, dtype=np.float32)
    return Sense(pieces=pieces, **weights)


def padded(cut: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return rows of texts as one table, filled up with row 0."""
    table = np.zeros((len(cut), max(map(len, cut))), dtype=np.int64)
    for row, one in enumerate(cut):
        table[row, : len(one)] = one
    return table


def scores_of(sense: Sense, cut: Sequence[Sequence[int]], size: int = 512) -> NDArray[np.float64]:
    """Return what `Sense.scores` would of the texts whose rows are `cut`, many at a time."""
    found = np.zeros((len(cut), len(sense.out_bias)))
    order = np.argsort([len(rows) for rows in cut], kind="stable")
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        table = padded([cut[row] for row in batch])
        x = sense.pieces.vectors_of(table)
        signs = np.where((table > 0)[..., None], windows(x) @ sense.kernel, NOTHING).max(axis=1)
        gists = _gist_input(x, table) @ sense.gist
        seen = np.concatenate([signs + sense.kernel_bias, gists + sense.gist_bias], axis=1)
        found[batch] = np.maximum(seen, 0) @ sense.out + sense.out_bias
    return found


def _start(n_dimensions: int, n_intents: int, dice: np.random.Generator) -> Weights:
    def random(*shape: int, size: float) -> NDArray[np.float32]:
        return np.asarray(dice.normal(0, size, shape), dtype=np.float32)

    return {
        "kernel": random(WIDTH * n_dimensions, SIGNS, size=1 / float(np.sqrt(WIDTH * n_dimensions))),
        "kernel_bias": np.zeros(SIGNS, dtype=np.float32),
        "gist": random(n_dimensions, GISTS, size=0.05),
        "gist_bias": np.zeros(GISTS, dtype=np.float32),
        "out": random(SIGNS + GISTS, n_intents, size=0.05),
        "out_bias": np.full(n_intents, -3.0, dtype=np.float32),
    }


def _gist_input(x: NDArray[np.float32], table: NDArray[np.int64]) -> NDArray[np.float32]:
    lengths = (table > 0).sum(axis=1, keepdims=True).astype(np.float32)
    return np.asarray((x * (table > 0)[..., None]).sum(axis=1) / np.sqrt(lengths), dtype=np.float32)


def _slopes(
    weights: Weights,
    pieces: Pieces,
    cut: Sequence[Sequence[int]],
    right: NDArray[np.float32],
    dice: np.random.Generator,
) -> Weights:
    """Return the slope of the loss of one batch along every weight."""
    table = padded(cut)
    n_texts, n_pieces = table.shape
    x = pieces.vectors_of(table)
    x[dice.random(table.shape) < DROPPED_PIECES] = 0
    beside = windows(x).reshape(n_texts * n_pieces, -1)
    heard = (beside @ weights["kernel"]).reshape(n_texts, n_pieces, SIGNS)
    heard[table == 0] = NOTHING
    where = heard.argmax(axis=1)
    signs = np.take_along_axis(heard, where[:, None], axis=1)[:, 0] + weights["kernel_bias"]
    mean = _gist_input(x, table)
    seen = np.concatenate([signs, mean @ weights["gist"] + weights["gist_bias"]], axis=1)
    kept = ((dice.random(seen.shape) >= DROPPED) / (1 - DROPPED)).astype(np.float32)
    found = np.maximum(seen, 0) * kept
    z = np.clip(found @ weights["out"] + weights["out_bias"], -30, 30)
    off = np.asarray((1 / (1 + np.exp(-z)) - right) / n_texts, dtype=np.float32)
    back = (off @ weights["out"].T) * kept * (seen > 0)
    spread = np.zeros((n_texts, n_pieces, SIGNS), dtype=np.float32)
    np.put_along_axis(spread, where[:, None], back[:, None, :SIGNS], axis=1)
    return {
        "kernel": beside.T @ spread.reshape(n_texts * n_pieces, SIGNS),
        "kernel_bias": back[:, :SIGNS].sum(axis=0),
        "gist": mean.T @ back[:, SIGNS:],
        "gist_bias": back[:, SIGNS:].sum(axis=0),
        "out": found.T @ off,
        "out_bias": off.sum(axis=0),
    }
