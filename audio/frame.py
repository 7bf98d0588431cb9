"""Say what one frame of a call's sound is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audio.errors import UnsupportedFormatError

Frame: TypeAlias = NDArray[np.int16]
"""One ptime of sound. int16, shape (n_samples,), mono."""

Clip: TypeAlias = NDArray[np.int16]
"""A prompt's sound: int16, shape (n_samples,), 8 kHz mono, read-only, shared between calls and never copied."""

FULL_SCALE = 32768.0
"""0 dBFS is the mean square of a full-scale square wave; a full-scale sine is -3 dBFS."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The rate and the frame length of a port; samples are always 16-bit mono, little endian on the wire."""

    rate_hz: int = 8000
    ptime_ms: int = 20

    def __post_init__(self) -> None:
        if self.rate_hz <= 0 or self.ptime_ms <= 0 or self.rate_hz * self.ptime_ms % 1000:
            raise UnsupportedFormatError(
                f"{self.rate_hz} Hz with {self.ptime_ms} ms is no whole number of samples"
            )

    @property
    def n_samples(self) -> int:
        """Samples in one frame."""
        return self.rate_hz * self.ptime_ms // 1000

    @property
    def n_bytes(self) -> int:
        """Bytes in one frame on the wire."""
        return 2 * self.n_samples

    @property
    def ptime_s(self) -> float:
        """Length of one frame in seconds."""
        return self.ptime_ms / 1000


NARROWBAND = AudioFormat()


def freeze(samples: NDArray[np.int16]) -> Clip:
    """Return `samples` as a clip: contiguous and read-only, copied only when it must be."""
    if samples.ndim != 1 or samples.dtype != np.int16:
        raise UnsupportedFormatError(
            f"a clip is int16 of shape (n_samples,), not {samples.dtype} {samples.shape}"
        )
    clip = np.ascontiguousarray(samples)
    if clip is samples and samples.flags.writeable:
        clip = samples.copy()  # somebody else may still write into theirs
    clip.flags.writeable = False
    return clip


def silence(n_samples: int) -> Clip:
    """Return `n_samples` of digital silence as a clip."""
    return freeze(np.zeros(n_samples, dtype=np.int16))


def frame_from_bytes(data: bytes) -> Frame:
    """Return the wire's bytes as samples, read-only and without a copy on little-endian machines."""
    return np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False)


def frame_to_bytes(frame: Frame) -> bytes:
    """Return a frame as the wire wants it."""
    return frame.astype("<i2", copy=False).tobytes()


def clip_duration_ms(clips: Iterable[Clip], rate_hz: int = NARROWBAND.rate_hz) -> int:
    """Return how long the clips play one after the other."""
    return sum(len(clip) for clip in clips) * 1000 // rate_hz
