"""A speech process may hang, die, talk nonsense or not start: it costs the phrase, and the next engine speaks."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import structlog

from audio.dsp.level import active_level_dbfs
from audio.errors import SynthesisError
from audio.frame import Clip, freeze
from audio.speech.clip_cache import ClipCache
from audio.speech.engine_process import EngineProcess
from audio.speech.engine_wire import Reply, line_of, reply_of
from audio.speech.voices import Voices

ENGINE = """
import os, signal, sys
import numpy as np
from audio.errors import SynthesisError
from audio.speech.engine_worker import serve

class Toy:
    def speak(self, text, language):
        if text == "hang": signal.pause()
        if text == "die": os._exit(9)
        if text == "raise": raise RuntimeError("secret " + text)
        if text == "cannot": raise SynthesisError("this voice has no such word")
        if text == "nonsense": os.write(1, b"what?\\n"); signal.pause()
        if text == "endless": os.write(1, b"x" * 100000); signal.pause()
        if text == "huge": os.write(1, b'{"n_samples":99999999999,"rate_hz":24000}\\n'); signal.pause()
        if text == "short": os.write(1, b'{"n_samples":24000,"rate_hz":24000}\\nabc'); os._exit(0)
        if text == "nan": return np.full(2400, np.nan, dtype=np.float32), 24000
        if text == "silent": return np.zeros(2400, dtype=np.float32), 24000
        if text == "none": return np.zeros(0, dtype=np.float32), 24000
        if text == "nice": return np.full(2400, os.nice(0) / 100, dtype=np.float32), 24000
        return np.sin(np.arange(24000) * 0.1).astype(np.float32) * 3, 24000

def start():
    if sys.argv[1] == "broken": raise SynthesisError("the model is not there")
    if sys.argv[1] == "crash": raise ImportError("x")
    if sys.argv[1] == "mute": signal.pause()
    return Toy()

