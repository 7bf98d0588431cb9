"""`branchline audio tones` and `audio dtmf` hear in a file what a call would hear."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray
from typer.testing import CliRunner

from audio.dsp.dtmf_generator import digits_clip
from audio.dsp.progress_generator import indication_sound
from audio.errors import SoundFileError
from audio.frame import Clip
from audio.sound_file import frames_of, load_sound
from firmware.cli import app

Mix = Callable[..., NDArray[np.int16]]
Save = Callable[[NDArray[np.int16], str], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write a sound as the file's name says: rate16.wav at 16 kHz, law.ul and law.al without a header."""

    def write(sound: NDArray[np.int16], name: str) -> Path:
        path = tmp_path / name
        if path.suffix == ".wav":
            wide = "16" in name
            samples = soxr.resample(sound.astype(np.float32) / 32768, 8000, 16000) if wide else sound
            soundfile.write(path, samples, 16000 if wide else 8000, subtype="PCM_16")
        else:
            law = "ALAW" if path.suffix == ".al" else "ULAW"
            soundfile.write(path, sound, 8000, format="RAW", subtype=law)
        return path

    return write


def told(*arguments: str | Path, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["audio", *map(str, arguments), "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", ["a.wav", "a16.wav", "a.ul", "a.raw", "a.al"])
def test_tones_are_told_from_every_kind_of_file(mix: Mix, save: Save, name: str) -> None:
    sound = mix(
        300,
        indication_sound("450/350,0/350", n_cycles=3),
        1000,
        indication_sound("985.2/380,1370.6/274,1776.7/380", n_cycles=1),
        500,
    )
    path = save(sound, name)
    (row,) = told("tones", path, "--country", "cn")
    assert row["file"] == str(path)
    assert abs(row["duration_ms"] - len(sound) / 8) <= 1
    busy, sit = row["heard"]
    assert (busy["kind"], busy["tone"], busy["countries"]) == ("progress", "busy", ["CN"])
    assert abs(busy["at_ms"] - 300) <= 20
    assert abs(busy["told_ms"] - 1700) <= 40
    assert (sit["kind"], sit["code"]) == ("sit", "vacant")


@pytest.mark.parametrize("name", ["a.wav", "a16.wav", "a.ul"])
def test_keys_are_told_from_every_kind_of_file(mix: Mix, save: Save, name: str) -> None:
    (row,) = told("dtmf", save(mix(200, digits_clip("1590*#")), name))
    assert row["digits"] == "1590*#"
    assert abs(row["presses"][0]["at_ms"] - 200) <= 10
    assert abs(row["presses"][0]["duration_ms"] - 100) <= 15


@pytest.mark.parametrize(
    ("name", "rate_hz", "kind"),
    [
        pytest.param("a.wav", 8000, {"subtype": "FLOAT"}, id="8 kHz of floats"),
        pytest.param("a.wav", 44100, {"subtype": "DOUBLE"}, id="44.1 kHz of doubles"),
        pytest.param("a.wav", 8000, {"subtype": "PCM_24"}, id="24 bits"),
        pytest.param("a.wav", 8000, {"subtype": "PCM_U8"}, id="8 bits"),
        pytest.param("a.wav", 8000, {"subtype": "GSM610"}, id="GSM in WAV, whose length is not known"),
        pytest.param("a.wav", 11025, {"subtype": "IMA_ADPCM"}, id="ADPCM at 11 kHz"),
        pytest.param("a.wav", 48000, {"subtype": "PCM_32", "format": "RF64"}, id="RF64"),
        pytest.param("a.flac", 44100, {"subtype": "PCM_24"}, id="FLAC of 24 bits at 44.1 kHz"),
        pytest.param("a.ogg", 16000, {}, id="Ogg"),
    ],
)
def test_keys_are_told_from_what_other_programs_write(
    mix: Mix, tmp_path: Path, name: str, rate_hz: int, kind: dict[str, str]
) -> None:
    sound = mix(200, digits_clip("1590*#"), 1000).astype(np.float64) / 32768
    wide = soxr.resample(sound, 8000, rate_hz)
    soundfile.write(
        tmp_path / name, np.stack([0 * wide, wide], axis=1) if rate_hz > 8000 else wide, rate_hz, **kind
    )
    channel = ["--channel", "2"] if rate_hz > 8000 else []
    assert told("dtmf", tmp_path / name, *channel)[0]["digits"] == "1590*#"


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_a_file_that_breaks_off_is_heard_to_there_or_named(tmp_path: Path, seconds: float) -> None:
    """A WAV cut off in the middle (or that promises more than there is) is heard; nothing at all is silence."""
    path = tmp_path / "cut.wav"
    soundfile.write(path, np.concatenate([digits_clip("12345"), np.zeros(80_000, dtype=np.int16)]), 8000)
    path.write_bytes(path.read_bytes()[: 44 + round(seconds * 16000)])
    assert told("dtmf", path)[0]["digits"] == ("12"[: round(seconds * 6)])


@pytest.mark.parametrize(
    ("rate_hz", "message"),
    [(3, "no rate of a sound"), (0, "cannot|can be read"), (4_000_000_000, "read|rate")],
)
def test_a_header_that_lies_about_the_rate_is_named(save: Save, rate_hz: int, message: str) -> None:
    path = save(digits_clip("7"), "a.wav")
    lie = bytearray(path.read_bytes())
    lie[24:28] = rate_hz.to_bytes(4, "little")
    path.write_bytes(lie)
    assert re.search(message, told("dtmf", path, code=1)[0]["error"])


def test_a_flac_file_with_a_hole_says_where(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "hole.flac"
    soundfile.write(path, rng.normal(0, 3000, 80_000).astype(np.int16), 8000)
    torn = bytearray(path.read_bytes())
    torn[len(torn) // 2 : len(torn) // 2 + 4000] = bytes(4000)
    path.write_bytes(torn)
    assert "damaged within 1 s after 4 s" in told("dtmf", path, code=1)[0]["error"]


def test_numbers_that_are_none_are_silence(tmp_path: Path) -> None:
    sound = digits_clip("12").astype(np.float32) / 32768
    sound[len(sound) // 2 :][:100] = np.nan
    sound[-1] = np.inf
    soundfile.write(tmp_path / "a.wav", np.concatenate([sound, np.zeros(800)]), 8000, subtype="FLOAT")
    assert told("dtmf", tmp_path / "a.wav")[0]["digits"] == "12"


def test_a_file_name_with_brackets_is_printed_as_it_is(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(digits_clip("7"), "[b]call[i].wav")
    monkeypatch.chdir(path.parent)
    result = CliRunner().invoke(app, ["audio", "dtmf", path.name])
    assert result.exit_code == 0
    assert "[b]call[i].wav" in result.stdout


def test_a_call_with_nothing_in_it_tells_nothing(save: Save, greeting: Clip) -> None:
    path = save(greeting, "a.wav")
    assert told("tones", path)[0]["heard"] == []
    assert told("dtmf", path)[0]["digits"] == ""


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_heard(save: Save, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    first, second = told("dtmf", bad, save(digits_clip("7"), "good.wav"), code=1)
    assert "bad.wav" in first["error"]
    assert second["digits"] == "7"


def test_a_country_without_tones_is_refused(save: Save) -> None:
    result = CliRunner().invoke(
        app, ["audio", "tones", str(save(digits_clip("7"), "a.wav")), "--country", "XX"]
    )
    assert result.exit_code == 2


def test_the_tables_for_people_name_what_was_heard(mix: Mix, save: Save) -> None:
    path = save(mix(300, indication_sound("1100/500,0/3000", n_cycles=2)), "fax.wav")
    result = CliRunner().invoke(app, ["audio", "tones", str(path)])
    assert "fax" in result.stdout
    assert "calling" in result.stdout
    assert "5" in CliRunner().invoke(app, ["audio", "dtmf", str(save(digits_clip("5"), "five.wav"))]).stdout


def test_the_first_channel_is_heard_and_odd_tails_are_filled_up(tmp_path: Path) -> None:
    left = np.arange(1, 501, dtype=np.int16)
    soundfile.write(tmp_path / "two.wav", np.stack([left, -left], axis=1), 8000, subtype="PCM_16")
    sound = load_sound(tmp_path / "two.wav")
    assert sound.tolist() == left.tolist()
    frames = list(frames_of(sound))
    assert [len(frame) for frame in frames] == [160] * 4
    assert np.concatenate(frames)[500:].tolist() == [0] * 140
    assert load_sound(tmp_path / "two.wav", 2).tolist() == (-left).tolist()
    with pytest.raises(SoundFileError, match="no channel 3, only 2"):
        load_sound(tmp_path / "two.wav", 3)


def test_no_file_at_all_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(SoundFileError):
        load_sound(tmp_path / "none.ul")
