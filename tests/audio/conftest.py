"""Signals, speech and a virtual-time loop for the audio tests."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from audio.frame import Clip, Frame
from audio.speech.espeak import EspeakSynthesizer

T = TypeVar("T")
Samples = NDArray[np.float64]

CHINESE = (
    "您好，您拨打的用户暂时无法接听，请在提示音后留言，录音完毕后挂机即可。",
    "喂，你好，请问是哪一位？我现在在开会，不太方便说话，麻烦您晚一点再打过来好吗？",
    "我就是本人，您请讲。这笔款我上个星期已经还过了，用手机银行转的，一共一千二百三十四元五角。",
    "不好意思，打错了，我不姓王，这个号码是我刚换的，以后不要再打了。",
    "嗯，好的，知道了，这个星期五之前一定处理。",
    "我们家里最近有困难，能不能分期还？每个月还五百块可以吗？",
    "九七八六五四三二一零，身份证后四位是七七八八。",
    "你们怎么知道我的电话？我要投诉，请转人工服务。",
)
ENGLISH = (
    "Hi, you have reached the voicemail of Mary Johnson. I cannot come to the phone right now, so please leave a message.",
    "Hello? Who is calling, please? I am driving at the moment, could you ring me back this evening?",
    "Yes, speaking. I have paid this already, last Tuesday, by bank transfer, four hundred and twenty pounds and fifty pence.",
    "You have the wrong number. There is nobody of that name here, so please stop calling.",
    "I lost my job in March and I really cannot pay the whole amount, maybe fifty a month from the first of next month.",
    "One, two, three, four, five, six, seven, eight, nine, zero, star, hash. Did you get that?",
    "Ooh, mmm, well, you know, the thing is, oh dear, I would rather speak to a real person.",
    "We were moving through rooms full of beautiful blue balloons, and nobody knew who blew them.",
)


class Tone(Protocol):
    """Makes one or more sines, `dbfs` each."""

    def __call__(
        self, frequencies_hz: float | Sequence[float], ms: float, dbfs: float = -15.0
    ) -> Samples: ...


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def tone(rng: np.random.Generator) -> Tone:
    def make(frequencies_hz: float | Sequence[float], ms: float, dbfs: float = -15.0) -> Samples:
        time_s = np.arange(round(ms * 8)) / 8000
        sound = np.zeros(len(time_s))
        for frequency_hz in np.atleast_1d(frequencies_hz):
            sound += (
                32768
                * 2**0.5
                * 10 ** (dbfs / 20)
                * np.sin(2 * np.pi * frequency_hz * time_s + rng.uniform(0, 6.28))
            )
        return sound

    return make


@pytest.fixture
def mix(rng: np.random.Generator) -> Callable[..., NDArray[np.int16]]:
    """Join parts (arrays, or a number of milliseconds of silence) into int16, over white noise."""

    def join(*parts: Samples | Clip | float, noise_dbfs: float = -60.0) -> NDArray[np.int16]:
        sounds = [
            np.zeros(round(part * 8)) if isinstance(part, int | float) else part.astype(np.float64)
            for part in parts
        ]
        sound = np.concatenate(sounds)
        sound = sound + rng.normal(0.0, 32768 * 10 ** (noise_dbfs / 20), len(sound))
        return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)

    return join


@pytest.fixture(scope="session")
def speech() -> dict[str, list[Clip]]:
    """Three minutes and more of speech, by language, at two speeds."""
    slow, quick = EspeakSynthesizer(words_per_minute=130), EspeakSynthesizer(words_per_minute=190)
    return {
        "zh": [voice.render(text, "zh-CN") for text in CHINESE for voice in (slow, quick)],
        "en": [voice.render(text, "en") for text in ENGLISH for voice in (slow, quick)],
    }


@pytest.fixture(scope="session")
def greeting() -> Clip:
    """Return an answering machine's few words, two seconds of them."""
    return EspeakSynthesizer(words_per_minute=190).render("Please leave a message after the tone.", "en")


@pytest.fixture(scope="session")
def chinese_greeting() -> Clip:
    return EspeakSynthesizer(words_per_minute=190).render("您好，请留言。", "zh-CN")


@pytest.fixture
def frames_of() -> Callable[[NDArray[np.int16]], list[Frame]]:
    """Cut sound into frames, the last one filled up with silence."""

    def cut(sound: NDArray[np.int16]) -> list[Frame]:
        padded = np.concatenate([sound, np.zeros(-len(sound) % 160, dtype=np.int16)])
        return list(padded.reshape(-1, 160))

    return cut


class _JumpingSelector(selectors.SelectSelector):
    """Waits by moving the clock."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now_s += timeout
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


@pytest.fixture
def run_virtual() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run a coroutine on a loop whose sleeps take no time."""

    def run(work: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
            return runner.run(work)

    return run
