"""One call's sound: 20 ms frames in, frames and events out. Knows nothing of modems, calls or storage."""

from audio.call_audio import CallAudio
from audio.errors import AudioError
from audio.events import (
    AudioEvent,
    BeepHeard,
    DigitHeard,
    LevelReport,
    PlayFinished,
    PlayStarted,
    PortDied,
    RecordingChunk,
    SpeechEnded,
    SpeechStarted,
)
from audio.frame import NARROWBAND, AudioFormat, Clip, Frame
from audio.orders import AudioOrder, BargeIn, Play, SendDigits, StartRecording, StopPlaying, StopRecording

__all__ = [
    "NARROWBAND",
    "AudioError",
    "AudioEvent",
    "AudioFormat",
    "AudioOrder",
    "BargeIn",
    "BeepHeard",
    "CallAudio",
    "Clip",
    "DigitHeard",
    "Frame",
    "LevelReport",
    "Play",
    "PlayFinished",
    "PlayStarted",
    "PortDied",
    "RecordingChunk",
    "SendDigits",
    "SpeechEnded",
    "SpeechStarted",
    "StartRecording",
    "StopPlaying",
    "StopRecording",
]
