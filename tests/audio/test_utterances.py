"""Where a callee's words end, with other voices behind them."""

import numpy as np
from numpy.typing import NDArray

from audio.dsp.tone import spectrum_of
from audio.dsp.utterances import Utterances
from audio.frame import Clip
from benchmarks.answer_channels import level_to, line_noise


def end_of_talk(sound: NDArray[np.float64]) -> int:
    """Return the block in which the last utterance ends."""
    utterances = Utterances()
    blocks = (sound * 32768).astype(np.float32)
    for block in blocks[: len(blocks) // 160 * 160].reshape(-1, 160):
        utterances.take_block(block, spectrum_of(block))
    return utterances.spoken()[-1].end


def test_a_crowd_twenty_db_below_the_callee_is_not_heard_as_talk(speech: dict[str, list[Clip]]) -> None:
    """Of sixteen people who say two seconds and wait for two, at most two seem to go on for 150 ms and more."""
    said = [clip / 32768 for clip in (*speech["en"][::2], *speech["zh"][::2])]
    everybody = np.concatenate(said)
    late_ms = []
    for number, words in enumerate(said):
        sound = np.concatenate([np.zeros(2400), level_to(words[:16_000], -20.0), np.zeros(16_000)])
        crowd = line_noise("babble", len(sound), np.random.default_rng(number), everybody) * 10 ** (-40 / 20)
        late_ms.append(20 * (end_of_talk(sound + crowd) - end_of_talk(sound)))
    assert sum(ms >= 150 for ms in late_ms) <= 2, late_ms
    assert min(late_ms) > -250, "the words themselves are heard to their end"
