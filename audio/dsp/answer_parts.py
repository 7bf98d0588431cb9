"""Cut what the far end says after answering into the pieces that a recogniser is asked about.

A piece is asked about when somebody pauses and again when it has grown; a talker who never pauses is asked about after
2.4 s and then piece by piece. All of it is bounded: nobody's life story is recognised to tell who answered.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_MS
from audio.dsp.utterances import GAP_BLOCKS

BEFORE_BLOCKS = 160 // BLOCK_MS
PAUSE_BLOCKS = 400 // BLOCK_MS
"""Of a pause within a piece, this much is kept."""
EARLY_BLOCKS = 2400 // BLOCK_MS
LONGEST_BLOCKS = 6000 // BLOCK_MS
WHOLE_BLOCKS = 1500 // BLOCK_MS
"""A shorter piece goes on after a pause: "Hello." and "You have reached" belong together."""
NEWS_BLOCKS = 200 // BLOCK_MS
MAX_PARTS, MAX_ASKED = 4, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPart:
    """A piece of what was said."""

    part: int
    """Counted from 0; a later one of the same number is the same piece, grown."""
    pcm: NDArray[np.int16] = field(repr=False)
    """int16, shape (n_samples,), 8 kHz mono."""


class AnswerParts:
    """Takes blocks of 20 ms and returns a piece whenever it is worth asking about."""

    def __init__(self) -> None:
        self._before: deque[NDArray[np.float32]] = deque(maxlen=BEFORE_BLOCKS)
        self._blocks: list[NDArray[np.float32]] = []
        self._number = 0
        self._n_asked = 0
        self._n_speech = 0
        """Blocks of speech in this piece."""
        self._n_told = 0
        """Of these, what was asked about."""
        self._n_quiet = 0

    def take_block(self, block: NDArray[np.float32], *, is_speaking: bool) -> AnswerPart | None:
        """Take one block; `is_speaking` stays true in pauses of less than 240 ms."""
        if self._number >= MAX_PARTS or self._n_asked >= MAX_ASKED:
            return None
        was_speaking = self._n_quiet == 0 and bool(self._blocks)
        if is_speaking:
            if not self._blocks:
                self._blocks = list(self._before)
            self._n_quiet = 0
            self._n_speech += 1
        else:
            self._n_quiet += 1
        if self._blocks and self._n_quiet <= PAUSE_BLOCKS - GAP_BLOCKS:
            self._blocks.append(block.copy())
        self._before.append(block.copy())
        if self._n_speech >= LONGEST_BLOCKS:
            return self._asked(is_whole=True)
        if was_speaking and not is_speaking:
            is_whole = self._n_speech >= WHOLE_BLOCKS
            if self._n_speech - self._n_told >= NEWS_BLOCKS:
                return self._asked(is_whole=is_whole)
            if is_whole:
                self._close()
        if is_speaking and self._n_speech == EARLY_BLOCKS:
            return self._asked(is_whole=False)
        return None

    def rest(self) -> AnswerPart | None:
        """Return what was not asked about yet, where the sound ends."""
        return self._asked(is_whole=True) if self._n_speech - self._n_told >= NEWS_BLOCKS else None

    def _asked(self, *, is_whole: bool) -> AnswerPart:
        self._n_told = self._n_speech
        self._n_asked += 1
        asked = AnswerPart(part=self._number, pcm=np.concatenate(self._blocks).astype(np.int16))
        if is_whole:
            self._close()
        return asked

    def _close(self) -> None:
        self._number += 1
        self._blocks = []
        self._n_speech = self._n_told = 0
