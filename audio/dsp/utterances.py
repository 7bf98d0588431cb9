"""Cut what the far end says after answering into utterances, against whatever noise the channel has.

A block of 20 ms is speech when it stands out of the noise and is no tone. The noise floor follows quieter sound at
once and louder sound only when 200 ms of it are steady and without a pitch: so it finds hiss that was there before
the first word, or that the channel lets through only while somebody speaks. Digital silence says nothing about it.
An utterance is speech with gaps of less than 240 ms; one far below the loudest is a voice in the background.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_SAMPLES
from audio.dsp.level import SILENCE_DBFS
from audio.dsp.tone import BlockSpectrum
from audio.dsp.voicing import MIN_VOICING, voicing_of

DIGITAL_SILENCE_DBFS = -70.0
"""A-law has no zero: its idle code is 8, which is -72 dBFS."""
GAP_BLOCKS = 12
"""240 ms of quiet end an utterance: with the block that completes them, a greeting is answered within 300 ms."""
MIN_SPEECH_DBFS = -55.0
ABOVE_FLOOR_DB = 6.0
BELOW_PEAK_DB = 21.0
"""Of one block, against the loudest syllable: what is quieter is a room's echo or somebody else. A crowd 20 dB below the
callee stays under it, most of a callee's own syllables above."""
BACKGROUND_DB = 15.0
"""Of a whole utterance: a television behind the callee."""
PEAK_FALL_DB = 0.02
"""A block, so that a knock on the handset is forgotten: 1 dB a second."""
START_FLOOR_DBFS = -42.0
"""At most: a call that begins with a word shows its noise only after it."""
STEADY_BLOCKS = 10
STEADY_SPREAD_DB = 6.0
FLOOR_FALL = 0.3
MIN_SPEECH_BLOCKS = 4
MIN_VOICED_BLOCKS = 3
MIN_VOICED_SHARE = 0.25
"""Speech has half and more, in noise 20 dB down a third and more; breath on a handset, by GSM full rate, a fifth."""
LONG_BLOCKS, LONG_VOICED_SHARE = 50, 0.12
"""A second of active sound is hardly breath, and a hoarse voice shows little pitch; noise reaches 1 in 20."""
TONE_PURITY, PAIR_PURITY = 0.85, 0.92
PROGRESS_HZ = (340.0, 520.0)
MIN_TONE_HZ = PROGRESS_HZ[0]
TONE_BLOCKS = 3
STEADY_HZ = 12.0


@dataclass(slots=True)
class Utterance:
    """Speech from block `begin` to before block `end`."""

    begin: int
    end: int
    n_active: int = 0
    n_voiced: int = 0
    peak_dbfs: float = SILENCE_DBFS

    @property
    def is_speech(self) -> bool:
        """Long and voiced enough: clicks, knocks and hiss are not."""
        return (
            self.n_active >= MIN_SPEECH_BLOCKS
            and self.n_voiced >= MIN_VOICED_BLOCKS
            and self.n_voiced
            >= self.n_active * (MIN_VOICED_SHARE if self.n_active < LONG_BLOCKS else LONG_VOICED_SHARE)
        )


