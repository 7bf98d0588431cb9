"""Training of firmware/dialogue/understanding/sense.py: the convolutions over the vectors of word pieces, by Adam."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware.dialogue.understanding.model import SENSE
from firmware.dialogue.understanding.sense import WIDTH, Pieces, Sense

SIGNS, NEARS, FARS, GISTS = 256, 192, 256, 64
BATCH = 128
RATE = 2e-3
WARM_STEPS = 100
DROPPED, DROPPED_PIECES = 0.35, 0.08
"""Shares of what is found and of the pieces that a step of the training leaves out, so that no single one is relied on."""
PENALTY = 1e-5
NOTHING = np.float32(-1e9)
ONE_PROCESSOR = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
STEP = 6
"""Texts are filled up to a multiple of this many pieces: each length is compiled once."""

Weights = dict[str, NDArray[np.float32]]


def unfitted_sense(pieces: Pieces, n_intents: int) -> Sense:
    """Return what knows nothing yet."""
    return Sense(pieces=pieces, **_start(pieces.vectors.shape[1], n_intents, np.random.default_rng(5)))


def fit_sense(sense: Sense, cut: Sequence[Sequence[int]], y: NDArray[np.float64], *, epochs: int) -> Sense:
    """Return `sense` fitted on to the samples whose rows of the table are `cut`."""
    # Sums in one order whatever the machine has: the same samples give the same weights.
    os.environ.setdefault("XLA_FLAGS", ONE_PROCESSOR)
    import jax  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  only to train
    import jax.numpy as jnp  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    import optax  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415

    vectors = jnp.asarray(sense.pieces.vectors_of(np.arange(len(sense.pieces.vectors))))

    def loss_of(weights: Any, table: Any, right: Any, key: Any) -> Any:
        one, other = jax.random.split(key)
        heard = (table > 0) & (jax.random.uniform(one, table.shape) >= DROPPED_PIECES)
        found = _found(weights, vectors[table] * heard[..., None], table > 0, jnp)
        kept = jax.random.uniform(other, found.shape) >= DROPPED
        z = (found * kept / (1 - DROPPED)) @ weights["out"] + weights["out_bias"]
        return (jnp.logaddexp(0, z) - right * z).sum(axis=1).mean()

    total = epochs * -(-len(cut) // BATCH)
    optimiser = optax.chain(
        optax.add_decayed_weights(PENALTY),
        optax.scale_by_adam(),
        optax.scale_by_schedule(
            lambda step: -RATE * jnp.minimum(1.0, (step + 1) / WARM_STEPS) * (1 - 0.97 * step / total)
        ),
    )

    def update(weights: Any, state: Any, table: Any, right: Any, key: Any) -> Any:
        slopes = jax.grad(loss_of)(weights, table, right, key)
        change, state = optimiser.update(slopes, state, weights)
        return optax.apply_updates(weights, change), state

    update = jax.jit(update)
    dice, key = np.random.default_rng(11), jax.random.PRNGKey(11)
    right = y.astype(np.float32)
    lengths = np.array([len(rows) for rows in cut])
    weights: Any = {name: jnp.asarray(getattr(sense, name)) for name in SENSE}
    state = optimiser.init(weights)
    for _ in range(epochs):
        # Texts of about one length stand together: little is computed for padding.
        order = np.argsort(lengths + dice.random(len(lengths)) * 4, kind="stable")
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        batches[-1] = np.concatenate([batches[-1], order[: BATCH - len(batches[-1])]])
        for at in dice.permutation(len(batches)):
            key, now = jax.random.split(key)
            table = padded([cut[row] for row in batches[at]])
            weights, state = update(weights, state, table, right[batches[at]], now)
    return Sense(pieces=sense.pieces, **{name: np.asarray(weights[name], dtype=np.float32) for name in SENSE})


def padded(cut: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return rows of texts as one table, filled up with row 0."""
    table = np.zeros((len(cut), -(-max(map(len, cut)) // STEP) * STEP), dtype=np.int64)
    for row, one in enumerate(cut):
        table[row, : len(one)] = one
    return table


def scores_of(sense: Sense, cut: Sequence[Sequence[int]], size: int = 512) -> NDArray[np.float64]:
    """Return what `Sense.scores` would of the texts whose rows are `cut`, many at a time."""
    found = np.zeros((len(cut), len(sense.out_bias)))
    weights = {name: getattr(sense, name) for name in SENSE}
    order = np.argsort([len(rows) for rows in cut], kind="stable")
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        table = padded([cut[row] for row in batch])
        seen = _found(weights, sense.pieces.vectors_of(table), table > 0, np)
        found[batch] = seen @ sense.out + sense.out_bias
    return found


def _found(weights: Any, x: Any, is_said: Any, xp: Any) -> Any:
    """Return what is found in texts: `x` the vectors, `is_said` where there are any; `xp` is numpy or jax.numpy."""

    def windows(x: Any) -> Any:
        n_pieces = x.shape[1]
        wide = xp.pad(x, ((0, 0), (WIDTH // 2, WIDTH // 2), (0, 0)))
        return xp.concatenate([wide[:, at : at + n_pieces] for at in range(WIDTH)], axis=2)

    said = is_said[..., None]
    beside = windows(x)
    signs = xp.where(said, beside @ weights["kernel"], NOTHING).max(axis=1) + weights["kernel_bias"]
    near = xp.maximum(beside @ weights["near"] + weights["near_bias"], 0) * said
    fars = xp.where(said, windows(near) @ weights["far"], NOTHING).max(axis=1) + weights["far_bias"]
    mean = x.sum(axis=1) / xp.sqrt(is_said.sum(axis=1, keepdims=True))
    gists = mean @ weights["gist"] + weights["gist_bias"]
    return xp.maximum(xp.concatenate([signs, fars, gists], axis=1), 0)


def _start(n_dimensions: int, n_intents: int, dice: np.random.Generator) -> Weights:
    def random(*shape: int, size: float) -> NDArray[np.float32]:
        return np.asarray(dice.normal(0, size, shape), dtype=np.float32)

    n_beside = WIDTH * n_dimensions
    return {
        "kernel": random(n_beside, SIGNS, size=1 / float(np.sqrt(n_beside))),
        "kernel_bias": np.zeros(SIGNS, dtype=np.float32),
        "near": random(n_beside, NEARS, size=1 / float(np.sqrt(n_beside))),
        "near_bias": np.zeros(NEARS, dtype=np.float32),
        "far": random(WIDTH * NEARS, FARS, size=1 / float(np.sqrt(WIDTH * NEARS))),
        "far_bias": np.zeros(FARS, dtype=np.float32),
        "gist": random(n_dimensions, GISTS, size=0.05),
        "gist_bias": np.zeros(GISTS, dtype=np.float32),
        "out": random(SIGNS + FARS + GISTS, n_intents, size=0.05),
        "out_bias": np.full(n_intents, -3.0, dtype=np.float32),
    }
