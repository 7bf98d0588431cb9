"""Hear call-progress tones: ringing, busy, congestion, information and dial tone of every country in the table.

A cadence is believed after two whole cycles: each tone pure, steady in pitch, of one level and pitch with those
before it, its length and its pauses within 10 % and 10 ms of the country's. Between the tones nothing else may be
heard: a voice (whose vowels can be as pure as a tone, Mandarin's above all) makes the count begin anew. While what
was heard may still become a longer cadence (Spain's congestion begins as Italy's), the shorter one waits. Where two
countries mean different things by one sound, the nearest wins and the event names the others.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_MS, RATE_HZ, Blocks
from audio.dsp.level import from_dbfs
from audio.dsp.progress_tones import COUNTRIES, Beat, Cadence, ProgressTone, cadences_of
from audio.dsp.tone import BlockSpectrum, spectrum_of
from audio.dsp.tone_run import ToneBurst, ToneRun

MIN_LEVEL_DBFS = -48.0
LOW_BAND_HZ = (330.0, 520.0)
HIGH_BAND_HZ = (575.0, 665.0)
"""Of the second tone, 620 Hz in North America."""
MIN_PURITY = 0.75
"""Share of a block's energy in the tone; 10 dB of noise leaves 0.9, a voice's vowels seldom reach it."""
MIN_PAIR_PURITY = 0.85
MIN_PAIR_DB = -9.0
MIN_SECOND_DB, MAX_APART_HZ = -12.0, 150.0
"""Two peaks of one wavering tone."""
MAX_MISSES = 2
"""Blocks: tones that waver have nulls; the shortest pause (100 ms) covers four."""
MIN_BLOCKS = 3
STEADY_HZ, WAVERING_HZ = 5.0, 45.0
MIN_WAVERING_MS = 340
"""No tone of the table that is shorter wavers."""
SAME_HZ, SAME_PAIR_HZ, SAME_WAVERING_HZ = 6.0, 15.0, 70.0
"""From tone to tone. Two tones 50 Hz apart beat once a block: where in it decides which pitch is seen."""
SAME_DB = 4.0
CHANGE_HZ = 3.0
"""Australia's congestion changes its pitch by 5 Hz from tone to tone."""
NEAR_PITCH, NEAR_WAVERING_PITCH = 0.035, 0.12
CADENCE_TOLERANCE, CADENCE_TOLERANCE_MS = 0.10, 10.0
WAVERING_SLACK_MS = 10.0
"""A tone that begins or ends in a null seems shorter."""
QUIET_DROP_DB = 9.0
VOICE_DROP_DB = 25.0
MIN_VOICE_PURITY = 0.35
"""The speech detector may take the noise between two tones for a voice; noise has no peak."""
MAX_FOREIGN_BLOCKS = 3
MAX_PAUSE_BLOCKS = 5600 // BLOCK_MS
"""The longest pause of the table is 5 s."""
DIAL_BLOCKS = 3200 // BLOCK_MS
"""Longer than any tone of a cadence (Australia's 2.5 s)."""
LIKELY_SCORE = 0.2
"""So much worse than the best fit is still as good."""
HISTORY = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardProgress:
    """A call-progress tone whose cycles began at sample `begin`."""

    begin: int
    tone: ProgressTone
    countries: tuple[str, ...]
    """Whose tone this may be, the likeliest first."""
    others: tuple[ProgressTone, ...]
    """What else the same sound means, in other countries."""
    frequency_hz: float


