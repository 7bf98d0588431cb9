"""Hear the beep of an answering machine: one steady tone after speech, with silence behind it.

A beep is one peak from 350 to 2500 Hz that holds nearly all energy at one level for 60 to 1500 ms, after a greeting
and before 300 ms of quiet. Not a beep: key tones and other pairs (a second peak), fax (1100 Hz for half a second,
2100 Hz), special information tones (one tone on the heels of another), and a tone that repeats with no speech between
(a cadence). Dial, ring and busy tones of the world lie from 340 to 520 Hz: a tone there is believed only when no
cadence goes on for longer than any pause of theirs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_MS, BLOCK_SAMPLES, Blocks
from audio.dsp.speech_activity import SpeechActivity
from audio.dsp.tone import BlockSpectrum, spectrum_of

MIN_HZ, MAX_HZ = 350.0, 2500.0
MIN_LEVEL_DBFS = -42.0
MIN_PURITY = 0.85
MAX_SECOND_DB = -15.0
"""Keys with 8 dB of twist show -8; noise 15 dB down shows -25."""
MAX_HARMONIC_DB = -8.0
STEADY_HZ = 12.0
STEADY_DB = 3.0
MIN_BLOCKS = 3
"""Whole blocks: an 80 ms beep covers three wherever it begins."""
MAX_BLOCKS = 1500 // BLOCK_MS
QUIET_DROP_DB = 9.0
QUIET_BLOCKS = 300 // BLOCK_MS
PROGRESS_HZ = (340.0, 520.0)
PROGRESS_QUIET_BLOCKS = 5400 // BLOCK_MS
"""The longest pause of a ringing cadence is 5 s (Thailand)."""
FAX_CALLING_HZ, FAX_CALLING_TOLERANCE_HZ = 1100.0, 38.0
FAX_CALLING_BLOCKS = (400 // BLOCK_MS, 620 // BLOCK_MS)
FAX_ANSWER_HZ, FAX_ANSWER_TOLERANCE_HZ = 2100.0, 40.0
MAX_WAVERING_BLOCKS = 10
"""Two ringing tones 25 Hz apart beat: never steady for long, and no beep."""
MIN_SPEECH_BLOCKS = 15
"""Since the tone before: without it the tone is one of a sequence."""
SPEECH_MEMORY_BLOCKS = 10_000 // BLOCK_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardBeep:
    """A beep from sample `begin` to sample `end`."""

    begin: int
    end: int
    frequency_hz: float


@dataclass(slots=True)
class _Run:
    """Blocks in a row that hold one and the same tone."""

    begin_block: int
    hz_sum: float
    n_blocks: int
    loudest_dbfs: float

    @property
    def frequency_hz(self) -> float:
        return self.hz_sum / self.n_blocks

    @property
    def in_progress_band(self) -> bool:
        return PROGRESS_HZ[0] <= self.frequency_hz <= PROGRESS_HZ[1]


class BeepDetector:
    """Hears beeps in one direction of one call. Never depends on how the samples were sliced."""

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._speech: SpeechActivity | None = None
        """Of its own, where it is fed with samples."""
        self._n_blocks = 0
        self._n_speech_blocks = 0
        self._n_wavering_blocks = 0
        self._last_speech_block = -SPEECH_MEMORY_BLOCKS
        self._run: _Run | None = None
        self._candidate: _Run | None = None
        self._quiet_blocks = 0

    def feed(self, samples: NDArray[np.int16]) -> list[HeardBeep]:
        """Take samples of any number and return the beeps whose silence ended in them."""
        beeps = []
        speech = self._speech = self._speech or SpeechActivity()
        for block in self._blocks.feed(samples):
            spectrum = spectrum_of(block)
            speech.take_block(block, spectrum)
            beep = self.take_block(spectrum, is_speech=speech.is_active and speech.is_speaking)
            if beep is not None:
                beeps.append(beep)
        return beeps

    def take_block(
        self, spectrum: BlockSpectrum, *, is_speech: bool, is_key: bool = False
    ) -> HeardBeep | None:
        """Take one block; `is_speech` and `is_key` are what the other detectors say of it."""
        number = self._n_blocks
        self._n_blocks += 1
        is_tone = not is_key and _is_tone(spectrum)
        if is_speech and not is_tone:
            self._n_speech_blocks += 1
            self._n_wavering_blocks = max(0, self._n_wavering_blocks - 1)
            self._last_speech_block = number
        elif number - self._last_speech_block > SPEECH_MEMORY_BLOCKS:
            self._n_speech_blocks = 0
        if is_key:
            self._run = self._candidate = None
            return None
        beep = self._wait_for_quiet(spectrum)
        self._follow_tone(number, spectrum, is_tone)
        return beep

    def _follow_tone(self, number: int, spectrum: BlockSpectrum, is_tone: bool) -> None:
        run = self._run
        if run is not None and is_tone and _continues(run, spectrum):
            run.hz_sum += spectrum.peak_hz
            run.n_blocks += 1
            run.loudest_dbfs = max(run.loudest_dbfs, spectrum.level_dbfs)
            return
        if run is not None:
            self._end_run(run)
        if is_tone:
            self._run = _Run(number, spectrum.peak_hz, 1, spectrum.level_dbfs)

    def _end_run(self, run: _Run) -> None:
        self._run = None
        if run.n_blocks < MIN_BLOCKS:
            self._n_wavering_blocks += run.n_blocks if run.in_progress_band else 0
            if self._n_wavering_blocks >= MAX_WAVERING_BLOCKS:
                self._n_speech_blocks = 0
            return
        is_after_speech = self._n_speech_blocks >= MIN_SPEECH_BLOCKS
        self._n_speech_blocks = 0
        if is_after_speech and run.n_blocks <= MAX_BLOCKS and not _is_fax(run):
            self._candidate, self._quiet_blocks = run, 0

    def _wait_for_quiet(self, spectrum: BlockSpectrum) -> HeardBeep | None:
        """Return the beep that this block's quiet completes."""
        candidate = self._candidate
        if candidate is None:
            return None
        if spectrum.level_dbfs > candidate.loudest_dbfs - QUIET_DROP_DB:
            self._candidate = None
            return None
        self._quiet_blocks += 1
        frequency_hz = candidate.frequency_hz
        if self._quiet_blocks < (PROGRESS_QUIET_BLOCKS if candidate.in_progress_band else QUIET_BLOCKS):
            return None
        self._candidate = None
        begin = candidate.begin_block * BLOCK_SAMPLES
        end = begin + candidate.n_blocks * BLOCK_SAMPLES
        return HeardBeep(begin=begin, end=end, frequency_hz=frequency_hz)


