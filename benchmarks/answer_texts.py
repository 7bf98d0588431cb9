"""What people, machines, networks and assistants say when a call is answered (`answer_texts.yaml`), one text at a time."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from audio.dsp.answer_content import SUBJECTS

TEXTS_FILE = Path(__file__).with_name("answer_texts.yaml")
CARRIER_REASONS = SUBJECTS
"""What an announcement may be about."""

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
_FILLER = re.compile(r"\{(\w+)\}")


def phrase(split: str, kind: str, language: str, rng: np.random.Generator) -> str:
    """Return a text of `split` (train, held_out) and `kind` (a class, opening, or a carrier's reason)."""
    patterns: list[str] = _texts()[split][f"{kind}-{language}"]
    text = patterns[int(rng.integers(len(patterns)))]
    while (found := _ALTERNATIVES.search(text)) is not None:
        parts = found[1].split("|")
        text = text[: found.start()] + parts[int(rng.integers(len(parts)))] + text[found.end() :]
    return _FILLER.sub(lambda found: _filled(found[1], rng), text).strip()


def _filled(name: str, rng: np.random.Generator) -> str:
    choices: list[str] = _texts()["fillers"][name]
    return choices[int(rng.integers(len(choices)))]


@lru_cache(maxsize=1)
def _texts() -> dict[str, Any]:
    texts: dict[str, Any] = yaml.safe_load(TEXTS_FILE.read_text(encoding="utf-8"))
    return texts
