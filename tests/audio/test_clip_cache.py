"""Prompts are rendered once, kept bounded and private, and ready at once during a call."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.errors import ClipMissingError, PromptFileError, SynthesisError
from audio.frame import Clip, freeze
from audio.speech.clip_cache import ClipCache
from audio.speech.prompt_file import load_wav_prompt


class CountingSynthesizer:
    """Makes a clip out of a phrase's length, and counts."""

    def __init__(self, name: str = "counting-1") -> None:
        self._name = name
        self.rendered: list[str] = []
        self.threads: set[int] = set()

    @property
    def name(self) -> str:
        return self._name

    def render(self, text: str, language: str) -> Clip:
        self.rendered.append(text)
        self.threads.add(threading.get_ident())
        if text == "unspeakable":
            raise SynthesisError("it has nothing to say")
        return freeze(np.full(1000, len(text), dtype=np.int16))


@pytest.fixture
def voice() -> CountingSynthesizer:
    return CountingSynthesizer()


def test_a_phrase_is_rendered_once_off_the_loop_and_got_at_once(voice: CountingSynthesizer) -> None:
    async def work() -> None:
        cache = ClipCache(voice, None, executor=pool)
        prepared = await cache.prepare(["one", "three", "one"], "en")
        assert sorted(prepared) == ["one", "three"]
        assert cache.get("three", "en") is prepared["three"]
        await asyncio.gather(*(cache.prepare(["one", "seven"], "en") for _ in range(5)))
        assert sorted(voice.rendered) == ["one", "seven", "three"]
        with pytest.raises(ClipMissingError):
            cache.get("one", "zh-CN")
        assert threading.get_ident() not in voice.threads

    with ThreadPoolExecutor(2) as pool:
        asyncio.run(work())


def test_nothing_missing_says_the_phrase(voice: CountingSynthesizer) -> None:
    cache = ClipCache(voice, None)
    with pytest.raises(ClipMissingError) as caught:
        cache.get("Mr Wang", "en")
    assert "Wang" not in str(caught.value)


def test_memory_is_bounded_and_what_a_call_holds_stays(voice: CountingSynthesizer) -> None:
    async def work() -> None:
        cache = ClipCache(voice, None, max_bytes=5000)  # two clips of 2000 bytes
        held = await cache.prepare(["a", "bb"], "en")
        cache.get("a", "en")  # used last, so bb goes first
        await cache.prepare(["ccc"], "en")
        assert cache.n_bytes <= 5000
        assert cache.get("a", "en").tolist() == [1] * 1000
        with pytest.raises(ClipMissingError):
            cache.get("bb", "en")
        assert held["bb"].tolist() == [2] * 1000
        whole = await cache.prepare([f"phrase {'x' * n}" for n in range(9)], "en")
        assert len(whole) == 9
        assert cache.n_bytes <= 5000

    asyncio.run(work())


def test_files_outlive_the_process_and_are_private_and_bounded(
    voice: CountingSynthesizer, tmp_path: Path
) -> None:
    folder = tmp_path / "prompts"

    async def work() -> None:
        await ClipCache(voice, folder).prepare(["one", "three"], "en")
        again = CountingSynthesizer()
        clips = await ClipCache(again, folder).prepare(["one", "three"], "en")
        assert again.rendered == []
        assert clips["three"].tolist() == [5] * 1000
        other = CountingSynthesizer("another-voice")
        await ClipCache(other, folder).prepare(["one"], "en")
        assert other.rendered == ["one"]
        await ClipCache(voice, folder, max_bytes=5000).prepare(["x" * n for n in range(2, 9)], "en")

    asyncio.run(work())
    files = list(folder.iterdir())
    assert sum(path.stat().st_size for path in files) <= 5000
    assert {path.suffix for path in files} == {".wav"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not any("one" in path.name for path in files)


def test_a_damaged_file_is_rendered_anew(voice: CountingSynthesizer, tmp_path: Path) -> None:
    async def work() -> None:
        await ClipCache(voice, tmp_path).prepare(["one"], "en")
        (path,) = tmp_path.glob("*.wav")
        path.write_bytes(path.read_bytes()[:20])
        clips = await ClipCache(voice, tmp_path).prepare(["one"], "en")
        assert clips["one"].tolist() == [3] * 1000
        assert voice.rendered == ["one", "one"]

    asyncio.run(work())


def test_a_disk_that_fails_does_not_stop_the_calls(voice: CountingSynthesizer, tmp_path: Path) -> None:
    async def work() -> None:
        in_the_way = tmp_path / "prompts"
        in_the_way.write_bytes(b"a file, not a folder")
        clips = await ClipCache(voice, in_the_way).prepare(["one"], "en")
        assert clips["one"].tolist() == [3] * 1000

    asyncio.run(work())


def test_one_phrase_that_fails_is_told_and_the_others_are_kept(voice: CountingSynthesizer) -> None:
    async def work() -> None:
        cache = ClipCache(voice, None)
        with pytest.raises(SynthesisError, match="nothing to say"):
            await cache.prepare(["one", "unspeakable"], "en")
        assert cache.get("one", "en").tolist() == [3] * 1000

    asyncio.run(work())


def test_recorded_prompts_of_any_rate_are_loaded(tmp_path: Path, tone: Callable[..., Clip]) -> None:
    time_s = np.arange(44_100) / 44_100
    stereo = np.stack([0.1 * np.sin(2 * np.pi * 500 * time_s), np.zeros(44_100)], axis=1)
    soundfile.write(tmp_path / "p.wav", stereo, 44_100, subtype="PCM_24")
    clip = load_wav_prompt(tmp_path / "p.wav")
    assert len(clip) == 8000
    assert np.argmax(np.abs(np.fft.rfft(clip))) == 500


@pytest.mark.parametrize("kind", ["GSM610", "FLOAT", "PCM_24", "IMA_ADPCM"])
def test_a_prompt_may_be_of_any_kind_that_is_found_in_exchanges(tmp_path: Path, kind: str) -> None:
    """GSM in WAV, Asterisk's own kind, cannot tell how long it is; numbers that are none are silence."""
    time_s = np.arange(8000) / 8000
    sound = 0.2 * np.sin(2 * np.pi * 440 * time_s)
    if kind == "FLOAT":
        sound[4000] = np.nan
    soundfile.write(tmp_path / "p.wav", sound, 8000, subtype=kind)
    clip = load_wav_prompt(tmp_path / "p.wav")
    assert 7800 <= len(clip) <= 8400
    assert abs(float(np.sqrt(np.mean((clip[400:3900] / 32768.0) ** 2))) - 0.1) < 0.01


@pytest.mark.parametrize("content", [b"", b"not a sound", None])
def test_a_prompt_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "greeting.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PromptFileError, match=r"greeting\.wav"):
        load_wav_prompt(path)
    soundfile.write(path, np.zeros(0), 8000)
    with pytest.raises(PromptFileError, match="empty"):
        load_wav_prompt(path)
