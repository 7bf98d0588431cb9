"""People who really speak."""

import shutil

import numpy as np
import pytest

from modem_drivers.simulator import SimulatorError
from modem_drivers.simulator.espeak_voice import espeak_voice
from modem_drivers.simulator.tones import rms_dbfs


@pytest.mark.parametrize(("text", "language"), [("喂，你好，哪位？", "zh-CN"), ("Hello, who is this?", "en")])
def test_words_come_out_as_sound_at_a_telephones_level(text: str, language: str) -> None:
    assert shutil.which("espeak-ng"), "apt-get install espeak-ng"
    pcm = np.frombuffer(espeak_voice(text, language), "<i2").astype(np.int16)
    assert 0.7 < len(pcm) / 8000 < 5.0
    assert rms_dbfs(pcm) == pytest.approx(-20.0, abs=1.0)


def test_a_missing_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SimulatorError, match="apt-get install espeak-ng"):
        espeak_voice("hello", "en")


def test_a_language_nobody_speaks() -> None:
    with pytest.raises(SimulatorError, match="cannot speak"):
        espeak_voice("hello", "xx-nowhere")