class Utterances:
    """One direction's utterances so far, updated block by block."""

    def __init__(self) -> None:
        self.n_blocks = 0
        self.n_live_blocks = 0
        """Blocks that were not digital silence."""
        self.n_quiet_blocks = 0
        """Of these, the ones that held neither speech nor a tone."""
        self.floor_dbfs = START_FLOOR_DBFS
        self.in_tone = False
        """The newest block belongs to a steady tone."""
        self._known_floor = False
        self._peak_dbfs = SILENCE_DBFS
        self._list: list[Utterance] = []
        self._spoken: list[Utterance] | None = []
        """Worked out when it is asked for, which is several times a block or never."""
        self._open: Utterance | None = None
        self._previous = np.zeros(BLOCK_SAMPLES, dtype=np.float32)
        self._smooth_dbfs = SILENCE_DBFS
        self._recent: deque[tuple[float, bool, bool]] = deque(maxlen=STEADY_BLOCKS)
        """Level, voiced, active."""
        self._tone_hz = (0.0, 0.0)
        self._tone_blocks = 0

    @property
    def is_speaking(self) -> bool:
        """An utterance goes on, short gaps within it included."""
        return self._open is not None

    @property
    def gap_blocks(self) -> int | None:
        """Return the quiet since the last speech, None before the first."""
        spoken = self.spoken()
        return self.n_blocks - spoken[-1].end if spoken else None

    def spoken(self) -> list[Utterance]:
        """Return every utterance that is speech of the near person, the one that goes on included."""
        if self._spoken is None:
            speech = [one for one in self._list if one.is_speech]
            loudest = max((one.peak_dbfs for one in speech), default=SILENCE_DBFS)
            self._spoken = [one for one in speech if one.peak_dbfs >= loudest - BACKGROUND_DB]
        return self._spoken

    def take_block(
        self,
        block: NDArray[np.float32],
        spectrum: BlockSpectrum,
        *,
        is_tone: bool = False,
        echo_dbfs: float = SILENCE_DBFS,
    ) -> None:
        """Take one block; `is_tone` for a key's, and what is not above `echo_dbfs` is our own voice."""
        number = self.n_blocks
        self.n_blocks += 1
        self._spoken = None
        level = spectrum.band_dbfs
        self.in_tone = self._is_tone(spectrum) or is_tone
        is_digital = spectrum.level_dbfs < DIGITAL_SILENCE_DBFS
        if not is_digital:
            self.n_live_blocks += 1
        lowest = max(
            self.floor_dbfs + ABOVE_FLOOR_DB, self._peak_dbfs - BELOW_PEAK_DB, MIN_SPEECH_DBFS, echo_dbfs
        )
        is_active = level > lowest and not self.in_tone
        is_voiced = is_active and voicing_of(self._previous, block) >= MIN_VOICING
        self._previous[:] = block
        self._recent.append((level, is_voiced, is_active))
        if is_active:
            self._extend(number, level, is_voiced=is_voiced)
        if not is_digital and not self.in_tone:
            self._follow_floor(number, level)
            self.n_quiet_blocks += not is_active
        self._peak_dbfs -= PEAK_FALL_DB
        if self._open is not None and self.n_blocks - self._open.end >= GAP_BLOCKS:
            self._close()

    def _extend(self, number: int, level: float, *, is_voiced: bool) -> None:
        if self._open is None:
            self._open = Utterance(number, number + 1)
            self._list.append(self._open)
        one = self._open
        one.end = number + 1
        one.n_active += 1
        one.n_voiced += is_voiced
        if is_voiced:
            one.peak_dbfs = max(one.peak_dbfs, level)
            self._peak_dbfs = max(self._peak_dbfs, level)

    def _close(self) -> None:
        if self._open is not None and not self._open.is_speech:
            self._list.remove(self._open)
        self._open = None

    def _follow_floor(self, number: int, level: float) -> None:
        self._smooth_dbfs += FLOOR_FALL * (level - self._smooth_dbfs) if self._known_floor else 0.0
        if not self._known_floor:
            self._smooth_dbfs, self._known_floor = level, True
        self.floor_dbfs = min(self.floor_dbfs, max(self._smooth_dbfs, SILENCE_DBFS))
        if len(self._recent) < STEADY_BLOCKS:
            return
        levels = [one[0] for one in self._recent]
        if max(levels) - min(levels) > STEADY_SPREAD_DB or sum(one[1] for one in self._recent) > 1:
            return
        floor = sum(levels) / len(levels)
        if floor <= self.floor_dbfs:
            return
        self.floor_dbfs = floor
        self._take_back(number)

    def _take_back(self, number: int) -> None:
        """Undo the activity of the blocks that turned out to be noise."""
        first = number - STEADY_BLOCKS + 1
        one = self._open
        if one is not None and one.end > first:
            one.n_active -= sum(active for _, _, active in self._recent)
            one.end = max(first, one.begin)
            if one.n_active <= 0:
                self._list.remove(one)
                self._open = None
        self._recent = deque(((level, False, False) for level, _, _ in self._recent), maxlen=STEADY_BLOCKS)

    def _is_tone(self, spectrum: BlockSpectrum) -> bool:
        """Say whether the last blocks held the same one or two tones: ringing, busy, a beep, a fax."""
        is_single = spectrum.purity >= TONE_PURITY
        other = spectrum.peak_hz if is_single else spectrum.second_hz
        low, high = min(spectrum.peak_hz, other), max(spectrum.peak_hz, other)
        if low < MIN_TONE_HZ or not (is_single or spectrum.pair_purity >= PAIR_PURITY):
            self._tone_blocks = 0
            return False
        is_same = abs(low - self._tone_hz[0]) <= STEADY_HZ and abs(high - self._tone_hz[1]) <= STEADY_HZ
        # Ringing tones are pairs that beat: their peak wanders.
        is_same = is_same or all(PROGRESS_HZ[0] <= hz <= PROGRESS_HZ[1] for hz in (low, high, *self._tone_hz))
        self._tone_blocks = self._tone_blocks + 1 if is_same else 1
        self._tone_hz = (low, high)
        return self._tone_blocks >= TONE_BLOCKS
