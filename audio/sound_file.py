"""Read a recorded call as the call's own code hears it: 8 kHz, 16 bits, one direction."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from audio.errors import SoundFileError
from audio.frame import FULL_SCALE, NARROWBAND, Clip, Frame, freeze

MAX_SOUND_S = 4 * 3600.0
RAW_LAWS = {
    ".ul": "ULAW",
    ".ulaw": "ULAW",
    ".mulaw": "ULAW",
    ".pcmu": "ULAW",
    ".raw": "ULAW",
    ".al": "ALAW",
    ".alaw": "ALAW",
    ".pcma": "ALAW",
}
"""Files without a header: G.711 at 8 kHz, by their names."""


def load_sound(path: Path, channel: int = 1) -> Clip:
    """Return one channel (the first is the callee's, in a recording of ours) at 8 kHz. Raises SoundFileError."""
    law = RAW_LAWS.get(path.suffix.lower())
    how = {"format": "RAW", "subtype": law, "channels": 1, "samplerate": NARROWBAND.rate_hz} if law else {}
    try:
        with soundfile.SoundFile(path, **how) as file:
            if file.frames > MAX_SOUND_S * file.samplerate:
                raise SoundFileError(f"{path.name}: longer than {MAX_SOUND_S / 3600:.0f} hours")
            if not 1 <= channel <= file.channels:
                raise SoundFileError(f"{path.name}: there is no channel {channel}, only {file.channels}")
            rate_hz = file.samplerate
            if rate_hz == NARROWBAND.rate_hz:
                return freeze(np.ascontiguousarray(file.read(dtype="int16", always_2d=True)[:, channel - 1]))
            samples = file.read(dtype="float32", always_2d=True)[:, channel - 1]
    except (soundfile.LibsndfileError, OSError) as error:
        raise SoundFileError(f"{path.name}: not a sound file that can be read ({error})") from error
    narrow = soxr.resample(samples, rate_hz, NARROWBAND.rate_hz) if len(samples) else samples
    return freeze(np.clip(np.rint(narrow * FULL_SCALE), -32768, 32767).astype(np.int16))


def frames_of(sound: Clip) -> Iterator[Frame]:
    """Yield the sound frame by frame, the last one filled up with silence."""
    n_samples = NARROWBAND.n_samples
    whole = len(sound) - len(sound) % n_samples
    for begin in range(0, whole, n_samples):
        yield sound[begin : begin + n_samples]
    if whole < len(sound):
        last = np.zeros(n_samples, dtype=np.int16)
        last[: len(sound) - whole] = sound[whole:]
        yield last
