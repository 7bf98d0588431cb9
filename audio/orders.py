"""What a call's sound may be told to do; an order takes effect at the next frame."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from audio.dsp.answer_words import Written
from audio.dsp.endpointer import Patience
from audio.frame import Clip, Frame, freeze

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerText:
    """Take what a recogniser made of one `AnswerSpeechHeard`."""

    part: int
    written: tuple[Written, ...]
    """One for each language that it may be in."""


class Strand(Protocol):
    """One direction between two joined calls: one puts frames, the other takes them, each in its own time."""

    def put(self, frame: Frame) -> None:
        """Keep a frame of the source's."""
        ...

    def take(self) -> Frame:
        """Return a frame for the sink; silence while nothing comes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """From the next frame until the end of the call let its far end talk to another call's; what is played goes before.

    What is said is then between two people: it is recorded if recording is on, and listened to by nothing else.
    """

    to_other: Strand
    from_other: Strand


AudioOrder: TypeAlias = (
    Play | StopPlaying | SendDigits | StartRecording | StopRecording | Listen | AnswerText | Join
)
