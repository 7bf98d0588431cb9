"""Who speaks on a box: what [speech] asks for, as far as the machine has it; and what to record."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soundfile
import structlog
from typer.testing import CliRunner

from audio.models import ModelShelf
from audio.speech.clip_cache import ClipCache
from firmware.daemon.checkup import _speech
from firmware.dialogue.loader import load_flow
from firmware.dialogue.speaking import in_words
from firmware.settings import Settings, SettingsError, load_settings
from firmware.settings_sections import SpeechSection, VoiceSection
from firmware.speech import voices
from firmware.speech.command import clips_to_record, speech_app
from firmware.speech.voices import KOKORO, PIPER, voices_of_box

EXAMPLE = Path(__file__).parents[3] / "examples" / "overdue-reminder.yaml"
BOX = """
[box]
id = "b"
tenant = "t"
time_zone = "Asia/Shanghai"
data_dir = "data"
[mqtt]
host = "mqtt.example.org"
ca = "ca.crt"
certificate = "box.crt"
key = "box.key"
[console]
keys = ["a.pem"]
recording_recipients = ["age1qqq"]
"""


@pytest.fixture
def shelf_with_kokoro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder that looks whole (empty files of the right size) and a machine that has all modules."""
    shelf = ModelShelf(tmp_path / "models")
    for model in (KOKORO, PIPER):
        for file in shelf.model(model).file:
            path = shelf.path(model) / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as hole:
                hole.truncate(file.n_bytes)
    monkeypatch.setattr(voices, "find_spec", lambda _name: object())
    monkeypatch.setattr(voices, "_memory_bytes", lambda: 4_000_000_000)
    return shelf.folder


def speaking(section: SpeechSection) -> dict[str, tuple[str, ...]]:
    return {report.language: report.speaking for report in voices_of_box(section).reports}


def test_without_models_espeak_speaks_and_each_missing_engine_is_named_once(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        box = voices_of_box(SpeechSection(models_dir=str(tmp_path)))
        box.warn()
    assert {report.language: report.speaking for report in box.reports} == {
        "en": ("espeak",),
        "zh": ("espeak",),
    }
    told = [(entry["language"], entry["engine"]) for entry in logs]
    assert told == [("en", "kokoro"), ("en", "piper"), ("zh", "kokoro")]
    assert all("branchline models fetch" in entry["reason"] and entry["then"] == "espeak" for entry in logs)


def test_what_is_there_speaks_in_the_order_asked_for(shelf_with_kokoro: Path) -> None:
    folder = str(shelf_with_kokoro)
    assert speaking(SpeechSection(models_dir=folder)) == {
        "en": ("kokoro", "piper", "espeak"),
        "zh": ("kokoro", "espeak"),
    }
    section = SpeechSection(
        models_dir=folder, en=VoiceSection(engines=["piper"]), zh=VoiceSection(engines=["piper", "kokoro"])
    )
    box = voices_of_box(section)
    assert {report.language: report.speaking for report in box.reports} == {
        "en": ("piper",),
        "zh": ("kokoro",),
    }
    assert "no voice for zh" in box.reports[1].missing[0][1]


def test_both_languages_share_one_process_and_its_name_tells_the_voices(shelf_with_kokoro: Path) -> None:
    def first(voice: str) -> tuple[object, object]:
        section = SpeechSection(
            models_dir=str(shelf_with_kokoro), en=VoiceSection(engines=["kokoro"], voice=voice)
        )
        chosen = voices_of_box(section).voices
        return chosen.of("en-GB")[0], chosen.of("zh-CN")[0]

    english, chinese = first("bf_emma")
    assert english is chinese
    assert english.name != first("af_heart")[0].name  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("voice", "memory", "why"),
    [("zz_nobody", 4_000_000_000, "no voice 'zz_nobody'"), ("", 1_000_000_000, "too little memory")],
)
def test_why_kokoro_does_not_speak(
    shelf_with_kokoro: Path, monkeypatch: pytest.MonkeyPatch, voice: str, memory: int, why: str
) -> None:
    monkeypatch.setattr(voices, "_memory_bytes", lambda: memory)
    section = SpeechSection(
        models_dir=str(shelf_with_kokoro), zh=VoiceSection(engines=["kokoro", "espeak"], voice=voice)
    )
    report = voices_of_box(section).reports[1]
    assert report.speaking == ("espeak",)
    assert why in report.missing[0][1]


