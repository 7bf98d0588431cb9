"""The trained part: one logistic regression per intent over n-gram hashes, and the sense of words; calibrated together."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Self

import numpy as np
from numpy.typing import NDArray

from firmware.dialogue.understanding.features import hashes
from firmware.dialogue.understanding.sense import Pieces, Sense

SENSE = (
    "kernel",
    "kernel_bias",
    "near",
    "near_bias",
    "far",
    "far_bias",
    "gist",
    "gist_bias",
    "out",
    "out_bias",
)
"""What is trained of the sense of words."""
SHORT = 24.0
"""Phrases of fewer features count as if they had this many: two characters are thin evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentModel:
    """Says how likely each intent is for a phrase of one language."""

    language: str
    names: tuple[str, ...]
    keys: NDArray[np.uint32]
    """Sorted hashes of the features it knows, shape (n_features,)."""
    weights: NDArray[np.int8]
    """Shape (n_features, n_intents); kept as small as on the disk, a phrase needs a few rows of it."""
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    slope: NDArray[np.float32]
    """Calibration: the probability is the logistic function of slope * score + shift."""
    shift: NDArray[np.float32]
    sense: Sense

    @classmethod
    def load(cls, language: str) -> Self:
        """Read the model that was shipped for `language`."""
        with resources.files(__package__).joinpath(f"{language}.npz").open("rb") as file:
            data = np.load(file)
            return cls(
                language=language,
                names=tuple(str(name) for name in data["names"]),
                keys=data["keys"],
                weights=data["weights"],
                scale=data["scale"],
                bias=data["bias"],
                slope=data["slope"],
                shift=data["shift"],
                sense=Sense(
                    pieces=Pieces.load(language),
                    **{name: data[f"sense_{name}"].astype(np.float32) for name in SENSE},
                ),
            )

    def scores(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the raw scores of bare texts: float32, shape (n_texts, n_intents)."""
        found = np.empty((len(texts), len(self.names)), dtype=np.float32)
        for row, text in enumerate(texts):
            wanted = hashes(text, self.language)
            at = np.searchsorted(self.keys, wanted)
            at[at == len(self.keys)] = 0
            at = at[self.keys[at] == wanted]
            total = self.weights[at].sum(axis=0, dtype=np.int32) * self.scale
            found[row] = total * np.float32(feature_value(len(wanted))) + self.bias
        return found + self.sense.scores(texts)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return calibrated probabilities of bare texts: float32, shape (n_texts, n_intents)."""
        exponent = np.clip(self.slope * self.scores(texts) + self.shift, -30, 30)
        return np.asarray(1.0 / (1.0 + np.exp(-exponent)), dtype=np.float32)


def feature_value(n_features: int) -> float:
    """Return what one feature of a phrase with so many counts for: long phrases are not stronger evidence."""
    return float(1.0 / np.sqrt(max(SHORT, n_features)) * np.sqrt(SHORT))
