"""Measure one stretch of one and the same tone: where it began and ended, finer than a block, its pitch and level."""

import math
from dataclasses import dataclass

from audio.dsp.blocks import BLOCK_MS
from audio.dsp.level import from_dbfs
from audio.dsp.tone import BlockSpectrum

NEAR_HZ = 60.0
"""An edge block belongs to the tone as far as its energy lies this near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneBurst:
    """A tone that is over."""

    begin_ms: float
    end_ms: float
    hz: float
    """Weighed by power: the middle of a tone that wavers."""
    high_hz: float
    """Of the upper tone of a pair, else 0."""
    spread_hz: float
    """Standard deviation from block to block."""
    level_dbfs: float
    n_blocks: int

    @property
    def on_ms(self) -> float:
        """How long it lasted."""
        return self.end_ms - self.begin_ms


class ToneRun:
    """Gathers a tone block by block; its edges come from how much of the tone the outermost blocks hold."""

    def __init__(self, number: int, before: BlockSpectrum, hz: float, high_hz: float, power: float) -> None:
        self.first_block = self.last_block = number
        self.is_pair = high_hz > 0.0
        self.loudest = power
        self.n_blocks = 1
        self._before = before
        self._edge_powers = (power, power)
        self._sum = self._hz_sum = self._hz_squares = self._high_sum = 0.0
        self._n_inner = 0
        self._newest = (power, hz, high_hz)

    @property
    def hz(self) -> float:
        """The pitch so far."""
        return self._hz_sum / self._sum if self._sum else self._newest[1]

    def add(self, number: int, hz: float, high_hz: float, power: float) -> None:
        """Take the next block that holds the tone."""
        if self.n_blocks > 1:
            self._count_inner()
        self._edge_powers = (self._edge_powers[0], power)
        self._newest = (power, hz, high_hz)
        self.last_block = number
        self.loudest = max(self.loudest, power)
        self.n_blocks += 1

    def end(self, after: BlockSpectrum) -> ToneBurst:
        """Return the tone; `after` is the block behind its last one."""
        if not self._n_inner:
            self._count_inner()
        power = self._sum / self._n_inner
        hz = self._hz_sum / self._sum
        first, last = self._edge_powers
        begin_ms = (self.first_block + 1) * BLOCK_MS - BLOCK_MS * (
            min(1.0, first / power) + _share(self._before, hz, power)
        )
        end_ms = self.last_block * BLOCK_MS + BLOCK_MS * (min(1.0, last / power) + _share(after, hz, power))
        return ToneBurst(
            begin_ms=begin_ms,
            end_ms=end_ms,
            hz=hz,
            high_hz=self._high_sum / self._sum,
            spread_hz=math.sqrt(max(0.0, self._hz_squares / self._sum - hz * hz)),
            level_dbfs=10 * math.log10(power),
            n_blocks=self.n_blocks,
        )

    def _count_inner(self) -> None:
        power, hz, high_hz = self._newest
        self._sum += power
        self._hz_sum += power * hz
        self._hz_squares += power * hz * hz
        self._high_sum += power * high_hz
        self._n_inner += 1


def _share(edge: BlockSpectrum, hz: float, power: float) -> float:
    """Return how much of a block beside the tone holds it, 0 to 1."""
    if abs(edge.peak_hz - hz) <= NEAR_HZ:
        share = edge.purity
    elif abs(edge.second_hz - hz) <= NEAR_HZ:
        share = edge.pair_purity - edge.purity
    else:
        return 0.0
    return min(1.0, share * from_dbfs(edge.level_dbfs) / power)
