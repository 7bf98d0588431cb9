"""Who speaks a language: engines in the order of preference, the next one where one fails."""

from collections.abc import Mapping
from dataclasses import dataclass

from audio.speech.synthesis import Synthesizer


@dataclass(frozen=True, slots=True)
class Voices:
    """Engines by primary language subtag, the preferred one first."""

    by_language: Mapping[str, tuple[Synthesizer, ...]]

    def of(self, language: str) -> tuple[Synthesizer, ...]:
        """Return the engines for a language (BCP 47), none when nobody speaks it."""
        return self.by_language.get(primary(language), ())


def primary(language: str) -> str:
    """Return the primary subtag: zh of zh-CN."""
    return language.split("-", maxsplit=1)[0].lower()