def test_check_says_who_speaks_and_which_recordings_are_of_no_use(tmp_path: Path) -> None:
    folder = tmp_path / "recorded" / "en"
    folder.mkdir(parents=True)
    soundfile.write(folder / "hello.wav", np.sin(np.arange(8000) / 3) / 3, 8000)
    (tmp_path / "box.toml").write_text(
        BOX + f"[speech]\nmodels_dir = '{tmp_path}'\nrecordings_dir = 'recorded'\n", encoding="utf-8"
    )
    settings = load_settings(tmp_path / "box.toml")
    assert settings.speech.recordings_dir == str(tmp_path / "recorded")

    def findings(given: Settings) -> dict[str, tuple[bool, str]]:
        return {finding.what: (finding.passed, finding.detail) for finding in _speech(given)}

    found = findings(settings)
    assert found["speech zh"][0]
    assert found["speech zh"][1].startswith("recordings, then espeak | no kokoro: ")
    assert not found["recordings"][0]
    assert "hello.wav" in found["recordings"][1]
    (folder / "hello.txt").write_text("Hello")
    assert findings(settings)["recordings"] == (True, "1 phrases recorded, 0 texts without a sound")


@pytest.mark.parametrize(
    "text",
    [
        "[speech.en]\nengines = ['kokro']",
        "[speech.en]\nengines = []",
        "[speech]\nmodel_dir = 'x'",
        "[speech.fr]",
    ],
)
def test_a_wrong_speech_section_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "box.toml").write_text(BOX + text, encoding="utf-8")
    with pytest.raises(SettingsError, match="speech"):
        load_settings(tmp_path / "box.toml")


def test_the_script_names_every_clip_that_is_alike_for_all_and_a_recording_of_it_is_played(
    tmp_path: Path,
) -> None:
    flow = load_flow(EXAMPLE.read_text(encoding="utf-8"), source="example")
    clips = dict(clips_to_record(flow))
    assert clips["zh-CN/overdue-reminder/promise_thanks.txt"] == "记下了，非常感谢，再见！"
    assert clips["zh-CN/overdue-reminder/opening.1.txt"] == "您好，我是"
    assert (
        clips["en/overdue-reminder/ask_person.3.txt"] == "For yes press one, for no two, wrong number three."
    )
    assert not any("{" in words for words in clips.values())
    done = CliRunner().invoke(speech_app, ["script", str(EXAMPLE), "--folder", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert len(list(tmp_path.rglob("*.txt"))) == len(clips)
    again = CliRunner().invoke(speech_app, ["script", str(EXAMPLE), "--folder", str(tmp_path)])
    assert "0 texts written" in again.output
    soundfile.write(
        tmp_path / "en/overdue-reminder/ask_person.3.wav", np.sin(np.arange(24_000) / 3) / 3, 8000
    )
    box = voices_of_box(SpeechSection(models_dir=str(tmp_path), recordings_dir=str(tmp_path)))
    cache = ClipCache(box.voices, None)
    phrase = in_words("For yes press 1, for no 2, wrong number 3.", "en")
    (clip,) = asyncio.run(cache.prepare([phrase], "en")).values()
    assert 23_500 <= len(clip) <= 24_500


def test_say_writes_a_prompt_and_says_who_spoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRANCHLINE_MODELS", str(tmp_path))
    wav = tmp_path / "x.wav"
    done = CliRunner().invoke(speech_app, ["say", "Press 1.", "--out", str(wav)])
    assert done.exit_code == 0, done.output
    assert "espeak-ng" in done.output
    assert soundfile.info(wav).samplerate == 8000
    for arguments, says in (
        (["say", "x", "--language", "fr"], "no voice"),
        (["say", "x", "--engine", "hal"], "no engine"),
        (["say", "x", "--engine", "kokoro"], "branchline models fetch"),
        (["script", "none.yaml", "--folder", str(tmp_path)], "none.yaml"),
    ):
        refused = CliRunner().invoke(speech_app, arguments)
        assert refused.exit_code != 0
        assert says in refused.output
