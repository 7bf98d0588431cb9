"""Long and indirect utterances, and harmless ones with the same words: what must not be missed is acted on or asked about."""

import pytest

from benchmarks.understanding_evaluation import ALARM, CRITICAL, FIFTH, FOLDER, SIXTH, heeded, read
from firmware.dialogue.understanding.understander import Understander


@pytest.mark.parametrize(
    ("name", "least_heeded", "most_acted", "most_asked"), [(FIFTH, 0.96, 0.27, 0.3), (SIXTH, 0.83, 0.2, 0.4)]
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_must_not_be_missed_is_acted_on_or_asked_about(
    understander: Understander,
    language: str,
    name: str,
    least_heeded: float,
    most_acted: float,
    most_asked: float,
) -> None:
    phrases = read(FOLDER / name, language)
    assert all(sum(one in phrase.right for phrase in phrases) >= 15 for one in CRITICAL)
    found = heeded(understander, phrases, language)
    assert found.acted_or_asked >= least_heeded, found
    assert found.harmless_acted <= most_acted, found
    assert found.harmless_asked <= most_asked, found
    assert set(ALARM) == set(CRITICAL)