class ProgressDetector:
    """Hears call progress in one direction of one call. Never depends on how the samples were sliced."""

    def __init__(self, countries: Iterable[str] = COUNTRIES) -> None:
        self._table = cadences_of(tuple(countries))
        self._cadences = [cadence for cadence in self._table if cadence.beats[0].on_ms]
        self._dials = [cadence for cadence in self._table if not cadence.beats[0].on_ms]
        self._blocks = Blocks()
        self._n_blocks = 0
        self._before = BlockSpectrum(-99.0, -99.0)
        self._run: ToneRun | None = None
        self._n_misses = 0
        self._after: BlockSpectrum | None = None
        self._bursts: deque[ToneBurst] = deque(maxlen=HISTORY)
        self._n_foreign = 0
        self._due_block = -1
        self._told: ProgressTone | None = None

    def feed(self, samples: NDArray[np.int16]) -> list[HeardProgress]:
        """Take samples of any number and return what they completed."""
        told = (self.take_block(spectrum_of(block)) for block in self._blocks.feed(samples))
        return [heard for heard in told if heard is not None]

    def take_block(self, spectrum: BlockSpectrum, *, is_speech: bool = False) -> HeardProgress | None:
        """Take one block; `is_speech` is what the speech detector says of it."""
        number = self._n_blocks
        self._n_blocks += 1
        low_hz, high_hz = _tone_in(spectrum)
        heard: HeardProgress | None = None
        if low_hz:
            heard = self._take_tone(number, spectrum, low_hz, high_hz)
        elif self._run is not None:
            heard = self._take_miss(self._run, spectrum)
        elif self._bursts:
            heard = self._take_pause(number, spectrum, is_speech=is_speech)
        self._before = spectrum
        return heard

    def _take_tone(
        self, number: int, spectrum: BlockSpectrum, low_hz: float, high_hz: float
    ) -> HeardProgress | None:
        power = from_dbfs(spectrum.level_dbfs)
        run, heard = self._run, None
        if run is not None and run.is_pair == (high_hz > 0.0):
            run.add(number, low_hz, high_hz, power)
            self._n_misses, self._after = 0, None
            return self._judge_dial(run) if number - run.first_block == DIAL_BLOCKS else None
        if run is not None:
            heard = self._end_run(run, self._after or spectrum)
        self._run = ToneRun(number, self._before, low_hz, high_hz, power)
        self._n_misses, self._after = 0, None
        self._due_block = -1
        return heard

    def _take_miss(self, run: ToneRun, spectrum: BlockSpectrum) -> HeardProgress | None:
        self._after = self._after or spectrum
        self._n_misses += 1
        if self._n_misses <= MAX_MISSES:
            return None
        # The block behind the tone may hold its end; the others are pause, or they are something else.
        heard = self._end_run(run, self._after)
        if spectrum.level_dbfs > 10 * math.log10(run.loudest) - QUIET_DROP_DB:
            self._n_foreign += 1
        return heard

    def _take_pause(self, number: int, spectrum: BlockSpectrum, *, is_speech: bool) -> HeardProgress | None:
        above_db = spectrum.level_dbfs - self._bursts[-1].level_dbfs
        is_voice = is_speech and above_db > -VOICE_DROP_DB and spectrum.purity >= MIN_VOICE_PURITY
        if above_db > -QUIET_DROP_DB or is_voice:
            self._n_foreign += 1
        pause_blocks = number - self._bursts[-1].end_ms / BLOCK_MS
        if self._n_foreign >= MAX_FOREIGN_BLOCKS or pause_blocks > MAX_PAUSE_BLOCKS:
            self._forget()
        elif number == self._due_block:
            return self._judge((number + 1) * BLOCK_MS - self._bursts[-1].end_ms, is_over=False)
        return None

    def _end_run(self, run: ToneRun, after: BlockSpectrum) -> HeardProgress | None:
        self._run = self._after = None
        if run.n_blocks < MIN_BLOCKS:
            self._n_foreign += run.n_blocks if self._bursts else 0
            if self._n_foreign >= MAX_FOREIGN_BLOCKS:
                self._forget()
            return None
        burst = run.end(after)
        if not _is_tone(burst):
            self._forget()
            return None
        if self._bursts and abs(self._bursts[-1].level_dbfs - burst.level_dbfs) > SAME_DB:
            self._forget()
        heard = self._judge(burst.begin_ms - self._bursts[-1].end_ms, is_over=True) if self._bursts else None
        self._bursts.append(burst)
        self._n_foreign = 0
        self._due_block = self._due(burst)
        return heard

    def _forget(self) -> None:
        self._bursts.clear()
        self._n_foreign = 0
        self._due_block = -1
        self._told = None

    def _due(self, burst: ToneBurst) -> int:
        """Return the block in which the pause behind `burst` is long enough to end a second cycle, -1 for none."""
        pauses_ms = [
            cadence.beats[rotation].off_ms
            for cadence in self._cadences
            if len(self._bursts) >= 2 * len(cadence.beats)
            for rotation in range(len(cadence.beats))
            if self._fits(cadence, rotation, None) is not None
        ]
        # The longest: a shorter one that is over by then ends with the next tone.
        if not pauses_ms:
            return -1
        return math.ceil((burst.end_ms + max(pauses_ms) - CADENCE_TOLERANCE_MS) / BLOCK_MS) - 1

    def _judge(self, pause_ms: float, *, is_over: bool) -> HeardProgress | None:
        """Return the tone that a pause of `pause_ms` behind the last burst completes."""
        fits: list[tuple[float, Cadence]] = []
        n_heard = len(self._bursts)
        for cadence in self._cadences:
            scores = (
                self._fits(cadence, rotation, pause_ms)
                for rotation in range(len(cadence.beats))
                if n_heard >= 2 * len(cadence.beats)
            )
            score = min((score for score in scores if score is not None), default=None)
            if score is not None:
                fits.append((score, cadence))
        if not fits or self._may_become_longer(
            max(len(cadence.beats) for _, cadence in fits), pause_ms, is_over=is_over
        ):
            return None
        fits.sort(key=lambda fit: fit[0])
        return self._tell(fits, self._bursts[-2 * len(fits[0][1].beats)])

    def _judge_dial(self, run: ToneRun) -> HeardProgress | None:
        """Return the dial tone that has gone on for so long."""
        burst = run.end(BlockSpectrum(-99.0, -99.0))
        errors = [
            (error, cadence)
            for cadence in self._dials
            if (error := _pitch_error(burst, cadence.beats[0])) <= 1.0
        ]
        if not errors:
            return None
        self._forget()
        errors.sort(key=lambda error: error[0])
        return self._tell(errors, burst)

    def _tell(self, fits: list[tuple[float, Cadence]], first: ToneBurst) -> HeardProgress | None:
        limit = fits[0][0] + LIKELY_SCORE
        likely = [cadence for score, cadence in fits if score <= limit]
        means = sorted({cadence.tone for cadence in likely}, key=list(ProgressTone).index)
        tone = min(means, key=lambda tone: _best(fits, tone))
        if self._told in means:
            return None  # said already, or as good as what was said
        self._told = tone
        return HeardProgress(
            begin=max(0, round(first.begin_ms * RATE_HZ / 1000)),
            tone=tone,
            countries=tuple(dict.fromkeys(cadence.country for cadence in likely if cadence.tone is tone)),
            others=tuple(other for other in means if other is not tone),
            frequency_hz=first.hz,
        )

    def _may_become_longer(self, n_beats: int, pause_ms: float, *, is_over: bool) -> bool:
        """Say whether all that was heard may yet be the beginning of a cadence of more than `n_beats`."""
        for cadence in self._cadences:
            n_longer = len(cadence.beats)
            if n_longer <= n_beats or len(self._bursts) >= 2 * n_longer:
                continue
            if any(
                self._fits(cadence, rotation, pause_ms, is_over=is_over) is not None
                for rotation in range(n_longer)
            ):
                return True
        return False

    def _fits(
        self, cadence: Cadence, rotation: int, pause_ms: float | None, *, is_over: bool = True
    ) -> float | None:
        """Return how far the bursts are from two cycles that end in beat `rotation` (0 = alike), or None.

        `pause_ms` is the pause behind the last burst: unknown when None, still going on unless `is_over`.
        """
        beats, bursts = cadence.beats, self._bursts
        n_bursts = min(len(bursts), 2 * len(beats))
        error = 0.0
        for back in range(n_bursts):
            burst = bursts[-1 - back]
            beat = beats[(rotation - back) % len(beats)]
            pitch = _pitch_error(burst, beat)
            slack_ms = WAVERING_SLACK_MS if beat.is_wavering else 0.0
            on = _time_error(burst.on_ms, beat.on_ms, slack_ms)
            if pitch > 1.0 or on > 1.0:
                return None
            if back:
                off = _time_error(bursts[-back].begin_ms - burst.end_ms, beat.off_ms, slack_ms)
                if not _is_step(burst, bursts[-back], beat, beats[(rotation - back + 1) % len(beats)]):
                    return None
            elif pause_ms is None:
                off = 0.0
            else:
                off = _time_error(pause_ms, beat.off_ms, slack_ms)
                off = 0.0 if not is_over and pause_ms <= beat.off_ms else off
            if off > 1.0:
                return None
            error += pitch * pitch + on * on + off * off
        return math.sqrt(error / n_bursts)


