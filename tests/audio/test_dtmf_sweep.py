"""Keys through level, noise, twist, frequency error, codecs and packet loss: what is asked for, and no worse than spandsp."""

import numpy as np
import pytest

from benchmarks.dtmf_sweep import CODINGS, Expectation, Fault, coded, faults, ours, run

N_KEYS = 32
SWEEP = faults()
ASKED = [name for name, (expectation, _) in SWEEP.items() if expectation is not Expectation.OPEN]
OPEN = [name for name, (expectation, _) in SWEEP.items() if expectation is Expectation.OPEN]


@pytest.mark.parametrize("name", ASKED)
def test_keys_are_heard_and_refused_as_asked(name: str) -> None:
    expectation, fault = SWEEP[name]
    mine, _ = run(fault, n_keys=N_KEYS, seed=7)
    assert mine.false == 0
    assert mine.heard == (N_KEYS if expectation is Expectation.HEARD else 0)


@pytest.mark.parametrize("name", OPEN)
def test_where_nobody_says_we_hear_about_as_much_as_spandsp(name: str) -> None:
    """Noise far beyond the recommendation (at 6 dB we give up before spandsp does), low-rate codecs, lost packets."""
    mine, theirs = run(SWEEP[name][1], n_keys=N_KEYS, seed=7)
    assert mine.false <= max(2, theirs.false)
    assert mine.heard >= theirs.heard - 0.25 * N_KEYS or mine.heard >= 0.9 * N_KEYS


@pytest.mark.parametrize("coding", CODINGS)
def test_a_press_of_a_person_gets_through_every_codec(coding: str) -> None:
    """150 ms and more, as fingers do."""
    mine, _ = run(Fault(coding=coding, on_ms=150, off_ms=120), n_keys=N_KEYS, seed=3)
    assert mine.heard >= (N_KEYS if coding in {"", "alaw", "ulaw", "gsm", "amr-12.2"} else 0.9 * N_KEYS)
    assert mine.false <= (1 if coding == "amr-4.75" else 0)


def test_a_codec_is_a_codec() -> None:
    """The sweep is void if a codec gives back what it was given."""
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 3000, 8000).astype(np.int16)
    for coding in CODINGS[1:]:
        back = coded(noise, coding)
        assert len(back) >= 7900
        assert not np.array_equal(back[:7900], noise[:7900])
    assert ours(noise) == []
