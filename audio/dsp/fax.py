"""Hear a fax machine (ITU-T T.30): its calling tone (CNG, 1100 Hz for 0.5 s every 3.5 s) or its answer (CED, 2100 Hz).

A single burst of 1100 Hz may be the beep of an answering machine. It is a fax when nobody has spoken in the ten
seconds before it and a second of quiet follows, or when the next burst comes after T.30's three seconds. The answer
is told after 1.5 s, longer than a beep; V.25's and V.8's breaks of phase and their wavering loudness do not end it.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_MS, RATE_HZ, Blocks
from audio.dsp.level import from_dbfs
from audio.dsp.tone import BlockSpectrum, spectrum_of
from audio.dsp.tone_run import ToneBurst, ToneRun

CALLING_HZ, CALLING_TOLERANCE_HZ = 1100.0, 45.0
ANSWER_HZ, ANSWER_TOLERANCE_HZ = 2100.0, 25.0
"""T.30 asks for 38 and 15; the rest is a margin for measuring."""
CALLING_ON_MS = (415.0, 585.0)
"""500 ms ±15 %, and a margin for measuring."""
CALLING_OFF_MS = (2540.0, 3460.0)
ANSWER_BLOCKS = 1500 // BLOCK_MS
QUIET_BLOCKS = 1000 // BLOCK_MS
QUIET_DROP_DB = 9.0
SPEECH_MEMORY_BLOCKS = 10_000 // BLOCK_MS
MIN_SPEECH_BLOCKS = 5
MIN_LEVEL_DBFS = -48.0
MIN_PURITY = 0.75
MAX_MISSES = 1
"""A break of phase spoils one block or two halves; the pure block between two of them counts anew."""
SPREAD_HZ = 8.0


class FaxTone(StrEnum):
    """Which of the two a fax machine sends."""

    CALLING = "calling"
    ANSWERING = "answering"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardFax:
    """A fax machine's tone that began at sample `begin`."""

    begin: int
    tone: FaxTone


class FaxDetector:
    """Hears fax machines in one direction of one call. Never depends on how the samples were sliced."""

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._n_blocks = 0
        self._before = BlockSpectrum(-99.0, -99.0)
        self._run: ToneRun | None = None
        self._tone = FaxTone.CALLING
        self._after: BlockSpectrum | None = None
        self._n_misses = 0
        self._burst: ToneBurst | None = None
        self._quiet_blocks = -1
        self._n_speech_blocks = 0
        self._last_speech_block = -SPEECH_MEMORY_BLOCKS
        self._is_calling_told = False

    def feed(self, samples: NDArray[np.int16]) -> list[HeardFax]:
        """Take samples of any number and return the fax machines recognised in them."""
        told = (self.take_block(spectrum_of(block)) for block in self._blocks.feed(samples))
        return [heard for heard in told if heard is not None]

    def take_block(self, spectrum: BlockSpectrum, *, is_speech: bool = False) -> HeardFax | None:
        """Take one block; `is_speech` is what the speech detector says of it."""
        number = self._n_blocks
        self._n_blocks += 1
        tone = _tone_of(spectrum)
        heard: HeardFax | None = None
        if tone is not None:
            heard = self._take_tone(number, spectrum, tone)
        else:
            if self._run is not None:
                heard = self._take_miss(self._run, spectrum)
            if is_speech:
                self._n_speech_blocks += 1
                self._last_speech_block = number
            elif self._n_speech_blocks and number - self._last_speech_block > SPEECH_MEMORY_BLOCKS:
                self._n_speech_blocks = 0
            if heard is None and self._quiet_blocks >= 0:
                heard = self._wait(spectrum)
        self._before = spectrum
        return heard

    def _take_tone(self, number: int, spectrum: BlockSpectrum, tone: FaxTone) -> HeardFax | None:
        power = from_dbfs(spectrum.level_dbfs)
        run, heard = self._run, None
        if run is not None and tone is self._tone:
            run.add(number, spectrum.peak_hz, 0.0, power)
            self._n_misses, self._after = 0, None
            if tone is FaxTone.ANSWERING and number - run.first_block == ANSWER_BLOCKS:
                burst = run.end(BlockSpectrum(-99.0, -99.0))
                return _heard(burst, tone) if burst.spread_hz <= SPREAD_HZ else None
            return None
        if run is not None:
            heard = self._end_run(run.end(self._after or spectrum))
        self._quiet_blocks = -1
        self._run, self._tone = ToneRun(number, self._before, spectrum.peak_hz, 0.0, power), tone
        self._n_misses, self._after = 0, None
        return heard

    def _take_miss(self, run: ToneRun, spectrum: BlockSpectrum) -> HeardFax | None:
        self._after = self._after or spectrum
        self._n_misses += 1
        return self._end_run(run.end(self._after)) if self._n_misses > MAX_MISSES else None

    def _end_run(self, burst: ToneBurst) -> HeardFax | None:
        self._run = self._after = None
        if self._tone is FaxTone.ANSWERING:
            return None
        previous, self._burst = self._burst, None
        if not CALLING_ON_MS[0] <= burst.on_ms <= CALLING_ON_MS[1] or burst.spread_hz > SPREAD_HZ:
            return None
        self._burst = burst
        off_ms = burst.begin_ms - previous.end_ms if previous is not None else 0.0
        if CALLING_OFF_MS[0] <= off_ms <= CALLING_OFF_MS[1]:
            return self._tell_calling(previous or burst)
        self._is_calling_told = False
        if self._n_speech_blocks < MIN_SPEECH_BLOCKS:
            self._quiet_blocks = 0
        return None

    def _wait(self, spectrum: BlockSpectrum) -> HeardFax | None:
        """Return the calling tone that this block's quiet confirms."""
        assert self._burst is not None
        if spectrum.level_dbfs > self._burst.level_dbfs - QUIET_DROP_DB:
            self._quiet_blocks = -1
            return None
        self._quiet_blocks += 1
        if self._quiet_blocks < QUIET_BLOCKS:
            return None
        self._quiet_blocks = -1
        return self._tell_calling(self._burst)

    def _tell_calling(self, burst: ToneBurst) -> HeardFax | None:
        if self._is_calling_told:
            return None
        self._is_calling_told = True
        return _heard(burst, FaxTone.CALLING)


def _heard(burst: ToneBurst, tone: FaxTone) -> HeardFax:
    return HeardFax(begin=max(0, round(burst.begin_ms * RATE_HZ / 1000)), tone=tone)


def _tone_of(spectrum: BlockSpectrum) -> FaxTone | None:
    if spectrum.purity < MIN_PURITY or spectrum.level_dbfs < MIN_LEVEL_DBFS:
        return None
    if abs(spectrum.peak_hz - CALLING_HZ) <= CALLING_TOLERANCE_HZ:
        return FaxTone.CALLING
    return FaxTone.ANSWERING if abs(spectrum.peak_hz - ANSWER_HZ) <= ANSWER_TOLERANCE_HZ else None
