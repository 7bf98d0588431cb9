"""What one call's sound tells: frozen facts in the order they happened.

Every `at_ms` counts milliseconds since the first frame of the `CallAudio` that told it.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from audio.dsp.answer import AnswerClass
from audio.dsp.answer_evidence import AnswerFeatures
from audio.dsp.fax import FaxTone
from audio.dsp.line_watch import LineFault
from audio.dsp.progress_tones import ProgressTone
from audio.dsp.sit import SitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayStarted:
    """The first sample of a play left the box."""

    play_id: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayFinished:
    """A play is over; every play ordered finishes exactly once."""

    play_id: int
    at_ms: int
    played_ms: int
    interrupted: bool
    """True when barge-in, StopPlaying or the end of the call cut it short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitHeard:
    """One key pressed by the far end, told once, at its trailing edge."""

    digit: str
    at_ms: int
    """Where the tone began."""
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted:
    """The far end began to speak."""

    at_ms: int
    """Where the speech began, about 100 ms before this is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnded:
    """The far end stopped speaking."""

    at_ms: int
    """Where the last of it was heard."""
    duration_ms: int
    """From the start of the speech to `at_ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UtterancePaused:
    """What the far end has said so far, told when a pause has begun in which the turn may end; only by a call that listens.

    If it does, an `UtteranceHeard` with the same `at_ms` and `duration_ms` follows; if they go on, that one is longer.
    """

    at_ms: int
    """Where the last sound so far was heard."""
    duration_ms: int
    pcm: bytes = field(repr=False)
    """As that of `UtteranceHeard`, but for the end of the silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceHeard:
    """What the far end said in one go, told right after its `SpeechEnded`; only by a call that listens."""

    at_ms: int
    """Where its last sound was heard: the `at_ms` of its `SpeechEnded`."""
    duration_ms: int
    pcm: bytes = field(repr=False)
    """s16 little endian, 8 kHz mono, with a little of what came before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeepHeard:
    """An answering machine's beep, told once the silence after it is long enough."""

    at_ms: int
    """Where the beep began."""
    frequency_hz: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerClassified:
    """Who answered, as far as is known; a later one takes it back."""

    at_ms: int
    """When this was decided: the end of the sound that it rests on."""
    answer: AnswerClass
    confidence: float
    """0 to 1."""
    reason: str
    """What decided: greeting, words, transcript, beep, fax_tone, information_tone, repetition, quiet."""
    features: AnswerFeatures
    subject: str = ""
    """What a carrier's announcement is about (busy, switched_off, vacant, ...); empty when that cannot be told."""
    cues: tuple[str, ...] = field(default=(), repr=False)
    """Words that were written down and spoke for it, the strongest first; for a person who looks, not for a log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSpeechHeard:
    """What the far end said after answering, for a recogniser whose text is ordered back as `AnswerText`."""

    at_ms: int
    """When it was complete."""
    part: int
    """Which piece; a later one of the same number is the same piece, grown."""
    pcm: bytes = field(repr=False)
    """s16 little endian, 8 kHz mono."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressHeard:
    """An exchange's tone, told after two whole cycles, once until it ends or changes."""

    at_ms: int
    """Where the cycles began."""
    tone: ProgressTone
    countries: tuple[str, ...]
    """Whose tone it may be, the likeliest first."""
    others: tuple[ProgressTone, ...]
    """What else the same sound means, in other countries."""
    frequency_hz: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SitHeard:
    """Special information tones: an announcement says why the call failed."""

    at_ms: int
    """Where the first of the three began."""
    code: SitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class FaxHeard:
    """A fax machine is on the line."""

    at_ms: int
    """Where its tone began."""
    tone: FaxTone


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFaultRaised:
    """Something is wrong with the sound; told once until it is over."""

    at_ms: int
    fault: LineFault


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFaultCleared:
    """What was wrong with the sound is over."""

    at_ms: int
    fault: LineFault


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingChunk:
    """A piece of the recording, both directions time-aligned."""

    index: int
    pcm: bytes
    """Interleaved stereo s16 little endian: left = what the callee said, right = what the box said."""
    first_at_ms: int
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelReport:
    """The mean level of the past second."""

    at_ms: int
    in_dbfs: float
    out_dbfs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PortDied:
    """The audio device went away; no frame follows."""

    at_ms: int
    reason: str


AudioEvent: TypeAlias = (
    PlayStarted
    | PlayFinished
    | DigitHeard
    | SpeechStarted
    | SpeechEnded
    | UtterancePaused
    | UtteranceHeard
    | BeepHeard
    | AnswerClassified
    | AnswerSpeechHeard
    | ProgressHeard
    | SitHeard
    | FaxHeard
    | LineFaultRaised
    | LineFaultCleared
    | RecordingChunk
    | LevelReport
    | PortDied
)
