"""Keep what the callee says from before its first sound to the end of the turn, and say how long a pause may be.

A turn is over after a pause that depends on what was asked and on how much was said: a "yes" to a closed question is
answered at once, somebody who thinks aloud about a date is not cut off, and digits are read out in groups.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_MS, BLOCK_SAMPLES

PRE_ROLL_MS = 300
"""An "s" or "f" before the first loud sound, and what passed before the detector was sure."""
TAIL_MS = 240
MAX_UTTERANCE_MS = 15_000
"""Nobody answers a question for longer; an answering machine may go on, and is cut here."""
_RING_BLOCKS = 40
EARLY_QUIET_MS = 140
"""A pause that may end the turn has begun: longer than the silence of a "t" or "k" within a word."""
EARLY_MOST_MS = 6_000
"""A longer turn goes on, more often than not, and costs a recogniser more."""


class Patience(StrEnum):
    """What kind of answer is waited for."""

    ANSWER = "answer"
    """A word or two settles it: yes, no, that is me."""
    OPEN = "open"
    """A sentence may come, with thinking in it."""
    DIGITS = "digits"
    """Figures, read out in groups."""


PAUSES_MS: dict[Patience, tuple[tuple[int, int], ...]] = {
    # Speech so far (ms, without its pauses) up to which a pause (ms) ends the turn.
    Patience.ANSWER: ((900, 300), (2000, 500), (MAX_UTTERANCE_MS, 700)),
    Patience.OPEN: ((1500, 700), (MAX_UTTERANCE_MS, 900)),
    Patience.DIGITS: ((MAX_UTTERANCE_MS, 1100),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the callee said in one go, from sample `begin` to before sample `end`."""

    begin: int
    end: int
    pcm: bytes = field(repr=False)
    """s16 little endian, from `PRE_ROLL_MS` before `begin` (less where there was none) to `TAIL_MS` after `end`."""


class Endpointer:
    """Collects one turn at a time in a buffer of bounded size."""

    def __init__(self, patience: Patience = Patience.OPEN) -> None:
        self.patience = patience
        self._ring: deque[bytes] = deque(maxlen=_RING_BLOCKS)
        self._n_blocks = 0
        self._n_active = 0
        self._pcm = bytearray()
        self._first_block: int | None = None
        """The first block of the buffer; None between turns."""
        self._free_block = 0
        """No turn begins before this block: it belonged to the turn before."""

    @property
    def hangover_blocks(self) -> int:
        """Return how many quiet blocks end the turn that is on."""
        speech_ms = self._n_active * BLOCK_MS
        for up_to_ms, pause_ms in PAUSES_MS[self.patience]:
            if speech_ms <= up_to_ms:
                return pause_ms // BLOCK_MS
        return PAUSES_MS[self.patience][-1][1] // BLOCK_MS

    @property
    def is_full(self) -> bool:
        """The turn must be ended now: no more of it is kept."""
        return len(self._pcm) >= MAX_UTTERANCE_MS * BLOCK_SAMPLES // BLOCK_MS * 2

    def take_block(self, block: NDArray[np.int16], *, is_active: bool) -> None:
        """Keep one block of the far end's sound."""
        data = block.astype("<i2", copy=False).tobytes()
        self._ring.append(data)
        self._n_blocks += 1
        if self._first_block is not None:
            self._pcm += data
            self._n_active += is_active

    def begin(self, begin: int) -> None:
        """Have a turn begin at sample `begin`, a moment ago."""
        oldest = self._n_blocks - len(self._ring)
        wanted = (begin - PRE_ROLL_MS * BLOCK_SAMPLES // BLOCK_MS) // BLOCK_SAMPLES
        self._first_block = max(wanted, oldest, self._free_block)
        self._pcm.clear()
        for data in list(self._ring)[self._first_block - oldest :]:
            self._pcm += data
        self._n_active = self._n_blocks - begin // BLOCK_SAMPLES

    def may_end(self, quiet_blocks: int) -> bool:
        """Say, once in each pause, that the turn may be over although the pause must still last."""
        return (
            quiet_blocks == EARLY_QUIET_MS // BLOCK_MS
            and quiet_blocks < self.hangover_blocks
            and len(self._pcm) <= EARLY_MOST_MS * BLOCK_SAMPLES // BLOCK_MS * 2
        )

    def so_far(self, begin: int, end: int) -> Turn:
        """Return the turn as if it ended here."""
        assert self._first_block is not None, "a turn ends that never began"
        n_bytes = (self._last_block(end) - self._first_block) * BLOCK_SAMPLES * 2
        with memoryview(self._pcm) as pcm:
            return Turn(begin=begin, end=end, pcm=bytes(pcm[:n_bytes]))

    def end(self, begin: int, end: int) -> Turn:
        """Return the turn whose speech was from sample `begin` to before sample `end`, and wait for the next."""
        turn = self.so_far(begin, end)
        self._first_block, self._free_block = None, self._last_block(end)
        self._pcm.clear()
        return turn

    def _last_block(self, end: int) -> int:
        return min(self._n_blocks, -(-end // BLOCK_SAMPLES) + TAIL_MS // BLOCK_MS)
