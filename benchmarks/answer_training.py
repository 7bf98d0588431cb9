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
STEP_SAMPLES = FRAMES_PER_VECTOR * HOP_SAMPLES
STEP_S = STEP_SAMPLES / 8000
CONTEXT_STEPS = 12
"""What a vector may have seen before its own step."""
N_DENSE, N_STATE = 64, 80
SKIP_S = 0.25
"""Of the first word: before that nothing can be told."""
BEFORE_STEPS = 4
"""Heard before a step is asked; what is before the first word a call does not hear either."""
AFTER_SPEECH_S = 1.2
SUBJECT_WEIGHT = 1.5
"""One call in six has a subject."""
_SPOTTED = (
    "message|leave|tone|beep|press|please|hold|thank|number|dial|call|busy|available|reach|later|office|name|who|"
    "hello|speaking|this is|help|what|yes|sorry|mailbox|customer|subscriber|switched|service|again|your call|i'm|"
    "good |assistant|record|one|hi|留言|提示音|声后|拨打|用户|号码|稍后|请|按|转接|接听|哪位|喂|你好|您好|谁|你说|什么事|请问|机主|助|"
    "关机|停机|空号|无法接通|服务区|通话|繁忙|这里是|我是|欢迎|录音|再拨|无人|怎么|找"
)
KEYWORDS = tuple(_SPOTTED.split("|"))
"""Training also asks which of these were said, though not when: so the network learns words, not whole sentences."""
KEYWORD_WEIGHT = 0.6
LENGTHS = (24, 40, 64, 112)
"""Steps that a batch may have: calls of like length are taken together. Nine seconds at most, later words decide nothing."""
MAX_STEPS = LENGTHS[-1]
BATCH = 32
PARTS = 8
CALLS = 2400
EPOCHS = 16
PACE = 3e-3


