"""Flows and what understands utterances, as the commands need them."""

import importlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

from firmware.dialogue.events import Intent
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.dialogue.slots import Asked, Slots

_UNDERSTANDER = "firmware.dialogue.understanding.understander"
Understanding = tuple[tuple[Intent, ...], Slots]
Understand = Callable[[str, str, Asked, date], Understanding]
"""(words, language, what was asked, today) to intents and slots."""


def read_flow(file: Path) -> Flow:
    """Return the flow in a file. Raises OSError, UnicodeDecodeError, FlowRefusedError."""
    return load_flow(file.read_text(encoding="utf-8"), source=str(file))


def find_understander() -> Understand | None:
    """Return what turns words into intents and slots, None in a build that has no such thing."""
    try:
        module = importlib.import_module(_UNDERSTANDER)
    except ModuleNotFoundError:
        return None
    understander = module.Understander.load()

    def understand(text: str, language: str, asked: Asked, today: date) -> Understanding:
        understood = understander.understand(text, language=language, asked=asked, today=today)
        return tuple(understood.intents), understood.slots

    return understand
