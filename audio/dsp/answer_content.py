"""Hear from the words themselves who answered: a recurrent network over the vectors of `speech_embedding`.

It never knows words as such. It was trained on synthetic speech in English and Mandarin to tell a greeting from
"leave a message", "the number you have dialed" or "say your name and why you are calling"
(`python -m benchmarks.answer_training`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.dsp.speech_embedding import STEP_BLOCKS, MelFrames, SpeechEmbedding

Array = NDArray[np.float32]
MODEL_FILE = Path(__file__).with_name("answer_model.npz")
CONTENT_CLASSES = ("human", "machine", "carrier_announcement", "screening_assistant")
SUBJECTS = (
    "busy",
    "switched_off",
    "vacant",
    "suspended",
    "no_coverage",
    "unreachable",
    "no_answer",
    "restricted",
    "congested",
)
"""What a carrier's announcement says of the number."""
STEPS_AT_ONCE = 4
"""Vectors are worked out 320 ms at a time, which costs a fifth less than half of it; sooner when somebody pauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the words so far sound like, as probabilities."""

    answer: dict[str, float]
    subject: dict[str, float]
    """Given that it is an announcement."""


class ContentModel:
    """The weights, read once and shared by every call; stateless."""

    def __init__(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        self.embedding = SpeechEmbedding(
            {name: value for name, value in weights.items() if name[0] in "wb" and name[1:].isdigit()}
        )
        self._w = {
            name: value.astype(np.float32)
            for name, value in weights.items()
            if not (name[0] in "wb" and name[1:].isdigit())
        }
        self.n_state = self._w["gate_state"].shape[0]

    def run(self, vectors: Array, state: Array) -> tuple[Array, Array]:
        """Take vectors that follow each other, shape (n, N_VECTOR); return the state after them and its scores."""
        w, n = self._w, self.n_state
        inner: Array = np.maximum(((vectors - w["mean"]) * w["scale"]) @ w["dense"] + w["dense_bias"], 0)
        for now in inner @ w["gate_in"] + w["gate_bias"]:
            past = state @ w["gate_state"]
            gates = now[: 2 * n] + past[: 2 * n]
            gates[:n] += 1.0
            gates = 1 / (1 + np.exp(-gates))
            keep, reset = gates[:n], gates[n:]
            state = keep * state + (1 - keep) * np.tanh(now[2 * n :] + reset * past[2 * n :])
        return state, state @ w["out"] + w["out_bias"]


class ContentListener:
    """One direction of one call: blocks of 20 ms in, what the words sound like out."""

    def __init__(self, model: ContentModel) -> None:
        self._model = model
        self._frames = MelFrames()
        self._past = model.embedding.start()
        self._state: Array = np.zeros(model.n_state, dtype=np.float32)
        self._blocks: list[Array] = []
        self.content: Content | None = None
        """The newest, None before the first."""

    def take_block(self, block: Array, *, is_wanted: bool = False) -> bool:
        """Take one block; return whether `content` is new. Say `is_wanted` when it will be looked at now."""
        self._blocks.append(block.astype(np.float32))
        n_steps = len(self._blocks) // STEP_BLOCKS
        if n_steps < (1 if is_wanted else STEPS_AT_ONCE):
            return False
        n_blocks = n_steps * STEP_BLOCKS
        frames = self._frames.feed(np.concatenate(self._blocks[:n_blocks]))
        self._blocks = self._blocks[n_blocks:]
        self._state, scores = self._model.run(self._model.embedding.feed(frames, self._past), self._state)
        n = len(CONTENT_CLASSES)
        self.content = Content(
            answer=_shares(CONTENT_CLASSES, scores[:n]), subject=_shares(SUBJECTS, scores[n:])
        )
        return True


def load_weights() -> dict[str, NDArray[np.generic]]:
    """Return the weights as they were written."""
    with np.load(MODEL_FILE) as file:
        return {name: file[name] for name in file.files}


@lru_cache(maxsize=1)
def content_model() -> ContentModel:
    """Return the model that comes with the program."""
    return ContentModel(load_weights())


def _shares(names: tuple[str, ...], scores: Array) -> dict[str, float]:
    powers = np.exp(scores - scores.max())
    return {name: float(share) for name, share in zip(names, powers / powers.sum(), strict=True)}
