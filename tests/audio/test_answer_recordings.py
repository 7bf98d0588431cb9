"""Calls staged from a folder of recorded clips: whose they are, where the words end, and what is left out."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.speech.espeak import EspeakSynthesizer
from benchmarks import answer_recordings
from benchmarks.answer_channels import Line
from benchmarks.answer_recordings import clips_of, half_of, load, machine_calls, people_calls

CLEAN = Line()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    voice = EspeakSynthesizer()
    for person in ("anna", "ben"):
        (folder / "people" / "words" / person).mkdir(parents=True)
        for name, text in (("hello", "Hello?"), ("yes", "Yes?"), ("who", "Who is there?")):
            said = voice.render(text, "en")
            soundfile.write(folder / "people" / "words" / person / f"{name}.wav", said, 8000)
    (folder / "machines" / "voicemail").mkdir(parents=True)
    message = voice.render("You have reached Mary. Please leave a message after the tone.", "en")
    soundfile.write(folder / "machines" / "voicemail" / "long.wav", np.repeat(message, 2), 16_000)
    soundfile.write(folder / "machines" / "voicemail" / "short.wav", message[:8000], 8000)
    return folder


def test_a_voice_is_the_folder_that_its_clips_lie_in(recordings: Path) -> None:
    voices = clips_of(recordings / "people")
    assert sorted(voices) == ["words/anna", "words/ben"]
    assert [len(paths) for paths in voices.values()] == [3, 3]
    halves = [half_of(f"voice {number}") for number in range(400)]
    assert 150 < halves.count("seen") < 250
    assert halves == [half_of(f"voice {number}") for number in range(400)]


def test_people_say_something_short_and_wait(recordings: Path) -> None:
    voices = clips_of(recordings / "people")
    staged = list(people_calls(voices, 3, CLEAN, -20.0))
    assert len(staged) == 6
    for call in staged:
        level = np.abs(call.pcm.astype(np.float64)).reshape(-1)
        first, end = round(call.first_begin_s * 8000), round(call.first_end_s * 8000)
        assert level[: first - 80].max() < 0.1 * level[first:end].max()
        assert level[-16_000:].max() < 0.1 * level[first:end].max()  # and then they are quiet
        assert call.answer == "human"
    assert [one.name for one in people_calls(voices, 3, CLEAN, -20.0)] == [one.name for one in staged]


def test_what_is_too_short_for_a_machine_is_left_out(recordings: Path) -> None:
    staged = list(machine_calls(clips_of(recordings / "machines"), 9, CLEAN, -20.0))
    assert [call.name for call in staged] == ["voicemail/long"]
    assert staged[0].spoken_end_s - staged[0].first_begin_s > 2


def test_of_two_channels_the_louder_one_is_the_callees(recordings: Path, tmp_path: Path) -> None:
    said, _ = soundfile.read(recordings / "people" / "words" / "anna" / "hello.wav")
    hiss = np.random.default_rng(1).normal(0, 0.001, len(said))
    soundfile.write(tmp_path / "two.wav", np.stack([hiss, said], axis=1), 8000)
    both, room = load(tmp_path / "two.wav")
    alone, _ = load(recordings / "people" / "words" / "anna" / "hello.wav")
    assert len(both) == len(alone)
    assert room == 0.0  # the clip is all word
    in_room = np.concatenate([hiss, said + hiss, hiss])
    soundfile.write(tmp_path / "room.wav", in_room, 8000)
    assert 0.0005 < load(tmp_path / "room.wav")[1] < 0.005
    soundfile.write(tmp_path / "nothing.wav", hiss, 8000)
    assert not len(load(tmp_path / "nothing.wav")[0])


def test_the_report_counts_people_taken_for_recordings(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--people", str(recordings / "people"), "--machines", str(recordings / "machines")]
    monkeypatch.setattr(
        sys,
        "argv",
        [
            "x",
            *given,
            "--people-each",
            "1",
            "--only",
            "clean",
            "--no-words",
            "--jobs",
            "1",
            "--out",
            str(tmp_path),
        ],
    )
    answer_recordings.main()
    assert "people taken for recordings 0 of 2" in capsys.readouterr().out
    figures = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["clean"]
    assert figures["right_by_set"] == {"human words": "2 of 2", "machine voicemail": "1 of 1"}
    assert "| human | 2 |" in (tmp_path / "report.md").read_text(encoding="utf-8")
