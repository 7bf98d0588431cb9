"""The part that knows words by their sense: small convolutions over vectors of word pieces.

N-grams know a word only as itself; here words that mean the same lie near each other, so one that no training phrase
says is still worth something. The vectors are those of a public sentence encoder, cut down to the pieces and the
directions that matter (benchmarks/understanding_pieces.py); only what stands on them is trained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Self

import numpy as np
from numpy.typing import NDArray

WORD = "▁"
"""Stands before what begins a word."""
MAX_PIECES = 60
WIDTH = 3
"""Pieces that are looked at together."""
EDGE, UNKNOWN = 1, 2
"""Rows of the table for both ends of a text and for what has no vector; row 0 is nothing."""
UNKNOWN_COST = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """Cuts a text into word pieces and knows the vector of each."""

    rows: Mapping[str, int]
    costs: Sequence[float]
    """By row: how unlikely a piece is, as a negated logarithm."""
    vectors: NDArray[np.int8]
    """Shape (n_rows, n_dimensions)."""
    scale: float
    longest: int

    @classmethod
    def load(cls, language: str) -> Self:
        """Read the table that was shipped for `language`."""
        with resources.files(__package__).joinpath(f"{language}_pieces.npz").open("rb") as file:
            data = np.load(file)
            names = bytes(data["names"]).decode("utf-8").split("\n")
            return cls(
                rows={name: row for row, name in enumerate(names) if row > UNKNOWN},
                costs=[float(cost) for cost in data["costs"]],
                vectors=data["vectors"],
                scale=float(data["scale"]),
                longest=max(map(len, names)),
            )

    def cut(self, text: str) -> list[int]:
        """Return the rows of the likeliest pieces of bare `text`, with an edge at both ends."""
        marked = WORD + text.replace(" ", WORD)
        best = [0.0] + [float("inf")] * len(marked)
        came: list[tuple[int, int]] = [(0, UNKNOWN)] * (len(marked) + 1)
        for start in range(len(marked)):
            so_far = best[start]
            if so_far + UNKNOWN_COST < best[start + 1]:
                best[start + 1], came[start + 1] = so_far + UNKNOWN_COST, (start, UNKNOWN)
            for end in range(start + 1, min(len(marked), start + self.longest) + 1):
                row = self.rows.get(marked[start:end])
                if row is not None and so_far + self.costs[row] < best[end]:
                    best[end], came[end] = so_far + self.costs[row], (start, row)
        found, at = [], len(marked)
        while at:
            start, row = came[at]
            if marked[start:at] != WORD:
                found.append(row)
            at = start
        return [EDGE, *found[::-1][:MAX_PIECES], EDGE]

    def vectors_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of rows of the table: one dimension more than `rows` has."""
        return np.asarray(self.vectors[rows] * np.float32(self.scale), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sense:
    """Scores each intent by the sense of the words."""

    pieces: Pieces = field(repr=False)
    kernel: NDArray[np.float32]
    """What is looked for in WIDTH pieces together: shape (WIDTH * n_dimensions, n_signs)."""
    kernel_bias: NDArray[np.float32]
    near: NDArray[np.float32]
    """What is made of WIDTH pieces before what is so made is looked at together: shape (WIDTH * n_dimensions, n_near)."""
    near_bias: NDArray[np.float32]
    far: NDArray[np.float32]
    """Shape (WIDTH * n_near, n_far)."""
    far_bias: NDArray[np.float32]
    gist: NDArray[np.float32]
    """What is looked for in the mean of all: shape (n_dimensions, n_gists)."""
    gist_bias: NDArray[np.float32]
    out: NDArray[np.float32]
    """Shape (n_signs + n_far + n_gists, n_intents)."""
    out_bias: NDArray[np.float32]

    def scores(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the raw scores of bare texts: float32, shape (n_texts, n_intents)."""
        found = np.empty((len(texts), len(self.out_bias)), dtype=np.float32)
        for row, text in enumerate(texts):
            x = self.pieces.vectors_of(np.array(self.pieces.cut(text)))
            beside = windows(x)
            signs = (beside @ self.kernel).max(axis=0) + self.kernel_bias
            near = np.maximum(beside @ self.near + self.near_bias, 0)
            fars = (windows(near) @ self.far).max(axis=0) + self.far_bias
            gists = x.sum(axis=0) / np.sqrt(np.float32(len(x))) @ self.gist + self.gist_bias
            found[row] = np.maximum(np.concatenate([signs, fars, gists]), 0) @ self.out + self.out_bias
        return found


def windows(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each piece with its neighbours, nothing beyond the ends: shape (n_pieces, WIDTH * n_dimensions)."""
    n_pieces, n_dimensions = x.shape
    beside = np.zeros((n_pieces + WIDTH - 1, n_dimensions), dtype=np.float32)
    beside[WIDTH // 2 : WIDTH // 2 + n_pieces] = x
    return np.concatenate([beside[at : at + n_pieces] for at in range(WIDTH)], axis=1)
