"""What people, machines, networks and assistants say when a call is answered (`answer_texts*.yaml`), one text at a time."""

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

from audio.dsp.answer_content import SUBJECTS

TEXTS_FILES = tuple(Path(__file__).with_name(f"answer_texts{part}.yaml") for part in ("", "_wide", "_unseen"))
SPLITS = ("train", "wide", "dev", "held_out", "unseen")
CARRIER_REASONS = SUBJECTS
"""What an announcement may be about."""

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
_FILLER = re.compile(r"\{(\w+)\}")


def phrase(split: str, kind: str, language: str, rng: np.random.Generator) -> str:
    """Return a text of `split` (train, wide, dev, held_out, unseen) and `kind` (a class, opening, or a carrier's reason)."""
    patterns = patterns_of(split)[f"{kind}-{language}"]
    text = patterns[int(rng.integers(len(patterns)))]
    while (found := _ALTERNATIVES.search(text)) is not None:
        parts = found[1].split("|")
        text = text[: found.start()] + parts[int(rng.integers(len(parts)))] + text[found.end() :]
    return _FILLER.sub(lambda found: _filled(found[1], rng), text).strip()


def patterns_of(split: str) -> dict[str, list[str]]:
    """Return the patterns of a split by kind and language: human-zh, vacant-en."""
    return _texts()[split]


def _filled(name: str, rng: np.random.Generator) -> str:
    choices = _texts()["fillers"][name]
    return choices[int(rng.integers(len(choices)))]


@lru_cache(maxsize=1)
def _texts() -> dict[str, dict[str, list[str]]]:
    texts: dict[str, dict[str, list[str]]] = {}
    for file in TEXTS_FILES:
        for part, kinds in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            for kind, patterns in kinds.items():
                texts.setdefault(part, {}).setdefault(kind, []).extend(patterns)
    return texts
