"""Hear special information tones: three rising tones before "the number you have dialled" (ITU-T E.180).

ITU: 950, 1400 and 1800 Hz, ±50 Hz, 330 ±70 ms each, pauses up to 30 ms. Bell (Telcordia SR-2275) codes the reason
in the pitch of the first two tones (913.8 or 985.2 Hz, 1370.6 or 1428.5 Hz) and in their lengths (274 or 380 ms).
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import RATE_HZ, Blocks
from audio.dsp.level import from_dbfs
from audio.dsp.tone import BlockSpectrum, spectrum_of
from audio.dsp.tone_run import ToneBurst, ToneRun

NOMINAL_HZ = (950.0, 1400.0, 1800.0)
TOLERANCE_HZ = 60.0
"""50 asked, and a margin for measuring."""
BELL_LOW_HZ, BELL_HIGH_HZ = (913.8, 1370.6), (985.2, 1428.5)
BELL_THIRD_HZ = 1776.7
BELL_TOLERANCE_HZ = 12.0
ON_MS = (235.0, 425.0)
"""ITU's 260 to 400, Bell's 274 and 380 ±5 %, and a margin for measuring."""
LONG_MS = 327.0
"""Halfway between Bell's short and long tones."""
MAX_PAUSE_MS = 75.0
SAME_DB = 6.0
MIN_LEVEL_DBFS = -48.0
MIN_PURITY = 0.75
SPREAD_HZ = 8.0


class SitCode(StrEnum):
    """Why the call failed, as far as the tones say."""

    INTERCEPT = "intercept"
    """The number has changed or was given up."""
    VACANT = "vacant"
    """There is no such number."""
    REORDER = "reorder"
    """All circuits were busy at the far exchange."""
    NO_CIRCUIT = "no_circuit"
    UNSPECIFIED = "unspecified"
    """ITU's three tones: an announcement follows."""


_BELL = {
    # First tone high, second high, first long, second long.
    (False, False, False, False): SitCode.INTERCEPT,
    (True, False, True, False): SitCode.VACANT,
    (False, True, False, True): SitCode.REORDER,
    (True, True, True, True): SitCode.NO_CIRCUIT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardSit:
    """Special information tones that began at sample `begin`."""

    begin: int
    code: SitCode


class SitDetector:
    """Hears special information tones in one direction of one call. Never depends on the slicing."""

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._n_blocks = 0
        self._before = BlockSpectrum(-99.0, -99.0)
        self._run: ToneRun | None = None
        self._step = 0
        self._bursts: list[ToneBurst] = []

    def feed(self, samples: NDArray[np.int16]) -> list[HeardSit]:
        """Take samples of any number and return the tones whose third ended in them."""
        told = (self.take_block(spectrum_of(block)) for block in self._blocks.feed(samples))
        return [heard for heard in told if heard is not None]

    def take_block(self, spectrum: BlockSpectrum) -> HeardSit | None:
        """Take one block."""
        number = self._n_blocks
        self._n_blocks += 1
        step = _step_of(spectrum)
        run, heard = self._run, None
        if run is not None and step != self._step:
            heard = self._end_run(run.end(spectrum))
        if step is not None:
            power = from_dbfs(spectrum.level_dbfs)
            if self._run is None:
                self._run, self._step = ToneRun(number, self._before, spectrum.peak_hz, 0.0, power), step
            else:
                self._run.add(number, spectrum.peak_hz, 0.0, power)
        self._before = spectrum
        return heard

    def _end_run(self, burst: ToneBurst) -> HeardSit | None:
        self._run = None
        bursts = self._bursts
        if self._step != len(bursts) or (bursts and not _follows(bursts[-1], burst)):
            bursts.clear()
        if (
            self._step != len(bursts)
            or not ON_MS[0] <= burst.on_ms <= ON_MS[1]
            or burst.spread_hz > SPREAD_HZ
        ):
            bursts.clear()
            return None
        bursts.append(burst)
        if len(bursts) < len(NOMINAL_HZ):
            return None
        begin = max(0, round(bursts[0].begin_ms * RATE_HZ / 1000))
        code = _code_of(bursts)
        bursts.clear()
        return HeardSit(begin=begin, code=code)


def _step_of(spectrum: BlockSpectrum) -> int | None:
    """Return which of the three tones the block holds."""
    if spectrum.purity < MIN_PURITY or spectrum.level_dbfs < MIN_LEVEL_DBFS:
        return None
    for step, nominal_hz in enumerate(NOMINAL_HZ):
        if abs(spectrum.peak_hz - nominal_hz) <= TOLERANCE_HZ:
            return step
    return None


def _follows(previous: ToneBurst, burst: ToneBurst) -> bool:
    return (
        burst.begin_ms - previous.end_ms <= MAX_PAUSE_MS
        and abs(burst.level_dbfs - previous.level_dbfs) <= SAME_DB
    )


def _code_of(bursts: list[ToneBurst]) -> SitCode:
    first, second, third = bursts
    pitches = []
    for burst, low_hz, high_hz in zip((first, second), BELL_LOW_HZ, BELL_HIGH_HZ, strict=True):
        is_high = abs(burst.hz - high_hz) < abs(burst.hz - low_hz)
        if abs(burst.hz - (high_hz if is_high else low_hz)) > BELL_TOLERANCE_HZ:
            return SitCode.UNSPECIFIED
        pitches.append(is_high)
    if abs(third.hz - BELL_THIRD_HZ) > BELL_TOLERANCE_HZ:
        return SitCode.UNSPECIFIED
    key = (pitches[0], pitches[1], first.on_ms > LONG_MS, second.on_ms > LONG_MS)
    return _BELL.get(key, SitCode.UNSPECIFIED)
