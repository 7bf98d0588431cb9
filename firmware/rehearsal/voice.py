"""One prompt as it will be said, with sample values: its phrases, and its sound."""

from datetime import date, time, timedelta
from pathlib import Path

import numpy as np
import soundfile

from audio.frame import NARROWBAND
from audio.speech.synthesis import Synthesizer
from firmware.dialogue.flow import Flow
from firmware.dialogue.nodes import CaptureKind
from firmware.dialogue.script import Script
from firmware.dialogue.variables import (
    PLAN_AMOUNT,
    PLAN_COUNT,
    PLAN_FIRST,
    PLAN_LAST,
    PROMISE_AMOUNT,
    PROMISE_DATE,
    ContactVars,
    Moment,
    Value,
)
from firmware.values import Money

SAMPLE_AMOUNT_MINOR = 50_000
BETWEEN_PHRASES_S = 0.08


def prompt_phrases(flow: Flow, contact: ContactVars, prompt: str, today: date) -> tuple[str, ...]:
    """Return what is said for a prompt, every slot filled with a sample. Raises SlotEmptyError, KeyError."""
    script = Script(flow=flow, contact=contact, language=contact.language, today=today, promise_max_days=14)
    return script.phrases(flow.prompts[prompt], _sample_slots(flow, contact, today))


def render(phrases: tuple[str, ...], language: str, synthesizer: Synthesizer, target: Path) -> float:
    """Write the phrases as one WAV file and return its length in seconds. Raises SynthesisError, OSError."""
    gap = np.zeros(round(BETWEEN_PHRASES_S * NARROWBAND.rate_hz), dtype=np.int16)
    pieces = [piece for phrase in phrases for piece in (synthesizer.render(phrase, language), gap)]
    pcm = np.concatenate(pieces[:-1])
    with target.open("wb") as file:
        soundfile.write(file, pcm, NARROWBAND.rate_hz, subtype="PCM_16", format="WAV")
    return len(pcm) / NARROWBAND.rate_hz


def _sample_slots(flow: Flow, contact: ContactVars, today: date) -> dict[str, Value]:
    currency = next(
        (value.currency for value in contact.values.values() if isinstance(value, Money)),
        "CNY" if contact.language.startswith("zh") else "USD",
    )
    day, amount = today + timedelta(days=4), Money(SAMPLE_AMOUNT_MINOR, currency)
    of_kind: dict[CaptureKind, Value] = {
        CaptureKind.DATE: day,
        CaptureKind.AMOUNT: amount,
        CaptureKind.DIGITS: "13800138000",
        CaptureKind.RATING: 4,
        CaptureKind.CALLBACK: Moment(today + timedelta(days=1), time(15)),
    }
    slots: dict[str, Value] = {name: of_kind[kind] for name, kind in flow.captures.items()}
    return slots | {
        PROMISE_DATE: day,
        PROMISE_AMOUNT: amount,
        PLAN_COUNT: 3,
        PLAN_AMOUNT: amount,
        PLAN_FIRST: day,
        PLAN_LAST: amount,
    }
