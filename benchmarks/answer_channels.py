"""What a telephone line does to a call's sound: level, room, noise, codec, gating, loss. For training and for tests."""

import io
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

RATE_HZ = 8000
Sound = NDArray[np.float64]
"""-1 to 1, 8 kHz mono."""
MIN_SNR_DB = 8.0
"""Nobody answers a telephone that he cannot hear."""


def varied_channel(sound: Sound, rng: np.random.Generator, *, babble: Sound | None) -> tuple[Sound, int]:
    """Return the sound as some telephone line gives it, and by how many samples it was shifted.

    `babble` is speech to make a room full of voices of; None where nobody answers, for such a room is no silence.
    """
    sound = varied_room(sound, rng)
    sound = level_to(sound, float(rng.uniform(-34, -10)))
    kind = str(rng.choice(["none", "white", "pink", "brown", "babble"], p=(0.3, 0.3, 0.2, 0.1, 0.1)))
    if kind == "babble" and babble is None:
        kind = "pink"
    if kind != "none":
        noise = line_noise(kind, len(sound), rng, babble)
        level_dbfs = float(rng.uniform(-65, -36))
        if np.any(sound):
            level_dbfs = min(level_dbfs, speech_dbfs(sound) - (MIN_SNR_DB if kind != "babble" else 14.0))
        sound = sound + noise * 10 ** (level_dbfs / 20)
    if rng.random() < 0.12:
        sound = _gated(sound)
    shift = 0
    if rng.random() < 0.2:
        shift = round(float(rng.uniform(0.2, 3.0)) * RATE_HZ)
        sound = np.concatenate([np.zeros(shift), sound])
    sound = coded(sound, str(rng.choice(["none", "ulaw", "alaw", "gsm"], p=(0.3, 0.2, 0.2, 0.3))))
    if rng.random() < 0.12:
        for begin in range(0, len(sound) - 160, 160):
            if rng.random() < 0.02:
                sound[begin : begin + 160] = 0.0
    return sound, shift


def varied_room(sound: Sound, rng: np.random.Generator) -> Sound:
    """Return the sound as some room and handset give it."""
    if rng.random() < 0.3:
        sound = _in_room(sound, rng)
    return _coloured(sound, rng) if rng.random() < 0.5 else sound


