"""Keys with faults, through codecs and lossy networks, and who hears how many of them: ours, and spandsp's in the same run."""

import ctypes
import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.dtmf_generator import tones_of

Sound = NDArray[np.int16]
KEYS = "0123456789*#ABCD"
CODINGS = ("", "alaw", "ulaw", "gsm", "amr-12.2", "amr-7.4", "amr-4.75")
"""Linear, G.711, GSM full rate (06.10), and AMR narrowband at three of its rates (sox with libgsm and opencore-amr)."""
_AMR_MODES = {"amr-12.2": "7", "amr-7.4": "4", "amr-4.75": "0"}
SPANDSP_DIGITS = 128


class Expectation(StrEnum):
    """What ITU-T Q.24 and Bellcore's and Mitel's test tapes ask for."""

    HEARD = "heard"
    REFUSED = "refused"
    OPEN = "open"
    """No recommendation says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with the keys; levels are of each tone, in dBFS."""

    on_ms: float = 60.0
    off_ms: float = 60.0
    low_dbfs: float = -16.0
    high_dbfs: float = -16.0
    low_off: float = 0.0
    high_off: float = 0.0
    snr_db: float | None = None
    coding: str = ""
    loss: float = 0.0
    """Share of 20 ms packets that are lost, replaced by silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Of the keys pressed: how many were heard once and right, and what was heard besides."""

    pressed: int
    heard: int
    false: int

    @property
    def share(self) -> float:
        """Return the share heard."""
        return self.heard / self.pressed if self.pressed else 0.0


def faults() -> dict[str, tuple[Expectation, Fault]]:
    """Return the sweep: name, what is asked for, fault."""
    ask, refuse, open_ = Expectation.HEARD, Expectation.REFUSED, Expectation.OPEN
    plain = Fault()
    rows: dict[str, tuple[Expectation, Fault]] = {"as it should be": (ask, plain)}
    for level in (-9.1, -13, -19, -25, -28):
        rows[f"level {level:g} dBFS"] = ask, replace(plain, low_dbfs=level, high_dbfs=level)
    rows["level -36 dBFS"] = open_, replace(plain, low_dbfs=-36, high_dbfs=-36)
    rows["level -58 dBFS"] = refuse, replace(plain, low_dbfs=-58, high_dbfs=-58)
    for snr in (24, 18, 15):
        rows[f"noise {snr} dB below"] = ask, replace(plain, snr_db=snr)
    for snr in (12, 9, 6):
        rows[f"noise {snr} dB below"] = open_, replace(plain, snr_db=snr)
    for twist in (8, 6, 4, 2):
        rows[f"normal twist {twist} dB"] = ask, replace(plain, high_dbfs=plain.low_dbfs - twist, snr_db=25)
    for twist in (4, 2):
        rows[f"reverse twist {twist} dB"] = ask, replace(plain, low_dbfs=plain.high_dbfs - twist, snr_db=25)
    rows["normal twist 12 dB"] = refuse, replace(plain, high_dbfs=-28, snr_db=30)
    rows["reverse twist 8 dB"] = refuse, replace(plain, low_dbfs=-24, snr_db=30)
    for off in (-0.015, 0.015):
        rows[f"both {off * 100:+g} %"] = ask, replace(plain, low_off=off, high_off=off)
        rows[f"low {off * 100:+g} %, high {-off * 100:+g} %"] = (
            ask,
            replace(plain, low_off=off, high_off=-off, snr_db=20),
        )
    for off in (-0.035, 0.035):
        rows[f"low {off * 100:+g} %"] = refuse, replace(plain, low_off=off)
        rows[f"high {off * 100:+g} %"] = refuse, replace(plain, high_off=off)
        rows[f"both {off * 100:+g} %"] = refuse, replace(plain, low_off=off, high_off=off)
    for on_ms, off_ms in ((40, 40), (40, 60), (50, 50), (100, 100), (400, 200)):
        rows[f"{on_ms} ms on, {off_ms} ms off"] = ask, replace(plain, on_ms=on_ms, off_ms=off_ms)
    rows["40 ms, 15 dB of noise"] = ask, replace(plain, on_ms=40, off_ms=40, snr_db=15)
    rows["30 ms on"] = open_, replace(plain, on_ms=30)
    rows["23 ms on"] = refuse, replace(plain, on_ms=23)
    for coding in CODINGS[1:]:
        asked = ask if coding in {"alaw", "ulaw"} else open_
        rows[f"{coding}, 60 ms"] = asked, replace(plain, coding=coding)
        rows[f"{coding}, 100 ms"] = asked, replace(plain, coding=coding, on_ms=100, off_ms=100)
        rows[f"{coding}, 100 ms, noise 20 dB below"] = (
            asked,
            replace(plain, coding=coding, on_ms=100, off_ms=100, snr_db=20),
        )
    for loss in (0.01, 0.03, 0.1):
        rows[f"{loss:.0%} of packets lost, 100 ms"] = (
            open_,
            replace(plain, on_ms=100, off_ms=100, loss=loss, coding="ulaw"),
        )
    return rows


