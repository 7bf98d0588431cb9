"""One call's sound: 20 ms frames in, frames and events out. Knows nothing of modems, calls or storage."""

from audio.call_audio import CallAudio
from audio.errors import AudioError
from audio.events import (
    AnswerClassified,
    AudioEvent,
    BeepHeard,
    DigitHeard,
    FaxHeard,
    LevelReport,
    LineFaultCleared,
    LineFaultRaised,
    PlayFinished,
    PlayStarted,
    PortDied,
    ProgressHeard,
    RecordingChunk,
    SitHeard,
    SpeechEnded,
    SpeechStarted,
)
from audio.frame import NARROWBAND, AudioFormat, Clip, Frame
from audio.orders import AudioOrder, BargeIn, Play, SendDigits, StartRecording, StopPlaying, StopRecording

__all__ = [
    "NARROWBAND",
    "AnswerClassified",
    "AudioError",
    "AudioEvent",
    "AudioFormat",
    "AudioOrder",
    "BargeIn",
    "BeepHeard",
    "CallAudio",
    "Clip",
    "DigitHeard",
    "FaxHeard",
    "Frame",
    "LevelReport",
    "LineFaultCleared",
    "LineFaultRaised",
    "Play",
    "PlayFinished",
    "PlayStarted",
    "PortDied",
    "ProgressHeard",
    "RecordingChunk",
    "SendDigits",
    "SitHeard",
    "SpeechEnded",
    "SpeechStarted",
    "StartRecording",
    "StopPlaying",
    "StopRecording",
]
