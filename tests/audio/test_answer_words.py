"""What was written down after answering: what it speaks for, and how it corrects what the sound alone said."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner

from audio.classify_command import classify_sound, register
from audio.dsp.answer import AnswerClass, AnswerDetector
from audio.dsp.answer_content import CONTENT_CLASSES, SUBJECTS
from audio.dsp.answer_evidence import (
    BASIS_WITH_TEXT,
    SIGNS_WITH_TEXT,
    AnswerFeatures,
    basis_with_text_of,
    probability_of_recording,
)
from audio.dsp.answer_parts import LONGEST_BLOCKS, MAX_ASKED, MAX_PARTS, AnswerParts
from audio.dsp.answer_weights import WEIGHTS_WITH_TEXT
from audio.dsp.answer_words import Written, cue_model, cues_of, weigh_written
from audio.dsp.blocks import BLOCK_SAMPLES
from audio.errors import RecogniserError
from audio.frame import Clip
from audio.listening.answer_ear import AnswerEar
from audio.listening.engines import EngineChain
from audio.listening.recogniser import Recognised
from audio.sound_file import load_sound
from benchmarks.answer_cues import fit, misheard
from benchmarks.answer_language import Trigrams, english_phones_of
from benchmarks.answer_voices import espeak, trimmed

SAMPLE = Path(__file__).parent / "answers"
PERSON, MACHINE = AnswerClass.HUMAN, AnswerClass.MACHINE


class Scribe:
    """Writes down what it was told to, whatever it hears."""

    name = "scribe"

    def __init__(self, *texts: str, confidence: float = 0.9) -> None:
        self._texts = itertools.chain(texts, itertools.repeat(texts[-1]))
        self._confidence = confidence
        self.asked: list[tuple[str, float]] = []

    def hears(self, language: str, expected: tuple[str, ...]) -> bool:
        return bool(language) and not expected

    def transcribe(self, pcm: Clip, language: str, expected: tuple[str, ...]) -> Recognised:
        self.asked.append((language, len(pcm) / 8000))
        return Recognised(text=next(self._texts), confidence=self._confidence, engine=self.name)


@pytest.fixture(scope="module")
def ear() -> AnswerEar:
    return AnswerEar()


def english(text: str) -> tuple[Written, ...]:
    return (Written(language="en", text=text, share=1.0, confidence=0.9),)


def talk(seconds: float, text: str = "mama and papa go home and sing a song ") -> NDArray[np.int16]:
    """Return somebody talking without a pause, with a second of quiet before and two after."""
    sound = trimmed(espeak("en-us+m2", 45, 190, text * 6))[: round(seconds * 8000)]
    quiet = np.random.default_rng(1).normal(0, 3, 24_000)
    return np.concatenate([quiet[:8000], 9000 * sound, quiet[8000:]]).astype(np.int16)


@pytest.mark.parametrize(
    ("text", "answer", "subject"),
    [
        ("please leave your message after the tone when done hang up", "machine", ""),
        ("you have reached the voicemail of", "machine", ""),
        ("for sales press one for support press two", "machine", ""),
        ("hello", "human", ""),
        ("hello who is this", "human", ""),
        (
            "the number you have dialed is not in service please check the number",
            "carrier_announcement",
            "vacant",
        ),
        (
            "the phone you dialed is switched off please try again later",
            "carrier_announcement",
            "switched_off",
        ),
        ("all circuits are busy now please try your call again later", "carrier_announcement", "congested"),
        ("please say your name and why you are calling", "screening_assistant", ""),
        ("喂 你好 哪位", "human", ""),
        ("请 在 提示音 后 留言", "machine", ""),
        ("对不起 您 拨打 的 用户 已 关机 请 稍后 再 拨", "carrier_announcement", "switched_off"),
        ("对不起 您 拨打 的 号码 是 空号 请 核对 后 再 拨", "carrier_announcement", "vacant"),
        ("您 拨打 的 用户 正在 通话 中", "carrier_announcement", "busy"),
        ("我 是 机主 的 智能 助理 请 说出 您 的 姓名", "screening_assistant", ""),
    ],
)
def test_what_words_speak_for(text: str, answer: str, subject: str) -> None:
    heard = cue_model().weigh(text)
    assert heard is not None
    told = heard.content.answer
    assert max(told, key=lambda one: told[one]) == answer, told
    if subject:
        assert max(heard.content.subject, key=lambda one: heard.content.subject[one]) == subject
    assert 0 < len(heard.cues) <= 5
    assert set(told) == set(CONTENT_CLASSES)
    assert set(heard.content.subject) == set(SUBJECTS)


@pytest.mark.parametrize("text", ["", "  ", "123 !?", "zyzzyva qwertz"])
def test_words_that_nobody_knows_say_nothing(text: str) -> None:
    assert cue_model().weigh(text) is None


def test_cues_are_words_in_english_and_characters_in_mandarin() -> None:
    assert list(cues_of("Leave a Message!")) == [
        "leave",
        "a",
        "message",
        "leave_a",
        "a_message",
        "leave_a_message",
    ]
    assert set(cues_of("ok 留 言")) == {"ok", "留", "言", "留言"}
    assert len(list(cues_of("a " * 5000))) <= 3 * 200


def test_what_two_languages_say_counts_by_how_likely_they_are() -> None:
    def human(*pieces: tuple[str, str, float]) -> float:
        """Return the share of a person; each piece is English, Mandarin, and the share of English."""
        written = [
            (
                Written(language="en", text=one, share=share, confidence=0.9),
                Written(language="zh", text=other, share=1 - share, confidence=0.9),
            )
            for one, other, share in pieces
        ]
        heard = weigh_written(written)
        assert heard is not None
        return heard.content.answer["human"]

    person, machine = "hello who is this", "请在提示音后留言"
    assert human((person, machine, 0.99)) > 0.9
    assert human((person, machine, 0.01)) < 0.1
    assert 0.3 < human((person, machine, 0.5)) < 0.7
    # What is likely Mandarin once and likely Mandarin again is Mandarin.
    assert human((person, machine, 0.2), (person, machine, 0.2)) < human((person, machine, 0.2))
    assert weigh_written([()]) is None
    assert weigh_written([]) is None


def test_words_take_back_what_the_sound_alone_said() -> None:
    """Two seconds of anything: a person by its sound, a machine by its words, a person again by more of them."""
    sound = talk(1.4)
    for texts, expected in (
        (("please leave a message after the tone",), [PERSON, MACHINE]),
        (("hello who is this please",), [PERSON]),
    ):
        assert [one.answer for one in classify_sound(sound, Scribe(*texts))] == expected
    told = classify_sound(sound, Scribe("please leave a message after the tone"))
    assert told[-1].reason == "transcript"
    assert "message" in " ".join(told[-1].cues)
    assert "message" not in repr(told[-1])
    assert told[-1].at_ms < 1000 + 1400 + 300 + 500


def test_a_long_talker_is_a_person_where_the_words_say_so() -> None:
    sound = talk(3.4)
    assert classify_sound(sound)[-1].answer is not PERSON
    friendly = Scribe("hello yes this is mary speaking who is this what do you want")
    assert classify_sound(sound, friendly)[-1].answer is PERSON


def test_words_that_come_after_the_end_are_still_weighed() -> None:
    sound = talk(1.4)[: 8000 + 11_200]  # it ends with the last word
    assert classify_sound(sound, Scribe("please leave a message after the tone"))[-1].answer is MACHINE


def test_words_never_undo_a_tone_or_a_reply() -> None:
    detector = AnswerDetector(asks_words=True)
    detector.feed(talk(1.2))
    detector.expect_reply()
    silent = AnswerDetector(asks_words=True)
    silent.expect_reply()
    silent.feed(talk(1.2))
    assert silent.take_text(0, english("please leave a message after the tone")) is None
    beep = AnswerDetector(asks_words=True)
    tone = (5000 * np.sin(2 * np.pi * 1000 * np.arange(3200) / 8000)).astype(np.int16)
    beep.feed(np.concatenate([talk(1.2)[:-10_000], tone, talk(0)]))
    assert beep.reason == "beep"
    assert beep.take_text(0, english("hello who is this")) is None


def test_pieces_are_cut_at_pauses_and_bounded() -> None:
    speech = np.full(BLOCK_SAMPLES, 1000, dtype=np.float32)

    def pieces(pattern: str) -> list[tuple[int, int]]:
        parts = AnswerParts()
        blocks = [parts.take_block(speech, is_speaking=one == "x") for one in pattern]
        return [(one.part, len(one.pcm) // BLOCK_SAMPLES) for one in blocks if one is not None]

    assert pieces("." * 100) == []
    assert pieces("." * 50 + "x" * 30 + "." * 50) == [(0, 8 + 30 + 1)]
    # A short greeting and what follows it are one piece; after that a new one begins.
    assert [
        number for number, _ in pieces("x" * 30 + "." * 40 + "x" * 90 + "." * 40 + "x" * 30 + "." * 9)
    ] == [0, 0, 1]
    assert pieces("x" * 5 + "." * 50) == []  # no word is so short
    endless = pieces("x" * 5000)
    assert max(length for _, length in endless) <= LONGEST_BLOCKS + 8
    assert endless[-1][0] == MAX_PARTS - 1
    assert len(pieces(("x" * 20 + "." * 30) * 100)) <= MAX_ASKED


def test_more_words_of_a_recording_never_speak_for_a_person() -> None:
    assert len(WEIGHTS_WITH_TEXT) == len(BASIS_WITH_TEXT) == len(SIGNS_WITH_TEXT)
    assert len(basis_with_text_of(AnswerFeatures())) == len(BASIS_WITH_TEXT)
    assert all(weight * sign >= 0 for weight, sign in zip(WEIGHTS_WITH_TEXT, SIGNS_WITH_TEXT, strict=True))
    chances = [
        probability_of_recording(
            AnswerFeatures(
                talk_s=2,
                longest_s=2,
                n_utterances=1,
                talk_utterances=1,
                said_human=1 - p,
                said_machine=p,
                said_confidence=0.8,
            )
        )
        for p in np.arange(0.0, 1.01, 0.05)
    ]
    assert chances == sorted(chances)
    assert chances[0] < 0.2
    assert chances[-1] > 0.8


def test_the_ear_writes_english_and_mandarin(ear: AnswerEar) -> None:
    """Voices and texts that nothing here was made from, the language named or not; most of the words are asked for."""
    for name, wanted, asked in (
        (
            "carrier_announcement-en-kokoro-2",
            "the person you have dialed is not picking up please call later",
            "und",
        ),
        ("carrier_announcement-zh-kokoro-3", "您所拨打的手机处于关机状态请稍后再拨", "und"),
        ("carrier_announcement-zh-kokoro-1", "对不起您输入的号码不存在请检查后重新拨打", "zh"),
    ):
        found = ear.transcribe(load_sound(SAMPLE / f"{name}.flac"), f"{asked}-x-answer", ())
        heard, truth = set(cues_of(found.text)), set(cues_of(wanted))
        assert len(heard & truth) >= 0.5 * len(truth), found.text
        assert 0 < found.confidence <= 1


def test_words_put_right_what_the_sound_alone_got_wrong(ear: AnswerEar) -> None:
    for name, truth in (("human-en-kokoro-6", PERSON), ("machine-en-kokoro-3", MACHINE)):
        sound = load_sound(SAMPLE / f"{name}.flac")
        assert classify_sound(sound)[-1].answer is not truth
        assert classify_sound(sound, ear)[-1].answer is truth


def test_the_ear_makes_nothing_of_silence(ear: AnswerEar) -> None:
    for pcm in (np.zeros(8000, np.int16), np.zeros(100, np.int16), np.ones(16 * 8000, np.int16)):
        assert ear.transcribe(pcm, "en-x-answer", ()).text == ""


def test_only_who_asks_who_answered_gets_the_rough_text(ear: AnswerEar) -> None:
    assert ear.hears("zh-CN-x-answer", ())
    assert not ear.hears("en", ("yes", "no"))
    rough, free = Scribe("对不起 您", confidence=0.3), Scribe("对不起，您拨打的用户已关机", confidence=0.5)
    chain = EngineChain([rough, free])
    sound = talk(1.0)
    assert chain.transcribe(sound, "en-x-answer", ()).text == "对不起，您拨打的用户已关机"
    assert [language for language, _ in free.asked] == ["zh"]
    sure, unasked = Scribe("the number you have dialed"), Scribe("")
    assert (
        EngineChain([sure, unasked]).transcribe(sound, "und-x-answer", ()).text
        == "the number you have dialed"
    )
    assert unasked.asked == []


def test_an_ear_that_fails_costs_only_the_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: AnswerEar) -> None:
        raise RecogniserError("PocketSphinx is not installed: pip install pocketsphinx")

    monkeypatch.setattr(AnswerEar, "__init__", missing)
    done = _classify(tmp_path, talk(0.8))
    assert done["class"] == "human"
    assert done["cues"] == []


def test_the_command_says_which_words_spoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scribe = Scribe("please leave a message after the tone")
    monkeypatch.setattr("audio.listening.engines.AnswerEar", lambda: scribe)
    done = _classify(tmp_path, talk(1.4))
    assert (done["class"], done["reason"]) == ("machine", "transcript")
    assert "message" in str(done["cues"])
    assert _classify(tmp_path, talk(1.4), "--no-words")["class"] == "human"


def _classify(folder: Path, sound: NDArray[np.int16], *options: str) -> dict[str, object]:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)  # one command alone would be the whole program
    soundfile.write(folder / "call.wav", sound, 8000)
    done = CliRunner().invoke(app, ["classify", str(folder / "call.wav"), "--json", *options])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert isinstance(row, dict)
    return row


def test_a_language_model_is_a_distribution() -> None:
    """What may follow a word adds up to one, whatever was counted."""
    counted = Trigrams({"yes": 0.2, "no": 0.1})
    for text in ("leave a message", "leave a note", "hello", "leave me a message"):
        counted.add(text.split())
    likely: dict[tuple[str, ...], tuple[float, float]] = {}
    for line in counted.arpa().splitlines():
        columns = line.split("\t")
        if len(columns) > 1:
            rest = 10 ** float(columns[2]) if len(columns) > 2 else 1.0
            likely[tuple(columns[1].split())] = (10 ** float(columns[0]), rest)
    words = [key[0] for key in likely if len(key) == 1 and key != ("<s>",)]

    def after(history: tuple[str, ...], word: str) -> float:
        if (*history, word) in likely:
            return likely[(*history, word)][0]
        return likely.get(history, (0.0, 1.0))[1] * after(history[1:], word)

    for history in ((), ("leave",), ("leave", "a"), ("a", "message"), ("hello",)):
        assert sum(after(history, word) for word in words) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("syllable", "phones"),
    [
        ("nin", "N IH N"),
        ("shi", "SH ER"),
        ("zi", "D Z IH"),
        ("ju", "JH Y UW"),
        ("yuan", "Y EH N"),
        ("a", "AA"),
    ],
)
def test_mandarin_is_spelled_in_english_phones(syllable: str, phones: str) -> None:
    assert english_phones_of(syllable) == phones


def test_the_fit_of_words_finds_what_speaks(rng: np.random.Generator) -> None:
    texts = [
        " ".join(misheard(said.split(), ["foo", "bar"], rng)) for said in ("hello there", "leave word") * 200
    ]
    names, weights = fit([text or "foo" for text in texts], np.arange(400) % 2, 2)
    table = dict(zip(names, weights[1:], strict=True))
    assert table["hello"][0] > 0 > table["hello"][1]
    assert table["leave"][1] > 0 > table["leave"][0]
    assert abs(table["foo"][0]) < abs(table["hello"][0]) / 2