serve(start, 0, sys.stdout.buffer, idle_s=0.05 if sys.argv[1] == "restless" else 60)
"""


@contextmanager
def toy(how: str = "fine", **limits: float) -> Iterator[EngineProcess]:
    engine = EngineProcess(
        [how],
        name="toy-1",
        program=(sys.executable, "-c", ENGINE),
        **{"render_base_s": 0.5, "render_s_per_character": 0.0, **limits},
    )
    try:
        yield engine
    finally:
        engine.close()
    assert engine.pid is None


def test_one_process_speaks_phrase_after_phrase() -> None:
    with toy() as engine:
        assert engine.pid is None, "it starts when there is something to say"
        clip = engine.render("hello", "en")
        pid = engine.pid
        assert 7900 <= len(clip) <= 8000
        assert active_level_dbfs(clip) == pytest.approx(-20.0, abs=0.5)
        engine.render("again", "en")
        assert engine.pid == pid != os.getpid()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hang", "in time"),
        ("die", "died"),
        ("nonsense", "nonsense"),
        ("endless", "nonsense"),
        ("huge", "nonsense"),
        ("short", "died"),
    ],
)
def test_a_process_that_fails_is_replaced_and_its_phrase_not_tried_again(text: str, says: str) -> None:
    with toy() as engine:
        engine.render("hello", "en")
        pid = engine.pid
        with pytest.raises(SynthesisError, match=says):
            engine.render(text, "en")
        with pytest.raises(SynthesisError, match="before"):
            engine.render(text, "en")
        engine.render("hello", "en")
        assert engine.pid != pid


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("raise", "RuntimeError"),
        ("cannot", "no such word"),
        ("nan", "damaged"),
        ("silent", "silent"),
        ("none", "silence"),
    ],
)
def test_a_phrase_that_cannot_be_spoken_costs_no_process(text: str, says: str) -> None:
    with toy() as engine:
        engine.render("hello", "en")
        pid = engine.pid
        with pytest.raises(SynthesisError, match=says) as caught:
            engine.render(text, "en")
        assert "secret" not in str(caught.value)
        engine.render("hello", "en")
        assert engine.pid == pid


@pytest.mark.parametrize(
    ("how", "says"), [("broken", "not there"), ("crash", "ImportError"), ("mute", "in time")]
)
def test_an_engine_that_does_not_start_says_why_and_rests_after_three(how: str, says: str) -> None:
    with toy(how, start_timeout_s=3.0 if how != "mute" else 0.3) as engine:
        for number in range(3):
            with pytest.raises(SynthesisError, match=says):
                engine.render(f"phrase {number}", "en")
        with pytest.raises(SynthesisError, match="rests"):
            engine.render("another", "en")
        assert engine.pid is None


def test_a_process_that_ended_for_want_of_work_is_started_again() -> None:
    with toy("restless") as engine:
        engine.render("hello", "en")
        pid = engine.pid
        assert pid is not None
        give_up_s = time.monotonic() + 10
        while engine.pid is not None and time.monotonic() < give_up_s:
            os.sched_yield()
        assert engine.pid is None
        engine.render("hello", "en")
        assert engine.pid != pid


def test_a_process_that_was_killed_between_phrases_costs_nothing() -> None:
    with toy() as engine:
        engine.render("hello", "en")
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        assert len(engine.render("again", "en")) > 7000


def test_closing_does_not_wait_for_a_phrase() -> None:
    failed: list[str] = []
    with toy(render_base_s=60.0) as engine:
        engine.render("hello", "en")

        def hang() -> None:
            try:
                engine.render("hang", "en")
            except SynthesisError as error:
                failed.append(str(error))

        thread = threading.Thread(target=hang)
        thread.start()
        engine.close()
        thread.join(10)
    assert failed
    with pytest.raises(SynthesisError, match="closed"):
        engine.render("hello", "en")


def test_the_worker_itself_has_low_priority_and_says_what_is_missing(tmp_path: Path) -> None:
    engine = EngineProcess(["kokoro", str(tmp_path), "zh=zf_xiaoxiao"], name="kokoro-none")
    try:
        with pytest.raises(SynthesisError, match="branchline models"):
            engine.render("你好", "zh-CN")
    finally:
        engine.close()


def test_a_reply_of_impossible_length_is_no_reply() -> None:
    assert reply_of(line_of(Reply(n_samples=5, rate_hz=8000))).n_samples == 5
    for line in (b"{}x", b'{"n_samples":5,"rate_hz":0}', b'{"n_samples":-5,"rate_hz":8000}', b"[1]", b"\xff"):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever the decoder calls it
            reply_of(line)


class Stand:
    """Speaks anything at once."""

    name = "stand-in"

    def __init__(self) -> None:
        self.rendered: list[str] = []

    def render(self, text: str, language: str) -> Clip:
        self.rendered.append(text)
        return freeze(np.full(800, 7, dtype=np.int16))


def test_the_next_engine_speaks_what_the_first_could_not_with_one_warning(tmp_path: Path) -> None:
    stand_in = Stand()
    with toy() as engine, structlog.testing.capture_logs() as logs:
        cache = ClipCache(Voices({"en": (engine, stand_in)}), tmp_path)
        wanted = ["hello", "hang", "die"]
        clips = asyncio.run(cache.prepare(wanted, "en"))
        assert sorted(stand_in.rendered) == ["die", "hang"], "whichever was given up first"
        assert clips["die"].tolist() == [7] * 800 != clips["hello"].tolist()
        assert all(cache.get(phrase, "en") is clips[phrase] for phrase in wanted)
        again = asyncio.run(cache.prepare(wanted, "en"))
        assert all(again[phrase] is clips[phrase] for phrase in wanted), "kept, by whom it was spoken"
    warned = [entry for entry in logs if entry["event"] == "speech_engine_failed"]
    assert len({entry["reason"] for entry in warned}) == len(warned) <= 3
    assert not any("hello" in str(entry) for entry in logs)
    with pytest.raises(SynthesisError, match="no engine"):
        asyncio.run(cache.prepare(["hallo"], "de"))
