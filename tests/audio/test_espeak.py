"""Prompts from espeak-ng: level, privacy, and errors that say what to do."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from audio.dsp.level import active_level_dbfs
from audio.errors import SynthesisError
from audio.frame import Clip
from audio.speech.espeak import EspeakSynthesizer
from audio.speech.synthesis import Synthesizer, to_prompt


def program(folder: Path, script: str) -> str:
    path = folder / "espeak-ng"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_prompts_are_at_prompt_level_and_never_clipped(speech: dict[str, list[Clip]], language: str) -> None:
    for clip in speech[language]:
        assert clip.dtype == np.int16
        assert not clip.flags.writeable
        assert int(np.abs(clip).max()) <= 0.9 * 32768
        assert -23 <= active_level_dbfs(clip) <= -19.5


def test_a_quiet_and_a_peaky_sound_are_brought_to_level_without_clipping() -> None:
    rng = np.random.default_rng(1)
    quiet = to_prompt((rng.normal(0, 0.001, 44_100)).astype(np.float32), 44_100)
    assert active_level_dbfs(quiet) == pytest.approx(-20, abs=0.3)
    assert len(quiet) == 8000
    peaky = rng.normal(0, 0.001, 8000).astype(np.float32)
    peaky[100] = 0.9
    assert int(np.abs(to_prompt(peaky, 8000)).max()) == pytest.approx(0.89 * 32768, abs=2)
    assert not to_prompt(np.zeros(100, dtype=np.float32), 8000).any()


def test_languages_and_speeds_differ() -> None:
    slow: Synthesizer = EspeakSynthesizer(words_per_minute=120)
    quick = EspeakSynthesizer(words_per_minute=200)
    assert len(slow.render("123", "en-GB")) > 1.2 * len(quick.render("123", "en-GB"))
    assert len(slow.render("123", "zh-CN")) != len(slow.render("123", "en"))
    assert slow.name != quick.name
    assert slow.name.startswith("espeak-ng-1")


@pytest.mark.parametrize(
    ("text", "language"), [("bonjour", "fr"), ("", "en"), ("  ", "en"), ("x" * 2001, "en"), ("a\0b", "en")]
)
def test_what_cannot_be_spoken_is_refused(text: str, language: str) -> None:
    with pytest.raises(SynthesisError):
        EspeakSynthesizer().render(text, language)


def test_a_missing_program_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match="apt-get install espeak-ng"):
        EspeakSynthesizer(program=str(tmp_path / "none")).render("hello", "en")


@pytest.mark.parametrize("script", ["exit 3", "echo no sound", "true"])
def test_a_broken_program_is_told_without_the_phrase(tmp_path: Path, script: str) -> None:
    with pytest.raises(SynthesisError) as caught:
        EspeakSynthesizer(program=program(tmp_path, "cat > /dev/null; " + script)).render(
            "Mr Wang owes 99", "en"
        )
    assert "Wang" not in str(caught.value)
    assert caught.value.__cause__ is None or "Wang" not in str(caught.value.__cause__)


def test_the_phrase_is_on_no_command_line(tmp_path: Path) -> None:
    log = tmp_path / "arguments"
    path = program(tmp_path, f'echo "$@" >> {log}; exec espeak-ng "$@"')
    os.environ.setdefault("PATH", "/usr/bin:/bin")
    EspeakSynthesizer(program=path).render("Wang owes 99", "en")
    assert "--stdin" in log.read_text()
    assert "Wang" not in log.read_text()
