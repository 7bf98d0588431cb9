"""Errors of the audio package: one root, leaves named by what the caller should do differently."""


class AudioError(Exception):
    """Anything that went wrong with a call's sound."""


class UnsupportedFormatError(AudioError):
    """The sound is not 8 kHz 16-bit mono in 20 ms frames: convert it before it comes here."""


class PortOpenError(AudioError):
    """The audio device cannot be opened; the text says what to do."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class PortStateError(AudioError):
    """A port was started twice, or used before it was started: a mistake of the caller."""


class OrderQueueFullError(AudioError):
    """More orders wait than the frame loop can take: the port is stuck, end the call."""


class RecordingError(AudioError):
    """A sealed recording cannot be made as asked, or the file is none."""


class RecordingWriteError(RecordingError, OSError):
    """The disk does not take the recording: make room, the call itself goes on."""


class RecordingTamperedError(RecordingError):
    """Chunks are missing, out of order or of another recording: do not rely on what it says."""


class RecordingLockedError(RecordingError):
    """The identity given does not open this recording: use the one it was sealed to."""


class SynthesisError(AudioError):
    """Speech could not be rendered; the text says what to install or change, never the phrase."""


class NotRecordedError(SynthesisError):
    """Nobody recorded these words: an engine speaks them."""


class PromptFileError(AudioError):
    """A recorded prompt cannot be read: replace the file."""


class SoundFileError(AudioError):
    """A recording cannot be read: give a WAV, a FLAC or raw G.711 file."""


class ClipMissingError(AudioError):
    """The phrase was not prepared, or left the cache since: prepare it before the call."""


class ModelsError(AudioError):
    """A model cannot be fetched, or is not as pinned; the text says what to do."""


class RecogniserError(AudioError):
    """Speech was not recognised, or cannot be on this box; the text says why and what to do, never what was said."""


class RecogniserBusyError(RecogniserError):
    """More utterances wait than can be recognised in time: this one goes without."""


class RecogniserLateError(RecogniserError):
    """The recogniser did not answer in time and was stopped: this answer is lost, the next is not."""


class RecogniserDiedError(RecogniserError):
    """The recogniser ended, or answered nonsense and was stopped: this answer is lost, the next is not."""