def vectors_of(pcm: NDArray[np.int16], net: SpeechEmbedding) -> NDArray[np.float32]:
    """Return what the network hears in a call, a row each 80 ms."""
    samples = pcm[: len(pcm) // STEP_SAMPLES * STEP_SAMPLES].astype(np.float32)
    return net.feed(MelFrames().feed(samples), net.start())


Example = tuple[NDArray[np.float16], int, int, int, int, NDArray[np.bool_]]
"""Vectors, class, subject (-1 for none), first and last step that are asked, which keywords were said."""


def example_of(call: StagedCall) -> Example:
    """Return one call as training sees it."""
    first = int((call.first_begin_s + SKIP_S) / STEP_S)
    last = int((call.spoken_end_s + AFTER_SPEECH_S) / STEP_S)
    begin = max(0, first - BEFORE_STEPS)
    context = max(0, begin - CONTEXT_STEPS)
    end = min(begin + MAX_STEPS, last)
    vectors = vectors_of(call.pcm[context * STEP_SAMPLES : end * STEP_SAMPLES], _net())[begin - context :]
    subject = SUBJECTS.index(call.subject) if call.subject else -1
    said = call.text.lower()
    words = np.array([word in said for word in KEYWORDS])
    answer = CONTENT_CLASSES.index(call.answer)
    return vectors.astype(np.float16), answer, subject, first - begin, len(vectors), words


_NETS: list[SpeechEmbedding] = []


def _net() -> SpeechEmbedding:
    if not _NETS:
        _NETS.append(SpeechEmbedding(load_weights()))
    return _NETS[0]


def heard(folders: list[Path], n: int, seed: int) -> list[Example]:
    """Return the spoken ones of `n` calls of a seed."""
    spoken = (call for call in calls(Bank(folders), n, seed) if call.answer in CONTENT_CLASSES)
    return [one for one in map(example_of, spoken) if one[4] > one[3]]


def examples(folders: list[Path], n: int, seed: int, jobs: int, cache: Path | None) -> list[Example]:
    """Return the spoken calls of a seed, part by part; what is in `cache` is not heard again."""
    found: list[Example] = []
    with ProcessPoolExecutor(jobs) as workers:
        parts = [(folders, n // PARTS, 100 * seed + part, cache) for part in range(PARTS)]
        for one in workers.map(part_heard, parts):
            found += one
    return found


def part_heard(asked: tuple[list[Path], int, int, Path | None]) -> list[Example]:
    """Return one part, from the cache where it is there."""
    folders, n, seed, cache = asked
    file = cache / f"heard-{seed}-{n}.pickle" if cache is not None else None
    if file is not None and file.exists():
        kept: list[Example] = pickle.loads(file.read_bytes())  # our own file
        return kept
    found = heard(folders, n, seed)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(found))
    return found


def batches(data: list[Example], rng: np.random.Generator) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield padded batches in random order: vectors, classes, subjects, weight of each step, keywords."""
    chosen: list[tuple[int, NDArray[np.int64]]] = []
    lengths = np.array([len(one[0]) for one in data])
    for shortest, longest in zip((0, *LENGTHS), LENGTHS, strict=False):
        places = rng.permutation(np.flatnonzero((lengths > shortest) & (lengths <= longest)))
        chosen += [(longest, places[begin : begin + BATCH]) for begin in range(0, len(places), BATCH)]
    for place in rng.permutation(len(chosen)):
        n_steps, rows = chosen[place]
        x = np.zeros((BATCH, n_steps, 96), np.float32)
        weight = np.zeros((BATCH, n_steps), np.float32)
        labels, subjects = np.zeros(BATCH, np.int32), np.full(BATCH, -1, np.int32)
        words = np.zeros((BATCH, len(KEYWORDS)), np.float32)
        for row, one in enumerate(rows):
            vectors, label, subject, first, last, words[row] = data[one]
            x[row, : len(vectors)] = vectors
            weight[row, first:last] = 1 / (last - first) ** 0.5
            labels[row], subjects[row] = label, subject
        yield x, labels, subjects, weight, words


def train(data: list[Example], seed: int, epochs: int) -> dict[str, NDArray[np.float32]]:
    """Return the weights of the recurrent network."""
    import jax  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  only to train
    import jax.numpy as jnp  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    import optax  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415

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
        "word": start(N_STATE, len(KEYWORDS)) * 0.3,
        "word_bias": np.full(len(KEYWORDS), -3.0, np.float32),
    }

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
        return states @ w["out"] + w["out_bias"], states @ w["word"] + w["word_bias"]

    def loss_of(w: Any, x: Any, labels: Any, subjects: Any, weight: Any, words: Any, key: Any) -> Any:
        out, spotted = logits_of(w, x, key)
        # A word was said if any step heard it.
        heard = jax.nn.logsumexp(jnp.where(weight[..., None] > 0, 2 * spotted, -1e9), axis=1) / 2
        is_call = weight.sum(axis=1) > 0
        missed = (jnp.logaddexp(0, heard) - words * heard) * (words >= 0)
        loss_words = (missed.sum(axis=1) * is_call).sum() / is_call.sum() / len(KEYWORDS) * 10
        n = len(CONTENT_CLASSES)
        told = jax.nn.log_softmax(out[..., :n])
        loss = -jnp.take_along_axis(told, labels[:, None, None], axis=2)[..., 0]
        # A little doubt is left: no step may be certain.
        loss = 0.95 * loss - 0.05 * told.mean(axis=2)
        about = jax.nn.log_softmax(out[..., n:])
        has_subject = (subjects >= 0)[:, None]
        loss_subject = -jnp.take_along_axis(about, jnp.maximum(subjects, 0)[:, None, None], axis=2)[..., 0]
        loss = ((loss + SUBJECT_WEIGHT * loss_subject * has_subject) * weight).sum() / weight.sum()
        return loss + KEYWORD_WEIGHT * loss_words

    n_steps = epochs * (len(data) // BATCH + len(LENGTHS))
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(optax.cosine_decay_schedule(PACE, n_steps), weight_decay=0.02),
    )
    state = optimiser.init(weights)

    def update(w: Any, state: Any, batch: Any, key: Any) -> Any:
        value, slope = jax.value_and_grad(loss_of)(w, *batch, key)
        change, state = optimiser.update(slope, state, w)
        return optax.apply_updates(w, change), state, value

    update = jax.jit(update)
    key = jax.random.PRNGKey(seed)
    for epoch in range(epochs):
        values = []
        for batch in batches(data, rng):
            key, now = jax.random.split(key)
            weights, state, value = update(weights, state, batch, now)
            values.append(float(value))
        if epoch % 2:
            print(f"epoch {epoch + 1}: loss {np.mean(values):.4f}", flush=True)
    found = {name: np.asarray(value, np.float32) for name, value in weights.items() if "word" not in name}
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
    parser.add_argument("--engines", default="espeak,flite,piper,kokoro")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--cache", type=Path, help="a folder that keeps what was heard, to train again on it")
    parser.add_argument("--out", type=Path, default=MODEL_FILE)
    given = parser.parse_args()
    folders = [
        given.bank / f"{engine}-{split}" for engine in given.engines.split(",") for split in ("train", "wide")
    ]
    folders = [one for one in folders if one.is_dir()]
    data = examples(folders, given.calls, given.seed, given.jobs, given.cache)
    print(f"{len(data)} calls")
    write(train(data, given.seed, given.epochs), given.out)


if __name__ == "__main__":
    main()
