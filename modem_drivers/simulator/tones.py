"""Sound made of sines: keys, beeps, network tones and speech-like bursts, 8 kHz mono."""

import math

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
FRAME_SAMPLES = 160
"""One tick of the network: 20 ms."""
FRAME_S = FRAME_SAMPLES / RATE_HZ

Pcm = NDArray[np.int16]
"""int16, shape (n_samples,), 8 kHz mono."""

NETWORK_TONES = {
    "busy": (0.35, 0.35),
    "congestion": (0.7, 0.7),
    "vacant": (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.4),
}
"""Seconds on, off, on, off…, of tones that say why a call does not come about."""
KEYS = "123A456B789C*0#D"
_ROWS_HZ = (697, 770, 852, 941)  # ITU-T Q.23
_COLUMNS_HZ = (1209, 1336, 1477, 1633)
_EDGE_SAMPLES = 16  # 2 ms: a key contact does not click like a cut sine


def silence(duration_s: float) -> Pcm:
    """Return nothing but zeros."""
    return np.zeros(round(duration_s * RATE_HZ), np.int16)


def tone(frequencies_hz: tuple[float, ...], duration_s: float, level_dbfs: float = -12.0) -> Pcm:
    """Return sines of equal level sounding together; `level_dbfs` is each one's peak."""
    instants_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    mixed = sum((np.sin(2 * math.pi * f * instants_s) for f in frequencies_hz), np.zeros(len(instants_s)))
    edge = min(_EDGE_SAMPLES, len(mixed) // 2)
    if edge:
        ramp = np.linspace(0.0, 1.0, edge)
        mixed[:edge] *= ramp
        mixed[-edge:] *= ramp[::-1]
    return to_pcm(mixed * 32767 * 10 ** (level_dbfs / 20))


def key_tone(key: str, duration_s: float = 0.1, level_dbfs: float = -12.0) -> Pcm:
    """Return one key's two tones (ITU-T Q.23). Raises ValueError for anything but 0-9, A-D, * and #."""
    place = KEYS.find(key.upper()) if len(key) == 1 else -1
    if place < 0:
        raise ValueError(f"{key!r} is no telephone key: use 0-9, A-D, * or #")
    return tone((_ROWS_HZ[place // 4], _COLUMNS_HZ[place % 4]), duration_s, level_dbfs)


def ringback_frame(tick: int) -> Pcm:
    """Return frame `tick` of the Chinese ringing tone: 450 Hz, 1 s on, 4 s off."""
    if tick * FRAME_SAMPLES % (5 * RATE_HZ) >= RATE_HZ:
        return np.zeros(FRAME_SAMPLES, np.int16)
    instants_s = (np.arange(FRAME_SAMPLES) + tick * FRAME_SAMPLES) / RATE_HZ
    return to_pcm(np.sin(2 * math.pi * 450 * instants_s) * 4000)


def network_tone(kind: str, duration_s: float) -> Pcm:
    """Return a Chinese call-progress tone of `NETWORK_TONES`: 450 Hz in that rhythm (GB/T 3380)."""
    period = np.concatenate(
        [
            tone((450.0,), on_or_off_s, -15.0) if place % 2 == 0 else silence(on_or_off_s)
            for place, on_or_off_s in enumerate(NETWORK_TONES[kind])
        ]
    )
    n_samples = round(duration_s * RATE_HZ)
    return np.tile(period, -(-n_samples // len(period)))[:n_samples]


def bursts(text: str, language: str) -> Pcm:
    """Return sound with the rhythm of speech: a voiced burst a syllable, a pause a clause."""
    chinese = language.startswith("zh")
    out: list[Pcm] = []
    for place, character in enumerate(text if chinese else text.split()):
        if character in "，。！？、；： ,.!?;:":
            out.append(silence(0.25))
            continue
        pitch_hz = 115 + (place * 37 + ord(character[0])) % 40
        syllables = 1 if chinese else max(1, len(character) // 3)
        for _ in range(syllables):
            out.append(_syllable(pitch_hz))
            out.append(silence(0.04))
        if not chinese:
            out.append(silence(0.2 if character[-1] in ",.!?;:" else 0.03))
    return np.concatenate(out) if out else silence(0.2)


def rms_dbfs(pcm: Pcm) -> float:
    """Return the level of `pcm` against full scale, floored at −120."""
    power = float(np.mean(np.square(pcm.astype(np.float64)))) if len(pcm) else 0.0
    return 10 * math.log10(max(power / 32768**2, 1e-12))


def to_pcm(samples: NDArray[np.floating]) -> Pcm:
    """Return samples as 16 bits, clipped rather than wrapped."""
    pcm: Pcm = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return pcm


def _syllable(pitch_hz: float) -> Pcm:
    """Return a voiced burst, a gliding pitch under two formants: no key detector takes it for a key."""
    instants_s = np.arange(round(0.17 * RATE_HZ)) / RATE_HZ
    phase = 2 * math.pi * np.cumsum(pitch_hz * (1 + 0.15 * np.sin(2 * math.pi * 3 * instants_s))) / RATE_HZ
    mixed = np.zeros(len(instants_s))
    for harmonic in range(1, 24):
        frequency_hz = harmonic * pitch_hz
        weight = 1 / (1 + ((frequency_hz - 600) / 250) ** 2) + 0.4 / (1 + ((frequency_hz - 1500) / 300) ** 2)
        mixed += weight * np.sin(harmonic * phase)
    mixed *= np.sin(math.pi * instants_s / instants_s[-1]) ** 0.5
    return to_pcm(mixed * 3300 / np.sqrt(np.mean(mixed**2)))