def _best(fits: list[tuple[float, Cadence]], tone: ProgressTone) -> float:
    return min(score for score, cadence in fits if cadence.tone is tone)


def _tone_in(spectrum: BlockSpectrum) -> tuple[float, float]:
    """Return the lower and the upper tone (0 for none) that hold nearly all of the block; zeros if none do."""
    peak_hz, second_hz = spectrum.peak_hz, spectrum.second_hz
    if not peak_hz or spectrum.level_dbfs < MIN_LEVEL_DBFS or peak_hz > HIGH_BAND_HZ[1]:
        return 0.0, 0.0
    low_hz, high_hz = (peak_hz, second_hz) if peak_hz < second_hz else (second_hz, peak_hz)
    if (
        spectrum.second_db >= MIN_PAIR_DB
        and spectrum.pair_purity >= MIN_PAIR_PURITY
        and LOW_BAND_HZ[0] <= low_hz <= LOW_BAND_HZ[1]
        and HIGH_BAND_HZ[0] <= high_hz <= HIGH_BAND_HZ[1]
    ):
        return low_hz, high_hz
    if not LOW_BAND_HZ[0] <= peak_hz <= LOW_BAND_HZ[1]:
        return 0.0, 0.0
    is_two = spectrum.second_db >= MIN_SECOND_DB and abs(second_hz - peak_hz) <= MAX_APART_HZ
    if is_two and spectrum.pair_purity >= MIN_PAIR_PURITY:
        second_share = 1.0 - spectrum.purity / spectrum.pair_purity
        return peak_hz + (second_hz - peak_hz) * second_share, 0.0
    return (peak_hz, 0.0) if spectrum.purity >= MIN_PURITY else (0.0, 0.0)


