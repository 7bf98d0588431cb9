"""`branchline audio transcribe` says of a recording what a call would have understood."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from audio.frame import Clip
from audio.speech.espeak import EspeakSynthesizer
from firmware.cli import app

Mix = Callable[..., NDArray[np.int16]]


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["audio", "transcribe", *map(str, arguments)])


@pytest.fixture(scope="module")
def answer() -> Clip:
    return EspeakSynthesizer(words_per_minute=150).render("wrong number", "en")


@pytest.mark.parametrize("name", ["a.wav", "a16.wav", "a.ul"])
def test_utterances_are_told_with_their_times(mix: Mix, tmp_path: Path, answer: Clip, name: str) -> None:
    sound = mix(1000, answer, 2000, answer, 500)
    path = tmp_path / name
    if name.endswith(".ul"):
        soundfile.write(path, sound, 8000, format="RAW", subtype="ULAW")
    elif "16" in name:
        soundfile.write(path, soxr.resample(sound.astype(np.float32) / 32768, 8000, 16000), 16000)
    else:
        soundfile.write(path, sound, 8000)
    done = invoke("--language", "en", "--expect", "wrong number", "--expect", "yes", "--json", path)
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert row["file"] == str(path)
    assert [one["text"] for one in row["utterances"]] == ["wrong number"] * 2
    second_ms = 3000 + len(answer) / 8
    for one, begin_ms in zip(row["utterances"], (1000, second_ms), strict=True):
        assert abs(one["start_ms"] - begin_ms) <= 250
        assert one["start_ms"] < one["end_ms"] <= begin_ms + len(answer) / 8 + 100
        assert 0.5 <= one["confidence"] <= 1.0
        assert one["engine"] == "pocketsphinx"


def test_the_table_for_people(mix: Mix, tmp_path: Path, answer: Clip) -> None:
    soundfile.write(tmp_path / "said.wav", mix(800, answer, 800), 8000)
    soundfile.write(tmp_path / "quiet.wav", mix(3000), 8000)
    done = invoke(
        "--language", "en", "--expect", "wrong number", tmp_path / "said.wav", tmp_path / "quiet.wav"
    )
    assert done.exit_code == 0
    assert "wrong number" in done.stdout
    assert "(nobody" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--language", "zh"), "models fetch whisper-base"),
        (("--language", "de"), "zh or en"),
        (("--language", "en", "--expect", "x" * 200), "80 characters"),
        (("--language", "en", "--expect", "yes", "--models", "/no/such/folder"), "no folder"),
        (("--language", "en", "--expect", "yes", "--speech", "magic"), "silero"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(
    mix: Mix, tmp_path: Path, arguments: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "a.wav", mix(500), 8000)
    done = invoke(*arguments, tmp_path / "a.wav")
    assert done.exit_code == 2
    assert says in done.output
    assert "Traceback" not in done.output


def test_without_expectations_the_commonest_answers_are_heard(mix: Mix, tmp_path: Path, answer: Clip) -> None:
    soundfile.write(tmp_path / "a.wav", mix(800, answer, 800), 8000)
    done = invoke("--language", "en", "--json", tmp_path / "a.wav")
    assert done.exit_code == 0
    assert json.loads(done.stdout)[0]["utterances"][0]["text"] == "wrong number"
    assert "models fetch whisper-base" in done.stderr


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_heard(
    mix: Mix, tmp_path: Path, answer: Clip
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    soundfile.write(tmp_path / "good.wav", mix(800, answer, 800), 8000)
    done = invoke(
        "--language", "en", "--expect", "wrong number", "--json", tmp_path / "bad.wav", tmp_path / "good.wav"
    )
    assert done.exit_code == 1
    bad, good = json.loads(done.stdout)
    assert "bad.wav" in bad["error"]
    assert good["utterances"][0]["text"] == "wrong number"
