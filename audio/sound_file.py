"""Read a recorded call as the call's own code hears it: 8 kHz, 16 bits, one direction."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from audio.errors import SoundFileError
from audio.frame import FULL_SCALE, NARROWBAND, Clip, Frame, freeze

MAX_SOUND_S = 4 * 3600.0
MIN_RATE_HZ, MAX_RATE_HZ = 4000, 400_000
PART_S = 1
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
    read_s = 0.0
    try:
        with soundfile.SoundFile(path, **how) as file:
            rate_hz = file.samplerate
            if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
                raise SoundFileError(f"{path.name}: {rate_hz} samples a second are no rate of a sound")
            if not 1 <= channel <= file.channels:
                raise SoundFileError(f"{path.name}: there is no channel {channel}, only {file.channels}")
            if file.seekable() and file.frames > MAX_SOUND_S * rate_hz:
                raise SoundFileError(f"{path.name}: longer than {MAX_SOUND_S / 3600:.0f} hours")
            to_narrow = soxr.ResampleStream(rate_hz, NARROWBAND.rate_hz, 1, dtype="float32")
            parts: list[Clip] = []
            # In float: read as integers, files of floats come out as silence. A part at a time: some kinds, GSM among
            # them, cannot tell how long they are, and hours of several channels would not fit into a small box.
            while len(
                samples := file.read(rate_hz * PART_S, dtype="float32", always_2d=True)[:, channel - 1]
            ):
                if (read_s := read_s + len(samples) / rate_hz) > MAX_SOUND_S:
                    raise SoundFileError(f"{path.name}: longer than {MAX_SOUND_S / 3600:.0f} hours")
                samples = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
                parts.append(
                    _to_pcm(samples if rate_hz == NARROWBAND.rate_hz else to_narrow.resample_chunk(samples))
                )
    except (soundfile.LibsndfileError, OSError) as error:
        where = (
            f"damaged within {PART_S} s after {read_s:.0f} s"
            if read_s
            else "not a sound file that can be read"
        )
        raise SoundFileError(f"{path.name}: {where} ({error})") from error
    if parts and rate_hz != NARROWBAND.rate_hz:
        parts.append(_to_pcm(to_narrow.resample_chunk(np.zeros(0, dtype=np.float32), last=True)))
    return freeze(np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16))


def _to_pcm(samples: NDArray[np.float32]) -> Clip:
    pcm: Clip = np.clip(np.rint(samples * FULL_SCALE), -32768, 32767).astype(np.int16)
    return pcm


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
