"""Train the content model of answer classification and write it: `python -m benchmarks.answer_training BANK`.

Needs jax and optax (`pip install jax optax`, for training only) and a bank of clips (`answer_bank`). What is trained is
a small recurrent network over the vectors of `audio.dsp.speech_embedding`, whose own weights stay as they are. Calls,
their order and the start of the network are fixed by the seed.
"""

import argparse
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.dsp.answer_content import CONTENT_CLASSES, MODEL_FILE, SUBJECTS, load_weights
from audio.dsp.speech_embedding import FRAMES_PER_VECTOR, HOP_SAMPLES, MelFrames, SpeechEmbedding
from benchmarks.answer_set import Bank, StagedCall, calls

SEED = 4
STEP_S = FRAMES_PER_VECTOR * HOP_SAMPLES / 8000
N_DENSE, N_STATE = 48, 64
SKIP_S = 0.25
"""Of the first word: before that nothing can be told."""
AFTER_SPEECH_S = 1.5
MAX_STEPS = 112
"""Nine seconds: later words decide nothing."""
BATCH = 64
EPOCHS = 26


def vectors_of(pcm: NDArray[np.int16], net: SpeechEmbedding) -> NDArray[np.float32]:
    """Return what the network hears in a call, a row each 80 ms."""
    step = FRAMES_PER_VECTOR * HOP_SAMPLES
    samples = pcm[: len(pcm) // step * step].astype(np.float32)
    return net.feed(MelFrames().feed(samples), net.start())


Example = tuple[NDArray[np.float16], int, int, int, int]
"""Vectors, class, subject (-1 for none), first and last step that are asked."""


def example_of(call: StagedCall) -> Example:
    """Return one call as training sees it."""
    vectors = vectors_of(call.pcm, _net())[:MAX_STEPS].astype(np.float16)
    first = int((call.first_begin_s + SKIP_S) / STEP_S)
    last = min(len(vectors), int((call.spoken_end_s + AFTER_SPEECH_S) / STEP_S))
    subject = SUBJECTS.index(call.subject) if call.subject else -1
    return vectors, CONTENT_CLASSES.index(call.answer), subject, first, last


_NETS: list[SpeechEmbedding] = []


def _net() -> SpeechEmbedding:
    if not _NETS:
        _NETS.append(SpeechEmbedding(load_weights()))
    return _NETS[0]


def examples(bank: Bank, n: int, seed: int, jobs: int) -> list[Example]:
    """Return the spoken calls of a seed."""
    spoken = (call for call in calls(bank, n, seed) if call.answer in CONTENT_CLASSES)
    with ProcessPoolExecutor(jobs) as workers:
        return [one for one in _mapped(workers, spoken) if one[4] > one[3]]


def _mapped(workers: ProcessPoolExecutor, spoken: Iterator[StagedCall]) -> Iterator[Example]:
    waiting: list[StagedCall] = []
    for call in spoken:
        waiting.append(call)
        if len(waiting) == 128:
            yield from workers.map(example_of, waiting, chunksize=8)
            waiting = []
    yield from workers.map(example_of, waiting, chunksize=8)


def batches(
    data: list[Example], rng: np.random.Generator | None
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]]:
    """Yield padded batches: vectors, classes, subjects, weight of each step."""
    order = np.arange(len(data)) if rng is None else rng.permutation(len(data))
    for begin in range(0, len(order), BATCH):
        chosen = [data[place] for place in order[begin : begin + BATCH]]
        x = np.zeros((BATCH, MAX_STEPS, 96), np.float32)
        weight = np.zeros((BATCH, MAX_STEPS), np.float32)
        labels, subjects = np.zeros(BATCH, np.int32), np.full(BATCH, -1, np.int32)
        for row, (vectors, label, subject, first, last) in enumerate(chosen):
            n = min(len(vectors), MAX_STEPS)
            x[row, :n] = vectors[:n]
            weight[row, first:last] = 1 / (last - first) ** 0.5
            labels[row], subjects[row] = label, subject
        yield x, labels, subjects, weight


