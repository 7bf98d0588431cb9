"""spandsp makes our detectors' tones, and judges the tones we make (Debian's libspandsp2, by ctypes)."""

import ctypes
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from audio.dsp.dtmf_detector import DtmfDetector
from audio.dsp.dtmf_generator import digits_clip
from audio.dsp.fax import FaxDetector, FaxTone
from audio.dsp.progress import ProgressDetector
from audio.dsp.progress_generator import indication_sound, with_noise
from audio.dsp.progress_tones import ProgressTone, indications_of
from audio.dsp.sit import SitCode, SitDetector

BUSY, CONGESTION, RINGBACK = ProgressTone.BUSY, ProgressTone.CONGESTION, ProgressTone.RINGBACK
KEYS = "1234567890*#ABCD"
STATE_BYTES = 4096
"""More than any tone generator's state."""
FAX_CNG, FAX_CED, CED_WITH_TURNS, ANSAM = 1, 2, 3, 4
"""spandsp/modem_connect_tones.h."""

Samples = NDArray[np.int16]
LIBRARY = ctypes.CDLL("libspandsp.so.2")
REPORT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int)


def call(name: str, *arguments: Any, result: Any = ctypes.c_int) -> Any:
    """Call the library; it takes whole numbers as C's int."""
    function = LIBRARY[name]
    function.restype = result
    return function(*arguments)


def pointer(name: str, *arguments: Any) -> ctypes.c_void_p:
    made = ctypes.c_void_p(call(name, *arguments, result=ctypes.c_void_p))
    assert made.value, name
    return made


def drawn(name: str, state: Any, n_samples: int) -> Samples:
    """Return what a generator gives, filled up with silence."""
    buffer = np.zeros(n_samples, dtype=np.int16)
    call(name, state, buffer.ctypes.data_as(ctypes.c_void_p), n_samples)
    return buffer


def fed(name: str, state: Any, sound: Samples) -> None:
    whole = np.ascontiguousarray(sound)
    call(name, state, whole.ctypes.data_as(ctypes.c_void_p), len(whole))


def tones(
    first: tuple[int, int], second: tuple[int, int], durations_ms: tuple[int, ...], n_samples: int
) -> Samples:
    """Return spandsp's tone: (Hz, dBm0) twice (a negative second is modulation, in percent), on, off, on, off."""
    descriptor, state = ctypes.create_string_buffer(STATE_BYTES), ctypes.create_string_buffer(STATE_BYTES)
    durations = (*durations_ms, 0, 0)[:4]
    pointer("tone_gen_descriptor_init", descriptor, *first, *second, *durations, 1)
    pointer("tone_gen_init", state, descriptor)
    return drawn("tone_gen", state, n_samples)


def over_noise(sound: Samples, lead: int = 2517) -> Samples:
    return with_noise(np.concatenate([np.zeros(lead), sound.astype(np.float64)]), -60.0)


@pytest.mark.parametrize(
    ("country", "tone", "first", "second", "durations_ms"),
    [
        ("CN", RINGBACK, (450, -10), (0, 0), (1000, 4000)),
        ("CN", BUSY, (450, -10), (0, 0), (350, 350)),
        ("CN", BUSY, (450, -35), (0, 0), (350, 350)),
        ("CN", CONGESTION, (450, -10), (0, 0), (700, 700)),
        ("US", RINGBACK, (440, -13), (480, -13), (2000, 4000)),
        ("US", BUSY, (480, -13), (620, -13), (500, 500)),
        ("US", BUSY, (480, -13), (620, -17), (500, 500)),
        ("US", CONGESTION, (480, -13), (620, -13), (250, 250)),
        ("GB", RINGBACK, (400, -13), (450, -13), (400, 200, 400, 2000)),
        ("GB", CONGESTION, (400, -10), (0, 0), (400, 350, 225, 525)),
        ("DE", BUSY, (425, -10), (0, 0), (480, 480)),
        ("FR", RINGBACK, (440, -10), (0, 0), (1500, 3500)),
        ("IN", RINGBACK, (400, -10), (-25, 90), (400, 200, 400, 2000)),
        ("AU", RINGBACK, (413, -13), (438, -13), (400, 200, 400, 2000)),
        ("BR", CONGESTION, (425, -10), (0, 0), (250, 250, 750, 250)),
        ("TH", RINGBACK, (420, -10), (0, 0), (1000, 5000)),
    ],
)
def test_we_hear_the_cadences_that_spandsp_plays(
    country: str,
    tone: ProgressTone,
    first: tuple[int, int],
    second: tuple[int, int],
    durations_ms: tuple[int, ...],
) -> None:
    n_samples = round(sum(durations_ms) * 8 * 2.6)
    sound = over_noise(tones(first, second, durations_ms, n_samples))
    (own,) = ProgressDetector((country,)).feed(sound)
    assert own.tone is tone
    (one,) = ProgressDetector().feed(sound)
    assert tone in (one.tone, *one.others)


