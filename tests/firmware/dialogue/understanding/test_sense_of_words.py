"""Word pieces, and that their vectors put words of one sense side by side."""

import numpy as np
import pytest

from benchmarks.understanding_sense import padded, scores_of
from firmware.dialogue.understanding.sense import EDGE, MAX_PIECES, UNKNOWN, Pieces, Sense
from firmware.dialogue.understanding.understander import Understander


@pytest.fixture(scope="module")
def english(understander: Understander) -> Sense:
    return understander.models["en"].sense


def likeness(pieces: Pieces, one: str, other: str) -> float:
    a, b = (pieces.vectors_of(np.array(pieces.cut(word)[1:-1])).mean(axis=0) for word in (one, other))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize(
    ("language", "word", "near", "far"),
    [
        ("en", "lawyer", "attorney", "banana"),
        ("en", "stop", "quit", "yellow"),
        ("zh", "医院", "医生", "香蕉"),
    ],
)
def test_words_of_one_sense_lie_near(
    understander: Understander, language: str, word: str, near: str, far: str
) -> None:
    pieces = understander.models[language].sense.pieces
    assert likeness(pieces, word, near) > likeness(pieces, word, far) + 0.1


def test_a_text_is_cut_into_its_likeliest_pieces(english: Sense) -> None:
    rows = english.pieces.cut("stop ringing me")
    names = {row: name for name, row in english.pieces.rows.items()}
    assert [rows[0], rows[-1]] == [EDGE, EDGE]
    assert "".join(names[row] for row in rows[1:-1]).replace("▁", " ").strip() == "stop ringing me"


def test_what_no_piece_spells_is_unknown(english: Sense) -> None:
    assert english.pieces.cut("¥") == [EDGE, UNKNOWN, EDGE]
    assert english.pieces.cut("") == [EDGE, EDGE]
    assert len(english.pieces.cut("no " * 500)) == MAX_PIECES + 2


def test_many_texts_score_as_each_alone(english: Sense) -> None:
    texts = ["stop ringing me", "who is this", "i have cancer and can not work any more", "ok"]
    together = scores_of(english, [english.pieces.cut(text) for text in texts])
    np.testing.assert_allclose(together, english.scores(texts), atol=1e-3)
    assert padded([[1, 1], [1, 5, 1]]).tolist() == [[1, 1, 0, 0, 0, 0], [1, 5, 1, 0, 0, 0]]
