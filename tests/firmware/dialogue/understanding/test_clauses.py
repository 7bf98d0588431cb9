"""What one clause of several may mean: what must not be missed counts wherever it was said, the rest only beside the matter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware.dialogue.intents import ACCEPT
from firmware.dialogue.slots import Asked
from firmware.dialogue.understanding.model import IntentModel
from firmware.dialogue.understanding.rules import Rules
from firmware.dialogue.understanding.understander import BESIDE, CLAUSE_TRUST, Understander

TODAY = date(2026, 11, 25)
NAMES = ("complaint", "hardship", "opt_out")


@dataclass(frozen=True)
class Sure:
    """Is as sure of a text as it was told to be."""

    by_text: Mapping[str, float]
    name: str
    names: tuple[str, ...] = NAMES

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        of = self.names.index(self.name)
        return np.array(
            [[self.by_text[text] if at == of else 0.0 for at in range(len(self.names))] for text in texts],
            dtype=np.float32,
        )


def found(name: str, *, whole: float, clause: float) -> float:
    model = Sure({"that story of my life": whole, "that story": clause, "of my life": 0.0}, name)
    understander = Understander(models={"en": cast(IntentModel, model)}, rules={"en": Rules(())})
    intents = understander.understand("that story, of my life", language="en", today=TODAY).intents
    return max((intent.confidence for intent in intents if intent.name == name), default=0.0)


@pytest.mark.parametrize(
    ("name", "whole", "clause", "right"),
    [
        pytest.param("opt_out", 0.1, 0.6, CLAUSE_TRUST * 0.6, id="what must not be missed counts as it is"),
        pytest.param("hardship", 0.3, 0.8, 0.3, id="another matter does not if it is not very sure"),
        pytest.param("hardship", 0.3, 0.99, BESIDE, id="a very sure one is said beside the matter"),
        pytest.param("hardship", 0.9, 0.99, 0.9, id="the whole is never lowered"),
    ],
)
def test_a_clause_alone(name: str, whole: float, clause: float, right: float) -> None:
    assert found(name, whole=whole, clause=clause) == pytest.approx(right, abs=1e-3)


def test_what_is_said_beside_a_matter_is_still_acted_on() -> None:
    assert BESIDE >= ACCEPT


@pytest.mark.parametrize(
    ("language", "text", "asked", "meant"),
    [
        ("zh", "不对，是一三九零零一三九零零零", Asked.CONFIRM, "deny"),
        ("en", "no she's upstairs", Asked.IDENTITY, "third_party"),
        ("zh", "不是，她在楼上", Asked.IDENTITY, "third_party"),
    ],
)
def test_a_no_is_about_what_was_asked(
    understander: Understander, language: str, text: str, asked: Asked, meant: str
) -> None:
    intents = understander.understand(text, language=language, asked=asked, today=TODAY).intents
    assert intents[0].name == meant
    assert not [one for one in intents if one.name == "wrong_number" and one.confidence >= 0.4]
