"""A recording is played for the words beside it, in its language, and for no others."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.dsp.level import active_level_dbfs
from audio.errors import NotRecordedError, PromptFileError, SynthesisError
from audio.frame import Clip, freeze
from audio.speech.clip_cache import ClipCache
from audio.speech.recorded import RecordedVoice, look_through
from audio.speech.voices import Voices


class Machine:
    """Speaks everything as ones."""

    name = "machine"

    def render(self, text: str, language: str) -> Clip:
        return freeze(np.ones(500, dtype=np.int16))


def record(folder: Path, name: str, words: str | None, hertz: float = 400.0) -> Path:
    path = folder / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * np.sin(np.arange(16_000) * 2 * np.pi * hertz / 16_000), 16_000)
    if words is not None:
        path.with_suffix(".txt").write_text(words, encoding="utf-8")
    return path


def test_words_decide_not_punctuation_width_or_the_files_name(tmp_path: Path) -> None:
    record(tmp_path / "zh-CN" / "spring", "anything", "您好，我是\n")
    voice = RecordedVoice(look_through(tmp_path))
    clip = voice.render("您好，我是", "zh-CN")
    assert 7900 <= len(clip) <= 8000
    assert active_level_dbfs(clip) == pytest.approx(-20.0, abs=0.5)
    assert len(voice.render("您好 我是。", "zh-CN")) == len(clip)
    for text, language in (("您好，我是", "en"), ("您好，我不是", "zh-CN"), ("您好", "zh-CN")):
        with pytest.raises(NotRecordedError):
            voice.render(text, language)


def test_a_sound_without_its_words_is_never_played(tmp_path: Path) -> None:
    record(tmp_path / "en", "opening", None)
    record(tmp_path / "en", "closing", "Goodbye.")
    (tmp_path / "en" / "later.txt").write_text("To be recorded.")
    found = look_through(tmp_path)
    assert [path.name for path in found.unbound] == ["opening.wav"]
    assert found.unrecorded == 1
    assert list(found.by_words) == [("en", "goodbye")]


def test_recorded_clips_come_first_and_the_machine_says_the_rest(tmp_path: Path) -> None:
    path = record(tmp_path / "en", "greeting", "Hello, this is")

    def prepared() -> dict[str, Clip]:
        voices = Voices({"en": (RecordedVoice(look_through(tmp_path)), Machine())})
        cache = ClipCache(voices, tmp_path / "cache")
        return dict(asyncio.run(cache.prepare(["Hello, this is ", "ACME's "], "en")))

    first = prepared()
    assert first["ACME's "].tolist() == [1] * 500
    assert len(first["Hello, this is "]) > 7000
    record(tmp_path / "en", "greeting", "Hello, this is", hertz=900.0)
    assert np.argmax(np.abs(np.fft.rfft(prepared()["Hello, this is "][:8000]))) > 800, (
        "a new recording is heard"
    )
    path.with_suffix(".txt").write_text("Good evening, this is")
    assert prepared()["Hello, this is "].tolist() == [1] * 500, (
        "the wording was changed: the old sound is silent"
    )


def test_a_damaged_recording_is_named_and_the_machine_speaks(tmp_path: Path) -> None:
    path = record(tmp_path / "en", "greeting", "Hello")
    path.write_bytes(b"no sound")
    voice = RecordedVoice(look_through(tmp_path))
    with pytest.raises(SynthesisError, match=r"greeting\.wav"):
        voice.render("Hello", "en")
    cache = ClipCache(Voices({"en": (voice, Machine())}), None)
    assert asyncio.run(cache.prepare(["Hello"], "en"))["Hello"].tolist() == [1] * 500


def test_a_text_that_is_no_text_is_told(tmp_path: Path) -> None:
    record(tmp_path / "en", "greeting", "Hello").with_suffix(".txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PromptFileError, match="cannot be read"):
        look_through(tmp_path)