def train(
    data: list[Example], seed: int, epochs: int, before: dict[str, NDArray[np.generic]] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Return the weights of the recurrent network; with `before` training goes on from there, at a third of the pace."""
    import jax  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  only to train
    import jax.numpy as jnp  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    import optax  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    data = [one for one in data if one[3] < MAX_STEPS]
    stacked = np.concatenate([one[0][one[3] : one[4]] for one in data[:1000]]).astype(np.float32)
    mean, scale = stacked.mean(axis=0), 1 / (stacked.std(axis=0) + 1e-3)
    rng = np.random.default_rng(seed)
    n_out = len(CONTENT_CLASSES) + len(SUBJECTS)

    def start(*shape: int) -> NDArray[np.float32]:
        return np.asarray(rng.normal(0, 1, shape) / shape[0] ** 0.5, dtype=np.float32)

    weights: Any = {
        "dense": start(96, N_DENSE),
        "dense_bias": np.zeros(N_DENSE, np.float32),
        "gate_in": start(N_DENSE, 3 * N_STATE),
        "gate_state": start(N_STATE, 3 * N_STATE),
        "gate_bias": np.zeros(3 * N_STATE, np.float32),
        "out": start(N_STATE, n_out) * 0.1,
        "out_bias": np.zeros(n_out, np.float32),
    }
    if before is not None:
        weights = {name: before[name].astype(np.float32) for name in weights}
        mean, scale = before["mean"].astype(np.float32), before["scale"].astype(np.float32)
    pace = 3e-3 if before is None else 1e-3

    def logits_of(w: Any, x: Any, key: Any) -> Any:
        x = (x - mean) * scale
        if key is not None:
            one, two, three = jax.random.split(key, 3)
            x = x * jax.random.bernoulli(one, 0.95, (x.shape[0], 1, 96)) / 0.95
        inner = jnp.maximum(x @ w["dense"] + w["dense_bias"], 0)
        if key is not None:
            inner = inner * jax.random.bernoulli(two, 0.9, (x.shape[0], 1, N_DENSE)) / 0.9
        given = inner @ w["gate_in"] + w["gate_bias"]

        def step(state: Any, now: Any) -> Any:
            past = state @ w["gate_state"]
            keep = jax.nn.sigmoid(now[:, :N_STATE] + past[:, :N_STATE] + 1.0)
            reset = jax.nn.sigmoid(now[:, N_STATE : 2 * N_STATE] + past[:, N_STATE : 2 * N_STATE])
            new = jnp.tanh(now[:, 2 * N_STATE :] + reset * past[:, 2 * N_STATE :])
            state = keep * state + (1 - keep) * new
            return state, state

        _, states = jax.lax.scan(step, jnp.zeros((x.shape[0], N_STATE)), given.transpose(1, 0, 2))
        states = states.transpose(1, 0, 2)
        if key is not None:
            states = states * jax.random.bernoulli(three, 0.85, (x.shape[0], 1, N_STATE)) / 0.85
        return states @ w["out"] + w["out_bias"]

    def loss_of(w: Any, x: Any, labels: Any, subjects: Any, weight: Any, key: Any) -> Any:
        out = logits_of(w, x, key)
        n = len(CONTENT_CLASSES)
        told = jax.nn.log_softmax(out[..., :n])
        loss = -jnp.take_along_axis(told, labels[:, None, None], axis=2)[..., 0]
        # A little doubt is left: no step may be certain.
        loss = 0.95 * loss - 0.05 * told.mean(axis=2)
        about = jax.nn.log_softmax(out[..., n:])
        has_subject = (subjects >= 0)[:, None]
        loss_subject = -jnp.take_along_axis(about, jnp.maximum(subjects, 0)[:, None, None], axis=2)[..., 0]
        return ((loss + 0.3 * loss_subject * has_subject) * weight).sum() / weight.sum()

    n_steps = epochs * (len(data) // BATCH + 1)
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(optax.cosine_decay_schedule(pace, n_steps), weight_decay=0.02),
    )
    state = optimiser.init(weights)

    def update(w: Any, state: Any, x: Any, labels: Any, subjects: Any, weight: Any, key: Any) -> Any:
        value, slope = jax.value_and_grad(loss_of)(w, x, labels, subjects, weight, key)
        change, state = optimiser.update(slope, state, w)
        return optax.apply_updates(w, change), state, value

    update = jax.jit(update)
    key = jax.random.PRNGKey(seed)
    for epoch in range(epochs):
        values = []
        for x, labels, subjects, weight in batches(data, rng):
            key, now = jax.random.split(key)
            weights, state, value = update(weights, state, x, labels, subjects, weight, now)
            values.append(float(value))
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1}: loss {np.mean(values):.4f}", flush=True)
    found = {name: np.asarray(value, np.float32) for name, value in weights.items()}
    return {**found, "mean": mean, "scale": scale}


def write(trained: dict[str, NDArray[np.float32]], path: Path) -> None:
    """Put the trained weights beside the embedding's in the model file."""
    kept = {name: value for name, value in load_weights().items() if name[0] in "wb" and name[1:].isdigit()}
    small: dict[str, NDArray[Any]] = {
        name: value.astype(np.float16) for name, value in {**kept, **trained}.items()
    }
    small["mean"], small["scale"] = trained["mean"], trained["scale"]  # of many sizes
    np.savez_compressed(path, **small)  # type: ignore[arg-type,unused-ignore]
    print(f"{path}: {path.stat().st_size} bytes")


def main() -> None:
    """Stage, hear, train, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("--engines", default="espeak,flite,kokoro")
    parser.add_argument("--calls", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--cache", type=Path, help="keep what was heard here, to train again on it")
    parser.add_argument("--go-on", action="store_true", help="train on from the weights that there are")
    parser.add_argument("--out", type=Path, default=MODEL_FILE)
    given = parser.parse_args()
    if given.cache is not None and given.cache.exists():
        data = pickle.loads(given.cache.read_bytes())  # our own file
    else:
        folders = [given.bank / f"{engine}-train" for engine in given.engines.split(",")]
        data = examples(Bank([one for one in folders if one.is_dir()]), given.calls, given.seed, given.jobs)
        if given.cache is not None:
            given.cache.write_bytes(pickle.dumps(data))
    print(f"{len(data)} calls")
    write(train(data, SEED, given.epochs, load_weights() if given.go_on else None), given.out)


if __name__ == "__main__":
    main()
