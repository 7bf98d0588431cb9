"""Tell when the far end speaks, against whatever noise its room has.

A block of 20 ms is active when it stands out of the noise floor, is no steady tone and no echo of our own voice.
The floor comes from the last 2 s: where the level hardly moves it is all noise, however loud; where it moves as
speech does, the floor is what lies between the words. So a fan or a crowd is taken for the room within two seconds.
Speech begins when four of five blocks are active and two of them have a pitch: hiss, clicks and knocks have none.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_SAMPLES, Blocks
from audio.dsp.level import SILENCE_DBFS
from audio.dsp.tone import BlockSpectrum, spectrum_of
from audio.dsp.voicing import MIN_VOICING, voicing_of

MIN_SPEECH_DBFS = -50.0
BEGIN_ABOVE_FLOOR_DB = 8.0
STAY_ABOVE_FLOOR_DB = 5.0
"""Less is asked of the end of a word than of its beginning."""
ONSET_BLOCKS = 5
MIN_ACTIVE_BLOCKS = 4
MIN_VOICED_BLOCKS = 2
HANGOVER_BLOCKS = 20
"""400 ms: longer than the gaps inside a sentence."""

START_FLOOR_DBFS = -60.0
LOWEST_FLOOR_DBFS = -65.0
DIGITAL_SILENCE_DBFS = -75.0
"""Comfort noise that was left out: says nothing about the room."""
FLOOR_PARTS = 10
START_PARTS = 5
FLOOR_PART_BLOCKS = 10
"""Ten parts of 200 ms; until the first five are known the room is taken for quiet."""
SMOOTHING = 0.3
STEADY_SPREAD_DB = 10.0
SPEECH_SPREAD_DB = 20.0
"""From the quietest to the usual loudest within 2 s: a crowd stays below 10 dB, one voice is beyond 20."""

PROGRESS_HZ = (340.0, 520.0)
"""Call-progress tones, which beat when they are pairs, so that their peak is not steady."""
MIN_TONE_HZ = PROGRESS_HZ[0]
"""A hummed 嗯 below that is pure too, and is an answer."""
MIN_TONE_PURITY = 0.85
MIN_PAIR_PURITY = 0.92
STEADY_HZ = 10.0
STEADY_BLOCKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechOnset:
    """Speech began at sample `begin`."""

    begin: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechOffset:
    """The speech that began at sample `begin` was last heard at sample `end`."""

    begin: int
    end: int


class SpeechActivity:
    """Hears whether one direction of one call carries speech. Never depends on how the samples were sliced."""

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._previous = np.zeros(BLOCK_SAMPLES, dtype=np.float32)
        self._n_blocks = 0
        self._minima: deque[float] = deque(maxlen=FLOOR_PARTS)
        self._maxima: deque[float] = deque(maxlen=FLOOR_PARTS)
        self._smooth_dbfs = START_FLOOR_DBFS
        self._part_minimum, self._part_maximum = 0.0, SILENCE_DBFS
        self._part_blocks = 0
        self._recent: deque[tuple[bool, bool]] = deque(maxlen=ONSET_BLOCKS)
        self._peaks = (0.0, 0.0)
        self._steady_blocks = 0
        self._begin_block: int | None = None
        self._last_active_block = 0
        self.noise_floor_dbfs = START_FLOOR_DBFS
        """What the last 2 s had besides speech."""
        self.is_active = False
        """The newest block stands out of the noise and is no tone."""
        self.hangover_blocks = HANGOVER_BLOCKS
        """How much quiet ends the speech; whoever waits for an answer may want more or less of it."""

    @property
    def is_speaking(self) -> bool:
        """Speech began and has not ended."""
        return self._begin_block is not None

    def feed(self, samples: NDArray[np.int16]) -> list[SpeechOnset | SpeechOffset]:
        """Take samples of any number and return what began and ended in them."""
        told = (self.take_block(block, spectrum_of(block)) for block in self._blocks.feed(samples))
        return [change for change in told if change is not None]

    def take_block(
        self,
        block: NDArray[np.int16] | NDArray[np.float32],
        spectrum: BlockSpectrum,
        *,
        is_tone: bool = False,
        echo_dbfs: float = SILENCE_DBFS,
    ) -> SpeechOnset | SpeechOffset | None:
        """Take one block. Say `is_tone` for a key's tones; what is not above `echo_dbfs` is taken for our own voice."""
        is_tone = self._is_steady_tone(spectrum) or is_tone
        self.is_active = self._stands_out(block, spectrum, is_tone=is_tone, echo_dbfs=echo_dbfs)
        is_voiced = self.is_active and self._begin_block is None and self._is_voiced(block)
        self._recent.append((self.is_active, is_voiced))
        self._previous[:] = block
        if not is_tone:
            self._follow_floor(spectrum.band_dbfs)
        block_number = self._n_blocks
        self._n_blocks += 1
        if self.is_active:
            self._last_active_block = block_number
        if self._begin_block is None:
            return self._try_onset(block_number)
        if block_number - self._last_active_block >= self.hangover_blocks:
            return self.finish()
        return None

    @property
    def quiet_blocks(self) -> int:
        """Return how many blocks ago the speech that is on was last heard."""
        return self._n_blocks - 1 - self._last_active_block

    def so_far(self) -> SpeechOffset | None:
        """Return what would be told if the speech that is on had ended where it was last heard."""
        if self._begin_block is None:
            return None
        return SpeechOffset(
            begin=self._begin_block * BLOCK_SAMPLES, end=(self._last_active_block + 1) * BLOCK_SAMPLES
        )

    def finish(self) -> SpeechOffset | None:
        """End the speech that is on, if any: nothing more will be heard of it."""
        ended = self.so_far()
        self._begin_block = None
        self._recent.clear()
        return ended

    def _stands_out(
        self,
        block: NDArray[np.int16] | NDArray[np.float32],
        spectrum: BlockSpectrum,
        *,
        is_tone: bool,
        echo_dbfs: float,
    ) -> bool:
        """Say whether a block may be speech; what is a better judge of it replaces this."""
        del block
        above_db = BEGIN_ABOVE_FLOOR_DB if self._begin_block is None else STAY_ABOVE_FLOOR_DB
        lowest_dbfs = max(self.noise_floor_dbfs + above_db, MIN_SPEECH_DBFS, echo_dbfs)
        return not is_tone and spectrum.band_dbfs > lowest_dbfs

    def _is_voiced(self, block: NDArray[np.int16] | NDArray[np.float32]) -> bool:
        return voicing_of(self._previous, block) >= MIN_VOICING

    def _try_onset(self, block_number: int) -> SpeechOnset | None:
        active = [is_active for is_active, _ in self._recent]
        n_voiced = sum(is_voiced for _, is_voiced in self._recent)
        if not active[-1] or sum(active) < MIN_ACTIVE_BLOCKS or n_voiced < MIN_VOICED_BLOCKS:
            return None
        self._begin_block = block_number - len(active) + 1 + active.index(True)
        return SpeechOnset(begin=self._begin_block * BLOCK_SAMPLES)

    def _is_steady_tone(self, spectrum: BlockSpectrum) -> bool:
        """Say whether the last blocks held the same one or two tones."""
        is_single = spectrum.purity >= MIN_TONE_PURITY
        if min(spectrum.peak_hz, spectrum.peak_hz if is_single else spectrum.second_hz) < MIN_TONE_HZ or not (
            is_single or spectrum.pair_purity >= MIN_PAIR_PURITY
        ):
            self._peaks, self._steady_blocks = (0.0, 0.0), 0
            return False
        # The two of a pair may change places from block to block, so they are compared in order of frequency.
        low, high = sorted((spectrum.peak_hz, spectrum.peak_hz if is_single else spectrum.second_hz))
        is_same = abs(low - self._peaks[0]) <= STEADY_HZ and abs(high - self._peaks[1]) <= STEADY_HZ
        is_same = is_same or all(_in_progress_band(hz) for hz in (low, high, *self._peaks))
        self._steady_blocks = self._steady_blocks + 1 if is_same else 0
        self._peaks = (low, high)
        return self._steady_blocks >= STEADY_BLOCKS

    def _follow_floor(self, level_dbfs: float) -> None:
        if level_dbfs < DIGITAL_SILENCE_DBFS:
            return
        self._smooth_dbfs += SMOOTHING * (level_dbfs - self._smooth_dbfs)
        self._part_minimum = min(self._part_minimum, self._smooth_dbfs)
        self._part_maximum = max(self._part_maximum, self._smooth_dbfs)
        self._part_blocks += 1
        if self._part_blocks < FLOOR_PART_BLOCKS:
            return
        self._minima.append(self._part_minimum)
        self._maxima.append(self._part_maximum)
        self._part_minimum, self._part_maximum, self._part_blocks = 0.0, SILENCE_DBFS, 0
        if len(self._minima) < START_PARTS:
            return
        quietest = min(self._minima)
        # The median, so that one knock on the handset does not make a crowd look like a voice.
        spread_db = sorted(self._maxima)[len(self._maxima) // 2] - quietest
        likeness = (SPEECH_SPREAD_DB - spread_db) / (SPEECH_SPREAD_DB - STEADY_SPREAD_DB)
        steady_db = spread_db * min(1.0, max(0.0, likeness))
        self.noise_floor_dbfs = max(LOWEST_FLOOR_DBFS, quietest + steady_db)


def _in_progress_band(frequency_hz: float) -> bool:
    return PROGRESS_HZ[0] <= frequency_hz <= PROGRESS_HZ[1]
