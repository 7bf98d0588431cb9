"""Watch over a call's sound: clipping, dead air, and a far end that sends nothing at all.

What cannot be heard from here: whether the far end hears us.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_MS, BLOCK_SAMPLES

CLIP_LEVEL = 31_900.0
"""G.711's loudest values are 32 124 (mu-law) and 32 256 (A-law)."""
CLIP_POSSIBLE_DBFS = -20.0
"""A block below this cannot hold MIN_CLIPPED clipped samples."""
MIN_CLIPPED = 3
"""Samples in a block; one or two are a click."""
MIN_CLIPPED_BLOCKS = 10
CLIP_WINDOW_BLOCKS = 1000 // BLOCK_MS
"""Raised when a fifth of the last second is clipped, over when none of it is."""

DEAD_AIR_BLOCKS = 8000 // BLOCK_MS
ONE_WAY_BLOCKS = 10_000 // BLOCK_MS
"""Networks were seen to send 7.5 s of digital silence after the answer, and then a voice."""
ONE_WAY_SAID_BLOCKS = 2000 // BLOCK_MS
"""Of them with sound of ours: a far end that nobody speaks to may rest."""
NO_SIGNAL_DBFS = -75.0
"""Digital silence; a telephone's own noise and comfort noise are louder."""
SOUND_DBFS = -50.0
ABOVE_NOISE_DB = 8.0
"""Sound stands out of the room's noise; the noise itself is dead air."""
END_BLOCKS = 3
"""Sound for so long ends dead air: one click does not."""


class LineFault(StrEnum):
    """What is wrong with a call's sound."""

    CLIPPING = "clipping"
    """The far end arrives louder than the line can carry."""
    DEAD_AIR = "dead_air"
    """Neither side has made a sound for 8 s."""
    ONE_WAY_AUDIO = "one_way_audio"
    """Not even noise came for 10 s while we spoke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultChange:
    """A fault began, or is over."""

    fault: LineFault
    is_raised: bool


class LineWatch:
    """Tells what is wrong with the sound of one call, block by block."""

    def __init__(self) -> None:
        self._raised: set[LineFault] = set()
        self._clipped: list[bool] = [False] * CLIP_WINDOW_BLOCKS
        self._n_clipped = 0
        self._newest = 0
        self._n_still = 0
        self._n_sound = 0
        self._n_no_signal = 0
        self._n_said = 0

    def take_block(
        self,
        samples: NDArray[np.float32],
        *,
        level_dbfs: float,
        band_dbfs: float,
        noise_dbfs: float,
        said_dbfs: float,
    ) -> list[FaultChange]:
        """Take one block of what came in, on the int16 scale, and the level of what went out with it."""
        if len(samples) != BLOCK_SAMPLES:
            raise ValueError(f"a block is {BLOCK_SAMPLES} samples, not {len(samples)}")
        is_saying = said_dbfs > SOUND_DBFS
        is_sound = band_dbfs > max(noise_dbfs + ABOVE_NOISE_DB, SOUND_DBFS)
        changes: list[FaultChange] = []
        self._watch_clipping(samples, level_dbfs, changes)
        self._n_sound = self._n_sound + 1 if is_saying or is_sound else 0
        self._n_still = 0 if self._n_sound >= END_BLOCKS else self._n_still + 1
        self._change(LineFault.DEAD_AIR, self._n_still >= DEAD_AIR_BLOCKS, self._n_still == 0, changes)
        if band_dbfs >= NO_SIGNAL_DBFS:
            self._n_no_signal = self._n_said = 0
        else:
            self._n_no_signal += 1
            self._n_said += is_saying
        is_one_way = self._n_no_signal >= ONE_WAY_BLOCKS and self._n_said >= ONE_WAY_SAID_BLOCKS
        self._change(LineFault.ONE_WAY_AUDIO, is_one_way, self._n_no_signal == 0, changes)
        return changes

    def _watch_clipping(
        self, samples: NDArray[np.float32], level_dbfs: float, changes: list[FaultChange]
    ) -> None:
        is_clipped = (
            level_dbfs > CLIP_POSSIBLE_DBFS
            and int(np.count_nonzero(np.abs(samples) >= CLIP_LEVEL)) >= MIN_CLIPPED
        )
        if not is_clipped and not self._n_clipped:
            return
        self._n_clipped += is_clipped - self._clipped[self._newest]
        self._clipped[self._newest] = is_clipped
        self._newest = (self._newest + 1) % CLIP_WINDOW_BLOCKS
        self._change(LineFault.CLIPPING, self._n_clipped >= MIN_CLIPPED_BLOCKS, self._n_clipped == 0, changes)

    def _change(self, fault: LineFault, raises: bool, clears: bool, changes: list[FaultChange]) -> None:
        if raises and fault not in self._raised:
            self._raised.add(fault)
            changes.append(FaultChange(fault=fault, is_raised=True))
        elif clears and fault in self._raised:
            self._raised.discard(fault)
            changes.append(FaultChange(fault=fault, is_raised=False))
