"""Hear keys in sound (ITU-T Q.24: 40 ms accepted, 23 ms refused, ±1.5 % accepted, ±3.5 % refused, twist +4/-8 dB).

Windows of 20 ms every 5 ms are taken against the eight tones. Two tones are a key when together they hold nearly all
of the window's energy, their levels fit each other, and the phase each gains from window to window puts both
frequencies within 2.4 % of nominal: the phase is far sharper than a 20 ms window's 50 Hz resolution. Speech seldom
passes all three for five windows in a row; where it does, a third tone gives it away: two neighbouring
harmonics of a voice are never alone, and hardly ever in a key's ratio.

That is worked out only where the spectrum of a block, which is known anyway, has two peaks of which one may be a row's
and one a column's: then, for the block after it, and while a key is held. What lies in neither of two blocks is not in
the windows across them.
"""

import math
from cmath import phase
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.dsp.blocks import BLOCK_SAMPLES, RATE_HZ, Blocks
from audio.dsp.dtmf_generator import HIGH_HZ, KEYS, LOW_HZ, tones_of
from audio.dsp.level import from_dbfs
from audio.dsp.third_tone import N_SAMPLES as THIRD_TONE_SAMPLES
from audio.dsp.third_tone import third_tone_share
from audio.dsp.tone import BlockSpectrum, spectrum_of
from audio.frame import FULL_SCALE

HOP_SAMPLES = 40
HOP_MS = 5
WINDOW_SAMPLES = 160
N_HOPS = BLOCK_SAMPLES // HOP_SAMPLES

MIN_TONE_DBFS = -48.0
"""Each tone alone; Q.24 asks for -28 dBFS (-25 dBm0) and forbids -58."""
MAX_NORMAL_TWIST = 10 ** (9.5 / 10)
"""The low tone at most this much stronger (8 dB asked, and a margin for noise)."""
MAX_REVERSE_TWIST = 10 ** (5.5 / 10)
"""The high tone at most this much stronger (4 dB asked)."""
MIN_PURITY = 0.75
"""Share of the window's energy in the two tones, at the edges of a tone too."""
MIN_MEAN_PURITY = 0.85
"""Over the run; 15 dB of noise leaves 0.97. Vowels that pass for two tones seldom reach it."""
MAX_DEVIATION = 0.024
"""Of the nominal frequency, halfway between accept and refuse, averaged over the run."""
MAX_WINDOW_DEVIATION = 0.032
MAX_THIRD_DB, MAX_THIRD_APART_DB = -9.0, -18.0
"""The strongest tone besides, relative to both: where both tones are off alike, and where they are off by
TONES_APART in opposite directions. Low-rate codecs add tones and leave the ratio; vowels have both."""
TONES_APART = 0.025
POSSIBLE_PURITY = 0.5
POSSIBLE_ROW_HZ, POSSIBLE_COLUMN_HZ = (630.0, 1020.0), (1120.0, 1740.0)
"""Of a whole block's two strongest peaks: what is less or lies elsewhere is no key, at the edges of one neither."""
HITS_TO_BEGIN = 5
MISSES_TO_END = 7
"""Windows: bridges 10 ms of drop-out, keeps two presses 30 ms apart."""

_WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(WINDOW_SAMPLES) + 0.5) / WINDOW_SAMPLES)
_WINDOW_SUM = float(_WINDOW.sum())
_WINDOW_ENERGY = float((_WINDOW * _WINDOW).sum())
_NOMINAL_HZ = LOW_HZ + HIGH_HZ
_TONES_HZ = np.array(_NOMINAL_HZ)
_ANGLES = 2 * np.pi * np.outer(np.arange(WINDOW_SAMPLES), _TONES_HZ) / RATE_HZ
_BASIS = np.concatenate(
    [_WINDOW[:, None] * np.cos(_ANGLES), -_WINDOW[:, None] * np.sin(_ANGLES)], axis=1
).astype(np.float32)
_SQUARED_WINDOW = (_WINDOW * _WINDOW / _WINDOW_ENERGY).astype(np.float32)
_ADVANCE = [complex(math.cos(a), -math.sin(a)) for a in 2 * np.pi * _TONES_HZ * HOP_SAMPLES / RATE_HZ]
_HZ_PER_RADIAN = RATE_HZ / (2 * math.pi * HOP_SAMPLES)
_BIN_HZ = RATE_HZ / WINDOW_SAMPLES
_TO_POWER = 2 / (_WINDOW_SUM * _WINDOW_SUM)
"""Squared magnitude of a window's tone to that tone's mean square."""
_MIN_TONE_POWER = from_dbfs(MIN_TONE_DBFS) * FULL_SCALE * FULL_SCALE
_MISSES = (None,) * N_HOPS
_NO_HITS = list(_MISSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardDigit:
    """One key, from its first to its last sample, in samples since the detector's first."""

    digit: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class _Hit:
    digit: str
    row_deviation: float
    column_deviation: float
    purity: float


class DtmfDetector:
    """Hears the keys of one direction of one call. Digits never depend on how the samples were sliced."""

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._buffer = np.zeros(2 * BLOCK_SAMPLES, dtype=np.float32)
        self._windows = _windows_of(self._buffer)
        self._cut = np.zeros((N_HOPS, WINDOW_SAMPLES), dtype=np.float32)
        self._sums = np.zeros((N_HOPS + 1, 2 * len(_TONES_HZ)), dtype=np.float32)
        """Of the window before the newest block and of its own."""
        self._may_be = False
        """The block before may have held a key's tones."""
        self._are_sums_old = False
        self._n_windows = 0
        self._run: list[_Hit] = []
        self._digit: str | None = None
        self._begin_window = 0
        self._last_window = 0
        self._n_presses = 0
        self.in_tone = False
        """The newest 20 ms held a key's two tones, or a confirmed key is not over yet."""

    @property
    def digit_down(self) -> str | None:
        """The key that is held at this moment."""
        return self._digit

    @property
    def n_presses(self) -> int:
        """Keys confirmed so far, the one that is held included: rises some 40 ms into a tone."""
        return self._n_presses

    def feed(self, samples: NDArray[np.int16]) -> list[HeardDigit]:
        """Take samples of any number and return the keys released in them."""
        told = (self.take_block(block, spectrum_of(block)) for block in self._blocks.feed(samples))
        return [heard for heard_in_block in told for heard in heard_in_block]

    def take_block(
        self, block: NDArray[np.int16] | NDArray[np.float32], spectrum: BlockSpectrum
    ) -> list[HeardDigit]:
        """Take exactly one block of samples on the int16 scale, and its spectrum."""
        buffer = self._buffer
        buffer[:BLOCK_SAMPLES] = buffer[BLOCK_SAMPLES:]
        buffer[BLOCK_SAMPLES:] = block
        may_be, could_be = _may_hold_key(spectrum), self._may_be
        self._may_be = may_be
        if may_be or could_be or self._digit is not None:
            hits = self._look()
        else:
            hits, self._are_sums_old = _MISSES, True
        if hits is _MISSES and self._digit is None:
            self._n_windows += N_HOPS
            self._run.clear()
            self.in_tone = False
            return []
        released = [heard for hop, hit in enumerate(hits) if (heard := self._step(hop, hit)) is not None]
        self.in_tone = self._digit is not None or any(hit is not None for hit in hits)
        return released

    def finish(self) -> HeardDigit | None:
        """Release the key that is held, if any: nothing more will be heard of it."""
        return self._release() if self._digit is not None else None

    def _look(self) -> tuple[_Hit | None, ...]:
        """Return what each window of the newest block holds."""
        cut = self._cut
        cut[:] = self._windows  # windows that overlap in memory would keep BLAS out
        all_sums = self._sums
        if self._are_sums_old:
            np.matmul(self._buffer[:BLOCK_SAMPLES], _BASIS, out=all_sums[0])
            self._are_sums_old = False
        else:
            all_sums[0] = all_sums[N_HOPS]
        sums = np.matmul(cut, _BASIS, out=all_sums[1:])
        squares = sums * sums
        np.multiply(cut, cut, out=cut)
        powers: list[float] = (cut @ _SQUARED_WINDOW).tolist()
        magnitudes: list[list[float]] = (squares[:, :8] + squares[:, 8:]).tolist()
        hits = [
            self._judge(hop, of_tones, power)
            for hop, (of_tones, power) in enumerate(zip(magnitudes, powers, strict=True))
        ]
        return _MISSES if hits == _NO_HITS else tuple(hits)

    def _judge(self, hop: int, magnitudes: list[float], power: float) -> _Hit | None:
        """Return the key whose tones make up one window of the newest block, of mean square `power`."""
        low, high = max(magnitudes[:4]), max(magnitudes[4:])
        # 1.6: what a tone 1.5 % off loses at 1633 Hz; the exact loss is worked out below.
        most = (low + high) * _TO_POWER * 1.6
        if most < MIN_PURITY * power or min(low, high) * _TO_POWER * 1.6 < _MIN_TONE_POWER:
            return None
        row, column = magnitudes.index(low, 0, 4), magnitudes.index(high, 4)
        row_hz, column_hz = self._offset_hz(hop, row), self._offset_hz(hop, column)
        row_deviation, column_deviation = row_hz / _NOMINAL_HZ[row], column_hz / _NOMINAL_HZ[column]
        if abs(row_deviation) > MAX_WINDOW_DEVIATION or abs(column_deviation) > MAX_WINDOW_DEVIATION:
            return None
        low_power, high_power = low * _TO_POWER / _response(row_hz), high * _TO_POWER / _response(column_hz)
        if low_power > high_power * MAX_NORMAL_TWIST or high_power > low_power * MAX_REVERSE_TWIST:
            return None
        purity = (low_power + high_power) / power
        if purity < MIN_PURITY or min(low_power, high_power) < _MIN_TONE_POWER:
            return None
        return _Hit(KEYS[row][column - 4], row_deviation, column_deviation, purity)

    def _offset_hz(self, hop: int, tone: int) -> float:
        """Return how far the tone heard lies from nominal, from the phase it gained in one hop."""
        (before_real, real), (before_imaginary, imaginary) = self._sums[
            hop : hop + 2, tone :: len(_NOMINAL_HZ)
        ].T.tolist()
        gained = complex(real, imaginary) * complex(before_real, -before_imaginary) * _ADVANCE[tone]
        return phase(gained) * _HZ_PER_RADIAN

    def _step(self, hop: int, hit: _Hit | None) -> HeardDigit | None:
        """Count one window, the newest block's `hop`th; return the key that it ended."""
        window = self._n_windows
        self._n_windows += 1
        if hit is None:
            self._run.clear()
        elif self._run and self._run[-1].digit != hit.digit:
            self._run = [hit]
        else:
            self._run.append(hit)
        if hit is not None and hit.digit == self._digit:
            self._last_window = window
            self._run = self._run[-HITS_TO_BEGIN:]
            return None
        begins = len(self._run) >= HITS_TO_BEGIN and self._is_key(hop)
        if len(self._run) > HITS_TO_BEGIN:
            del self._run[0]
        released = None
        if self._digit is not None and (begins or window - self._last_window >= MISSES_TO_END):
            released = self._release()
        if begins:
            assert hit is not None
            self._digit = hit.digit
            self._n_presses += 1
            self._begin_window, self._last_window = window - HITS_TO_BEGIN + 1, window
        return released

    def _is_key(self, hop: int) -> bool:
        """Say whether the run's means are a key's: both frequencies near nominal, hardly anything besides."""
        run = self._run
        n_hits = len(run)
        row = sum(hit.row_deviation for hit in run) / n_hits
        column = sum(hit.column_deviation for hit in run) / n_hits
        purity = sum(hit.purity for hit in run) / n_hits
        if abs(row) > MAX_DEVIATION or abs(column) > MAX_DEVIATION or purity < MIN_MEAN_PURITY:
            return False
        end = BLOCK_SAMPLES + HOP_SAMPLES * (hop + 1)
        low_hz, high_hz = tones_of(run[-1].digit)
        third = third_tone_share(
            self._buffer[end - THIRD_TONE_SAMPLES : end], low_hz * (1 + row), high_hz * (1 + column)
        )
        apart = min(1.0, abs(row - column) / TONES_APART)
        return third <= from_dbfs(MAX_THIRD_DB + apart * (MAX_THIRD_APART_DB - MAX_THIRD_DB))

    def _release(self) -> HeardDigit:
        digit, self._digit = self._digit, None
        assert digit is not None
        # Window w ends HOP * (w + 1) samples into the stream. The first and the last hit each stick out of the
        # tone by about a quarter of a window.
        begin = HOP_SAMPLES * (self._begin_window + 1) - 3 * WINDOW_SAMPLES // 4
        end = HOP_SAMPLES * (self._last_window + 1) - WINDOW_SAMPLES // 4
        return HeardDigit(digit=digit, begin=max(0, begin), end=max(begin, end))


def _may_hold_key(spectrum: BlockSpectrum) -> bool:
    """Say whether a block's two strongest peaks may be a key's tones."""
    low, high = spectrum.peak_hz, spectrum.second_hz
    if low > high:
        low, high = high, low
    return (
        POSSIBLE_ROW_HZ[0] <= low <= POSSIBLE_ROW_HZ[1]
        and POSSIBLE_COLUMN_HZ[0] <= high <= POSSIBLE_COLUMN_HZ[1]
        and spectrum.pair_purity >= POSSIBLE_PURITY
    )


def _windows_of(buffer: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a view of the windows that end in the newest block of `buffer`; it follows what is written there."""
    step = buffer.itemsize
    shape, strides = (N_HOPS, WINDOW_SAMPLES), (HOP_SAMPLES * step, step)
    return np.lib.stride_tricks.as_strided(buffer[HOP_SAMPLES:], shape, strides, writeable=False)


def _response(offset_hz: float) -> float:
    """Return the window's power response to a tone `offset_hz` beside the one looked for."""
    x = offset_hz / _BIN_HZ
    if abs(x) < 1e-6:
        return 1.0
    amplitude = math.sin(math.pi * x) / (math.pi * x * (1 - x * x))
    return amplitude * amplitude