def _is_tone(spectrum: BlockSpectrum) -> bool:
    """Say whether the block holds one tone of a beep's frequency and hardly anything else."""
    if spectrum.purity < MIN_PURITY or spectrum.level_dbfs < MIN_LEVEL_DBFS:
        return False
    if not MIN_HZ <= spectrum.peak_hz <= MAX_HZ:
        return False
    ratio = spectrum.second_hz / spectrum.peak_hz
    is_harmonic = abs(ratio - round(ratio)) <= 0.04 and ratio > 1.5
    return spectrum.second_db <= (MAX_HARMONIC_DB if is_harmonic else MAX_SECOND_DB)


def _continues(run: _Run, spectrum: BlockSpectrum) -> bool:
    """Say whether the block carries on the run's tone."""
    if abs(spectrum.peak_hz - run.frequency_hz) > STEADY_HZ:
        return False
    # The first block may hold only the tone's beginning, so it may be quieter; nothing after it may.
    return run.n_blocks == 1 or abs(spectrum.level_dbfs - run.loudest_dbfs) <= STEADY_DB


def _is_fax(run: _Run) -> bool:
    """Say whether the tone is a fax machine's (ITU-T T.30 CNG and CED)."""
    hz = run.frequency_hz
    if abs(hz - FAX_ANSWER_HZ) <= FAX_ANSWER_TOLERANCE_HZ:
        return True
    shortest, longest = FAX_CALLING_BLOCKS
    return abs(hz - FAX_CALLING_HZ) <= FAX_CALLING_TOLERANCE_HZ and shortest <= run.n_blocks <= longest