def press(rng: np.random.Generator, keys: str, fault: Fault) -> tuple[Sound, list[int]]:
    """Return the keys as sound, each begun at any moment, and the sample in the middle of each."""
    parts, middles, n_samples = [np.zeros(int(rng.integers(1200, 1700)))], [], 0
    n_samples = len(parts[0])
    time_s = np.arange(round(fault.on_ms * 8)) / 8000
    for key in keys:
        low_hz, high_hz = tones_of(key)
        phases = rng.uniform(0, 6.28, 2)
        low = 10 ** (fault.low_dbfs / 20) * np.sin(
            2 * np.pi * low_hz * (1 + fault.low_off) * time_s + phases[0]
        )
        high = 10 ** (fault.high_dbfs / 20) * np.sin(
            2 * np.pi * high_hz * (1 + fault.high_off) * time_s + phases[1]
        )
        pause = np.zeros(round(fault.off_ms * 8) + int(rng.integers(0, 40)))
        middles.append(n_samples + len(time_s) // 2)
        parts += [32768 * 2**0.5 * (low + high), pause]
        n_samples += len(time_s) + len(pause)
    stream = np.concatenate([*parts, np.zeros(1600)])
    noise = 32768 * 10 ** (-70 / 20)
    if fault.snr_db is not None:
        power = 32768**2 * (10 ** (fault.low_dbfs / 10) + 10 ** (fault.high_dbfs / 10))
        noise = float((power / 10 ** (fault.snr_db / 10)) ** 0.5)
    stream = stream + rng.normal(0, noise, len(stream))
    sound = coded(np.clip(np.rint(stream), -32768, 32767).astype(np.int16), fault.coding)
    if fault.loss:
        packets = sound[: len(sound) // 160 * 160].reshape(-1, 160).copy()
        packets[rng.random(len(packets)) < fault.loss] = 0
        sound = packets.reshape(-1)
    return sound, middles


def coded(sound: Sound, coding: str) -> Sound:
    """Return `sound` after a telephone's codec."""
    if not coding:
        return sound
    if coding in {"alaw", "ulaw"}:
        file = io.BytesIO()
        how = {"samplerate": 8000, "format": "RAW", "subtype": coding.upper()}
        soundfile.write(file, sound, **how)
        file.seek(0)
        heard: Sound = soundfile.read(file, dtype="int16", channels=1, **how)[0]
        return heard
    raw = ["-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1"]
    kind = ["-t", "gsm"] if coding == "gsm" else ["-t", "amr-nb", "-C", _AMR_MODES[coding]]
    packed = _sox([*raw, "-", *kind, "-"], sound.astype("<i2").tobytes())
    unpacked = _sox([*kind[:2], "-r", "8000", "-", *raw, "-"], packed)
    return np.frombuffer(unpacked, dtype="<i2")[: len(sound)].astype(np.int16)


def score(heard: Sequence[tuple[str, int]], keys: str, middles: Sequence[int], reach: int) -> Score:
    """Count keys that were heard once, near where they were pressed; everything else is false."""
    left = list(heard)
    n_heard = 0
    for key, middle in zip(keys, middles, strict=True):
        near = [one for one in left if abs(one[1] - middle) <= reach]
        right = next((one for one in near if one[0] == key), None)
        if right is not None:
            n_heard += 1
            left.remove(right)
    return Score(pressed=len(keys), heard=n_heard, false=len(left))


def ours(sound: Sound) -> list[tuple[str, int]]:
    """Return what our detector hears: key and the middle sample."""
    detector = DtmfDetector()
    heard = [*detector.feed(sound), detector.finish()]
    return [(one.digit, (one.begin + one.end) // 2) for one in heard if one is not None]


def spandsp(sound: Sound) -> list[tuple[str, int]]:
    """Return what spandsp hears, a frame at a time, so that it says where."""
    library = ctypes.CDLL("libspandsp.so.2")
    library.dtmf_rx_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(library.dtmf_rx_init(None, None, None))
    heard: list[tuple[str, int]] = []
    buffer = ctypes.create_string_buffer(SPANDSP_DIGITS + 1)
    for begin in range(0, len(sound) - 79, 80):
        part = np.ascontiguousarray(sound[begin : begin + 80])
        library.dtmf_rx(state, part.ctypes.data_as(ctypes.c_void_p), len(part))
        n_keys = library.dtmf_rx_get(state, buffer, SPANDSP_DIGITS)
        heard += [(key, begin) for key in buffer.value[:n_keys].decode()]
    library.dtmf_rx_free(state)
    return heard


def run(fault: Fault, *, n_keys: int, seed: int) -> tuple[Score, Score]:
    """Press `n_keys` keys with a fault and return what we hear of them, and what spandsp hears."""
    rng = np.random.default_rng(seed)
    keys = "".join(rng.permutation(list(KEYS * -(-n_keys // len(KEYS)))))[:n_keys]
    sound, middles = press(rng, keys, fault)
    reach = round((fault.on_ms + fault.off_ms) * 4)
    # spandsp tells a key some 40 ms into it.
    return score(ours(sound), keys, middles, reach), score(spandsp(sound), keys, middles, reach + 320)


def _sox(arguments: list[str], data: bytes) -> bytes:
    done = subprocess.run(
        ["sox", "-V1", "-D", *arguments], input=data, capture_output=True, check=True, timeout=60
    )
    return done.stdout
