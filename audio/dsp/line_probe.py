"""A sound to send down a call and to know again when it comes back: is each direction of the sound alive? Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_MS, BLOCK_SAMPLES, RATE_HZ
from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.dtmf_generator import digits_clip
from audio.dsp.tone import BlockSpectrum, spectrum_of
from audio.frame import FULL_SCALE, Clip, freeze

# No two neighbours alike, none a harmonic of its neighbour, all inside what every telephone codec passes.
TONES_HZ = (700, 1100, 1500, 900, 1300, 1700)
TONE_BLOCKS, GAP_BLOCKS = 10, 5
PROBE_DIGITS = "1590"
TONE_DBFS = -15.0
MIN_DELAY_MS = 60
"""What comes back sooner never left the modem."""
MAX_DELAY_MS = 3000
NOISE_DBFS = -75.0
"""Digital silence lies below; a telephone's own noise and comfort noise above."""
_TOLERANCE_HZ = 40.0
_MIN_PURITY = 0.5
_EDGE_BLOCKS = 1
_MAX_DROP_DB = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReturn:
    """What was heard while the probe was sent."""

    loudest_dbfs: float
    """The loudest block."""
    share: float
    """Of the probe's tones, 0 to 1: how many came back in their order and rhythm, at the best delay."""
    delay_ms: int | None
    """After how long they came back; None where hardly any did."""
    digits: str
    """The keys heard."""

    @property
    def is_silent(self) -> bool:
        """Say whether not even noise came."""
        return self.loudest_dbfs <= NOISE_DBFS


def probe_clip() -> Clip:
    """Return the probe: six tones in a rhythm, then four keys."""
    instants_s = np.arange(TONE_BLOCKS * BLOCK_SAMPLES) / RATE_HZ
    ramp = np.minimum(1.0, np.arange(1, len(instants_s) + 1) / (0.005 * RATE_HZ))
    peak = 2**0.5 * 10 ** (TONE_DBFS / 20) * FULL_SCALE
    gap = np.zeros(GAP_BLOCKS * BLOCK_SAMPLES)
    pieces = []
    for tone_hz in TONES_HZ:
        pieces += [peak * ramp * ramp[::-1] * np.sin(2 * np.pi * tone_hz * instants_s), gap]
    tones = np.rint(np.concatenate(pieces)).astype(np.int16)
    return freeze(np.concatenate([tones, digits_clip(PROBE_DIGITS, tone_ms=120, pause_ms=120)]))


def hear_probe(heard: NDArray[np.int16], began: int) -> ProbeReturn:
    """Return what came back in `heard` (int16, 8 kHz mono) of a probe whose first sample was sent at sample `began`."""
    heard = heard[began:]
    n_blocks = len(heard) // BLOCK_SAMPLES
    spectra = [
        spectrum_of(heard[place * BLOCK_SAMPLES : (place + 1) * BLOCK_SAMPLES]) for place in range(n_blocks)
    ]
    tones_hz = np.array(
        [0.0 if s.is_quiet or s.purity < _MIN_PURITY else s.peak_hz for s in spectra], dtype=np.float64
    )
    wanted = [
        (place * (TONE_BLOCKS + GAP_BLOCKS) + block, float(tone_hz))
        for place, tone_hz in enumerate(TONES_HZ)
        for block in range(_EDGE_BLOCKS, TONE_BLOCKS - _EDGE_BLOCKS)
    ]
    best, delay_blocks = 0.0, 0
    for lag in range(MIN_DELAY_MS // BLOCK_MS, MAX_DELAY_MS // BLOCK_MS):
        hits = sum(
            abs(tones_hz[block + lag] - tone_hz) <= _TOLERANCE_HZ
            for block, tone_hz in wanted
            if block + lag < n_blocks
        )
        share = float(hits) / len(wanted)
        if share > best:
            best, delay_blocks = share, lag
    return ProbeReturn(
        loudest_dbfs=max((s.level_dbfs for s in spectra), default=-120.0),
        share=_whole_share(spectra, tones_hz, wanted, delay_blocks),
        delay_ms=delay_blocks * BLOCK_MS if best > 1 / len(TONES_HZ) else None,
        digits=_digits(heard[delay_blocks * BLOCK_SAMPLES :]),
    )


def _whole_share(
    spectra: list[BlockSpectrum], tones_hz: NDArray[np.float64], wanted: list[tuple[int, float]], lag: int
) -> float:
    """Return the share of blocks that came back whole: half a block is still a tone, but weaker than its neighbours."""
    levels: dict[float, list[float]] = {}
    for block, tone_hz in wanted:
        if block + lag < len(spectra) and abs(tones_hz[block + lag] - tone_hz) <= _TOLERANCE_HZ:
            levels.setdefault(tone_hz, []).append(spectra[block + lag].level_dbfs)
    n_whole = sum(level >= max(found) - _MAX_DROP_DB for found in levels.values() for level in found)
    return n_whole / len(wanted)


def _digits(heard: NDArray[np.int16]) -> str:
    detector, digits = DtmfDetector(), ""
    for start in range(0, len(heard) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
        block = heard[start : start + BLOCK_SAMPLES].astype(np.float32)
        digits += "".join(key.digit for key in detector.take_block(block, spectrum_of(block)))
    last = detector.finish()
    return digits + (last.digit if last is not None else "")