@pytest.mark.parametrize("country", ["CN", "DE", "FR", "US", "JP", "TH"])
@pytest.mark.parametrize("tone", [BUSY, CONGESTION])
def test_spandsp_hears_the_cadences_that_we_play(country: str, tone: ProgressTone) -> None:
    indication = indications_of(country)[tone]
    pitches, _, on_ms = indication.split(",")[0].partition("/")
    hz = [int(part) for part in pitches.split("+")] + [0]
    off_ms = int(indication.split(",")[1].partition("/")[2])
    descriptor = pointer("super_tone_rx_make_descriptor", None)
    number = call("super_tone_rx_add_tone", descriptor)
    for f1, f2, ms in ((hz[0], hz[1], int(on_ms)), (0, 0, off_ms)):
        call("super_tone_rx_add_element", descriptor, number, f1, f2, ms * 9 // 10, ms * 11 // 10)
    told: list[int] = []
    report = REPORT(lambda _user, code, _level, _delay: told.append(code))
    state = pointer("super_tone_rx_init", None, descriptor, report, None)
    sound = indication_sound(indication, n_cycles=6)
    fed("super_tone_rx", state, with_noise(np.concatenate([np.zeros(2517), sound]), -60.0))
    call("super_tone_rx_free", state)
    assert number in told


@pytest.mark.parametrize(
    ("kind", "tone"),
    [
        (FAX_CNG, FaxTone.CALLING),
        (FAX_CED, FaxTone.ANSWERING),
        (CED_WITH_TURNS, FaxTone.ANSWERING),
        (ANSAM, FaxTone.ANSWERING),
    ],
)
def test_we_hear_the_fax_that_spandsp_plays(kind: int, tone: FaxTone) -> None:
    state = pointer("modem_connect_tones_tx_init", None, kind)
    sound = drawn("modem_connect_tones_tx", state, 7 * 8000)
    call("modem_connect_tones_tx_free", state)
    (fax,) = FaxDetector().feed(over_noise(sound))
    assert fax.tone is tone


@pytest.mark.parametrize(
    ("kind", "indication"), [(FAX_CNG, "1100/500,0/3000"), (FAX_CED, "2100/3000,0/1000")]
)
def test_spandsp_hears_the_fax_that_we_play(kind: int, indication: str) -> None:
    told: list[int] = []
    report = REPORT(lambda _user, code, _level, _delay: told.append(code))
    state = pointer("modem_connect_tones_rx_init", None, kind, report, None)
    fed("modem_connect_tones_rx", state, with_noise(indication_sound(indication, n_cycles=2), -60.0))
    call("modem_connect_tones_rx_free", state)
    assert kind in told


def test_we_hear_the_information_tones_that_spandsp_plays() -> None:
    parts = [
        tones((hz, -14), (0, 0), (ms, 30), (ms + 15) * 8) for hz, ms in ((950, 330), (1400, 330), (1800, 330))
    ]
    (sit,) = SitDetector().feed(over_noise(np.concatenate([*parts, np.zeros(1600, dtype=np.int16)])))
    assert sit.code is SitCode.UNSPECIFIED
    parts = [tones((hz, -14), (0, 0), (ms, 30), ms * 8) for hz, ms in ((985, 380), (1371, 274), (1777, 380))]
    (sit,) = SitDetector().feed(over_noise(np.concatenate([*parts, np.zeros(1600, dtype=np.int16)])))
    assert sit.code is SitCode.VACANT


def test_we_hear_the_keys_that_spandsp_presses() -> None:
    state = pointer("dtmf_tx_init", None, None, None)
    call("dtmf_tx_put", state, KEYS.encode(), len(KEYS))
    sound = over_noise(drawn("dtmf_tx", state, 16 * 1000))
    call("dtmf_tx_free", state)
    assert "".join(heard.digit for heard in DtmfDetector().feed(sound)) == KEYS


@pytest.mark.parametrize("tone_ms", [50, 70, 100])
def test_spandsp_hears_the_keys_that_we_press(tone_ms: int) -> None:
    state = pointer("dtmf_rx_init", None, None, None)
    fed("dtmf_rx", state, over_noise(digits_clip(KEYS, tone_ms=tone_ms, pause_ms=60)))
    heard = ctypes.create_string_buffer(64)
    n_keys = call("dtmf_rx_get", state, heard, 63)
    call("dtmf_rx_free", state)
    assert heard.value[:n_keys].decode() == KEYS


@pytest.mark.parametrize(("low_dbfs", "high_dbfs"), [(-14, -12), (-10, -15), (-17, -14), (-33, -33)])
@pytest.mark.parametrize("snr_db", [40, 24])
def test_both_hear_the_same_keys_whatever_twist_and_noise(
    low_dbfs: float, high_dbfs: float, snr_db: float
) -> None:
    clip = digits_clip(KEYS, tone_ms=60, pause_ms=60, low_dbfs=low_dbfs, high_dbfs=high_dbfs)
    sound = with_noise(clip.astype(np.float64), max(low_dbfs, high_dbfs) - snr_db)
    state = pointer("dtmf_rx_init", None, None, None)
    fed("dtmf_rx", state, sound)
    heard = ctypes.create_string_buffer(64)
    n_keys = call("dtmf_rx_get", state, heard, 63)
    call("dtmf_rx_free", state)
    ours = "".join(one.digit for one in DtmfDetector().feed(sound))
    assert ours == KEYS == heard.value[:n_keys].decode()
