"""What was said in a call and by whom, as the call itself took it: kept inside the sealed recording, and nowhere else."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

MAX_LINES = 2000
MAX_TEXT = 2000
"""Letters of one line."""


class Speaker(StrEnum):
    """Who said it."""

    BOX = "box"
    CALLEE = "callee"


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptEntry:
    """Something that was said, or a key that was pressed."""

    at_ms: int
    """When it began, of the box, or had been understood, of the person called; below 0 before the recording began."""
    speaker: Speaker
    text: str
    """Empty where words were heard and not understood."""
    prompt: str = ""
    """Of the box: the prompt's name in the flow."""
    confidence: float | None = None
    """Of words that were understood, 0 to 1."""
    is_key: bool = False


def to_bytes(lines: Sequence[TranscriptEntry]) -> bytes:
    """Return lines as they lie in a recording; of an endless call the first ones."""
    kept = [asdict(line) | {"text": line.text[:MAX_TEXT]} for line in lines[:MAX_LINES]]
    return json.dumps({"transcript": kept}, ensure_ascii=False, separators=(",", ":")).encode()


def from_bytes(data: bytes) -> list[TranscriptEntry]:
    """Return the lines of a recording; none of what is no transcript, as of a box that wrote none."""
    try:
        found = json.loads(data)["transcript"]
        return [
            TranscriptEntry(
                at_ms=int(each["at_ms"]),
                speaker=Speaker(each["speaker"]),
                text=str(each["text"]),
                prompt=str(each.get("prompt", "")),
                confidence=None if each.get("confidence") is None else float(each["confidence"]),
                is_key=bool(each.get("is_key", False)),
            )
            for each in found[:MAX_LINES]
        ]
    except (ValueError, KeyError, TypeError):
        return []
