"""What a call's sound may be told to do; an order takes effect at the next frame."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from audio.dsp.endpointer import Patience
from audio.frame import Clip, freeze

DIGITS = "0123456789*#ABCD"
MAX_DIGITS = 64


class BargeIn(StrEnum):
    """What of the far end may cut a play short."""

    NONE = "none"
    DTMF = "dtmf"
    SPEECH = "speech"
    """Speech, and keys too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Say the clips one after the other, after whatever was ordered before."""

    play_id: int
    clips: tuple[Clip, ...]
    barge_in: BargeIn = BargeIn.NONE

    def __post_init__(self) -> None:
        # A clip somebody may still write into would change in the middle of a call.
        object.__setattr__(
            self, "clips", tuple(c if not c.flags.writeable else freeze(c) for c in self.clips)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlaying:
    """Fall silent at once and forget every play that waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDigits:
    """Press keys as tones in the sound; a play that is on waits meanwhile."""

    digits: str

    def __post_init__(self) -> None:
        if not 0 < len(self.digits) <= MAX_DIGITS or not set(self.digits) <= set(DIGITS):
            raise ValueError(f"1 to {MAX_DIGITS} of the keys {DIGITS} can be sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecording:
    """Keep both directions from the next frame on (say the notice before ordering this)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRecording:
    """Tell the last chunk and keep nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Expect this kind of answer from now on: it decides how long a pause ends what is said."""

    patience: Patience


AudioOrder: TypeAlias = Play | StopPlaying | SendDigits | StartRecording | StopRecording | Listen