def _is_tone(burst: ToneBurst) -> bool:
    return burst.spread_hz <= STEADY_HZ or (
        burst.spread_hz <= WAVERING_HZ and (burst.high_hz > 0.0 or burst.on_ms >= MIN_WAVERING_MS)
    )


def _is_step(burst: ToneBurst, following: ToneBurst, beat: Beat, following_beat: Beat) -> bool:
    """Say whether the pitch changes from burst to burst as it should, which mostly is not at all."""
    change_hz = following_beat.low_hz - beat.low_hz
    if beat.is_wavering:
        limit_hz = SAME_WAVERING_HZ
    elif beat.high_hz:
        limit_hz = SAME_PAIR_HZ
    else:
        limit_hz = CHANGE_HZ if change_hz else SAME_HZ
    return abs(following.hz - burst.hz - change_hz) <= limit_hz


def _pitch_error(burst: ToneBurst, beat: Beat) -> float:
    """Return how far the burst's pitch is from the beat's, 1 at the limit."""
    if (burst.high_hz > 0.0) != (beat.high_hz > 0.0):
        return math.inf
    if beat.high_hz:
        low, high = abs(burst.hz / beat.low_hz - 1), abs(burst.high_hz / beat.high_hz - 1)
        return max(low, high) / NEAR_PITCH
    if burst.spread_hz > STEADY_HZ and not beat.is_wavering:
        return math.inf
    return abs(burst.hz / beat.low_hz - 1) / (NEAR_WAVERING_PITCH if beat.is_wavering else NEAR_PITCH)


def _time_error(heard_ms: float, nominal_ms: int, slack_ms: float) -> float:
    """Return how far a duration is from what it should be, 1 at the limit."""
    return abs(heard_ms - nominal_ms) / (CADENCE_TOLERANCE * nominal_ms + CADENCE_TOLERANCE_MS + slack_ms)
