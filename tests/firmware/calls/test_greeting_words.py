"""What a callee says after answering is written down beside the call, and corrects who is thought to have answered."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from audio.errors import RecogniserBusyError
from audio.events import AnswerSpeechHeard
from audio.listening.recogniser import Alternative, Recognised
from audio.orders import AnswerText
from firmware.calls.answer_words import MOST_WAITING, AnswerWords
from firmware.calls.sounds import SoundReader


class Ears:
    """Writes down what it is given as bytes of text; waits until it is let go."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.go = asyncio.Event()
        self.is_busy = False

    async def transcribe_aside(self, pcm: bytes, language: str) -> Recognised:
        text = pcm.decode()
        self.asked.append((language, text))
        await self.go.wait()
        if self.is_busy:
            raise RecogniserBusyError("8 utterances wait for a recogniser")
        rather = (Alternative(text="leave word", confidence=0.25),) if text else ()
        return Recognised(text=text, confidence=0.6 if text else 0.0, engine="ears", alternatives=rather)


def piece(part: int, text: str) -> AnswerSpeechHeard:
    return AnswerSpeechHeard(at_ms=0, part=part, pcm=text.encode())


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def _with_words(
    story: Callable[[AnswerWords, Ears], None], *, is_busy: bool = False
) -> tuple[Ears, list[AnswerText]]:
    ears, ordered = Ears(), list[AnswerText]()
    words = AnswerWords(ears, language="zh-CN", name="line-1")
    words.start(ordered.append)
    ears.is_busy = is_busy
    story(words, ears)
    await settle()
    ears.go.set()
    await settle()
    await words.close()
    return ears, ordered


def test_each_piece_comes_back_as_its_words_in_every_language_it_may_be() -> None:
    ears, ordered = asyncio.run(_with_words(lambda words, _: words.take(piece(3, "请 留言"))))
    assert ears.asked == [("zh-CN-x-answer", "请 留言")]
    (order,) = ordered
    assert order.part == 3
    assert [(one.language, one.text, one.share) for one in order.written] == [
        ("zh", "请 留言", 0.75),
        ("en", "leave word", 0.25),
    ]
    assert "留言" not in repr(order)


def test_what_waits_too_long_gives_way_to_what_is_newer() -> None:
    def story(words: AnswerWords, _: Ears) -> None:
        for number in range(6):
            words.take(piece(number, f"piece {number}"))

    ears, ordered = asyncio.run(_with_words(story))
    assert len(ears.asked) == MOST_WAITING
    assert [one.part for one in ordered] == [4, 5]


@pytest.mark.parametrize(("text", "is_busy"), [("", False), ("leave a message", True)])
def test_what_nobody_understood_or_had_time_for_is_left_out(text: str, is_busy: bool) -> None:
    _, ordered = asyncio.run(_with_words(lambda words, _: words.take(piece(0, text)), is_busy=is_busy))
    assert ordered == []


def test_a_call_that_ends_forgets_what_waits() -> None:
    async def run() -> list[AnswerText]:
        ears, ordered = Ears(), list[AnswerText]()
        words = AnswerWords(ears, language="en", name="line-1")
        await words.close()  # never started
        words.start(ordered.append)
        words.take(piece(0, "hello"))
        await settle()
        await words.close()
        ears.go.set()
        await settle()
        return ordered

    assert asyncio.run(run()) == []


def test_a_calls_sound_hands_what_was_said_to_be_written_down() -> None:
    async def run() -> list[AnswerText]:
        ears, ordered = Ears(), list[AnswerText]()
        ears.go.set()
        words = AnswerWords(ears, language="en", name="line-1")
        words.start(ordered.append)
        nothing: Any = None
        for one in (words, None):
            reader = SoundReader(
                nothing, nothing, dialogue=nothing, recorder=nothing, listener=None, answer_words=one
            )
            await reader.hear(nothing, piece(1, "leave a message"))
        await settle()
        await words.close()
        return ordered

    assert [one.part for one in asyncio.run(run())] == [1]