def with_noise(sound: Sound, noise_dbfs: float, rng: np.random.Generator) -> Sound:
    """Return the sound with white noise of `noise_dbfs`; below -96 with none."""
    return sound + rng.normal(0, 10 ** (noise_dbfs / 20), len(sound)) if noise_dbfs > -96 else sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An even line: noise of one level throughout, and a codec."""

    noise: str = "white"
    """white, pink, brown or babble."""
    noise_dbfs: float = -100.0
    """Below -96 there is none."""
    codec: str = "none"
    loss: float = 0.0
    """Share of 20 ms packets that are lost, replaced by silence."""

    def carry(self, sound: Sound, rng: np.random.Generator, babble: Sound | None = None) -> Sound:
        """Return the sound as the line gives it; `babble` is speech to make voices of, where they are the noise."""
        if self.noise == "white":
            sound = with_noise(sound, self.noise_dbfs, rng)
        elif self.noise_dbfs > -96:
            # Where nobody answers there is no room full of voices either.
            kind = "pink" if self.noise == "babble" and babble is None else self.noise
            sound = sound + line_noise(kind, len(sound), rng, babble) * 10 ** (self.noise_dbfs / 20)
        sound = coded(sound, self.codec)
        if self.loss:
            packets = sound[: len(sound) // 160 * 160].reshape(-1, 160).copy()
            packets[rng.random(len(packets)) < self.loss] = 0.0
            sound = packets.reshape(-1)
        return sound


def coded(sound: Sound, codec: str) -> Sound:
    """Return the sound after `codec` (none, ulaw, alaw or gsm, 06.10 full rate)."""
    subtype = {"ulaw": "ULAW", "alaw": "ALAW", "gsm": "GSM610"}.get(codec)
    if subtype is None:
        return sound
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(sound, -1, 1), RATE_HZ, format="WAV", subtype=subtype)
    buffer.seek(0)
    samples, _ = soundfile.read(buffer, dtype="float64")
    return np.asarray(samples, dtype=np.float64)[: len(sound)]


def to_pcm(sound: Sound) -> NDArray[np.int16]:
    """Return the sound as 16 bits."""
    return np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)


def resampled(sound: Sound, factor: float) -> Sound:
    """Return the sound slower and deeper (`factor` above 1) or quicker and higher: another speaker."""
    return np.asarray(soxr.resample(sound, RATE_HZ, round(RATE_HZ * factor)), dtype=np.float64)


def speech_dbfs(sound: Sound) -> float:
    """Return the level of the loud part of the sound, -100 for none."""
    n = len(sound) // 160
    powers = np.mean(sound[: n * 160].reshape(n, 160) ** 2, axis=1)
    loudest = float(powers.max(initial=0.0))
    return 10 * float(np.log10(np.mean(powers[powers >= loudest * 10**-2.5]) + 1e-12)) if loudest else -100.0


def level_to(sound: Sound, level_dbfs: float) -> Sound:
    """Return the sound with its speech at `level_dbfs`."""
    if not np.any(sound):
        return sound
    return np.clip(sound * 10 ** ((level_dbfs - speech_dbfs(sound)) / 20), -1, 1)


def line_noise(kind: str, n: int, rng: np.random.Generator, babble: Sound | None = None) -> Sound:
    """Return noise of level 0 dBFS: white, pink, brown, or of voices made of `babble`."""
    if kind == "babble" and babble is not None:
        noise = np.zeros(n)
        for _ in range(6):
            noise += np.roll(np.resize(babble, n), int(rng.integers(n)))
    else:
        spectrum = np.fft.rfft(rng.normal(0, 1, n))
        hz = np.maximum(np.fft.rfftfreq(n, 1 / RATE_HZ), 60.0)
        spectrum *= {"white": 1.0, "pink": hz**-0.5, "brown": 1 / hz}[kind]
        noise = np.fft.irfft(spectrum, n)
    return np.asarray(noise / np.sqrt(np.mean(noise**2) + 1e-12), dtype=np.float64)


def _in_room(sound: Sound, rng: np.random.Generator) -> Sound:
    """Return the sound in a small room (exponential decay of 0.1 to 0.45 s)."""
    decay_s = float(rng.uniform(0.1, 0.45))
    n = round(decay_s * RATE_HZ)
    tail = rng.normal(0, 1, n) * np.exp(-6.9 * np.arange(n) / n)
    tail *= float(rng.uniform(0.1, 0.5)) / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    size = len(sound) + n
    return np.asarray(np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)])


def _coloured(sound: Sound, rng: np.random.Generator) -> Sound:
    """Return the sound through some handset: a tilt of up to 6 dB an octave, and limits of the band."""
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    gain = (np.maximum(hz, 50.0) / 1000) ** float(rng.uniform(-0.6, 0.6))
    low, high = float(rng.uniform(50, 350)), float(rng.uniform(3000, 4000))
    gain *= 1 / (1 + (low / np.maximum(hz, 1.0)) ** 4) * 1 / (1 + (hz / high) ** 12)
    return np.asarray(np.fft.irfft(spectrum * gain, len(sound)), dtype=np.float64)


def _gated(sound: Sound) -> Sound:
    """Return the sound of a network that sends digital silence while nobody speaks."""
    out = sound.copy()
    n = len(sound) // 160
    powers = np.mean(sound[: n * 160].reshape(n, 160) ** 2, axis=1)
    loud = powers > powers.max() * 10**-3.2
    kept = np.convolve(loud, np.ones(21), mode="same") > 0.5
    out[: n * 160].reshape(n, 160)[~kept] = 0.0
    return out
