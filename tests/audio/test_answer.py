"""Who answered: a person, a machine, an announcement, a fax, or nobody."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from typer.testing import CliRunner

from audio import AnswerClassified, CallAudio, Play
from audio.classify_command import classify_sound, register, standing
from audio.dsp.answer import RECORDINGS, AnswerClass, AnswerDetector, AnswerVerdict
from audio.dsp.answer_content import content_model
from audio.dsp.answer_evidence import BASIS, SIGNS, AnswerFeatures, basis_of, probability_of_recording
from audio.dsp.answer_weights import WEIGHTS
from audio.dsp.speech_embedding import FRAMES_PER_VECTOR, MelFrames
from audio.frame import Clip, freeze
from audio.sound_file import load_sound
from benchmarks.answer_bank import make_session
from benchmarks.answer_channels import Line, coded, level_to, to_pcm, with_noise
from benchmarks.answer_report import likely_share
from benchmarks.answer_set import Bank, calls, information_tone
from benchmarks.answer_texts import SPLITS, patterns_of, phrase
from benchmarks.answer_voices import espeak, espeak_voice, trimmed
from benchmarks.answer_weighing import FALSE_MACHINES, fit, lowered
from benchmarks.asterisk_amd import asterisk_amd

Mix = Callable[..., NDArray[np.int16]]
Tone = Callable[..., NDArray[np.float64]]
Speaker = tuple[str, int, int]
H, M, A, F, S = (
    AnswerClass.HUMAN,
    AnswerClass.MACHINE,
    AnswerClass.CARRIER_ANNOUNCEMENT,
    AnswerClass.FAX,
    AnswerClass.SILENCE,
)
CHINESE, ENGLISH = ("cmn+f2", 50, 250), ("en-us+m2", 45, 190)
MESSAGE = "You have reached the voicemail of Mary Johnson. Please leave a message after the tone."
SAMPLE = Path(__file__).parent / "answers"


@lru_cache
def voiced(voice: Speaker, text: str) -> NDArray[np.float64]:
    """Speech at a telephone's usual level."""
    sound = trimmed(espeak(*voice, text))
    scaled: NDArray[np.float64] = 32768 * 0.1 / np.sqrt(np.mean(sound**2)) * sound
    return scaled


def verdicts_of(sound: NDArray[np.int16]) -> list[AnswerVerdict]:
    detector = AnswerDetector()
    last = detector.feed(sound)
    ended = detector.finish()
    return [*last, ended] if ended is not None else last


@pytest.mark.parametrize("noise_dbfs", [-90.0, -60.0, -40.0])
@pytest.mark.parametrize(
    ("voice", "text"),
    [
        pytest.param(CHINESE, "喂？", id="one syllable"),
        pytest.param(CHINESE, "喂，你好，哪位？", id="three bursts, where app_amd counts words"),
        pytest.param(ENGLISH, "Hello?", id="hello"),
        pytest.param(ENGLISH, "Hello, who is calling?", id="a question"),
    ],
)
def test_a_short_greeting_is_answered_within_300_ms_of_its_end(
    voice: Speaker, text: str, noise_dbfs: float, mix: Mix
) -> None:
    said = voiced(voice, text)
    told = verdicts_of(mix(430, said, 4000, noise_dbfs=noise_dbfs))
    assert {one.answer for one in told} == {H}
    assert told[0].at / 8 - (430 + len(said) / 8) <= 300


@pytest.mark.parametrize("noise_dbfs", [-90.0, -40.0])
@pytest.mark.parametrize(
    ("voice", "text"),
    [
        (CHINESE, "您好，我现在不方便接听电话，请在提示音后留下您的姓名和电话，我会尽快给您回电。"),
        (ENGLISH, MESSAGE),
    ],
)
def test_a_message_is_a_machine_while_it_still_talks(
    voice: Speaker, text: str, noise_dbfs: float, mix: Mix
) -> None:
    told = verdicts_of(mix(300, voiced(voice, text), 3000, noise_dbfs=noise_dbfs))
    assert told[-1].answer is M
    assert told[-1].reason == "words"
    assert told[-1].at < 300 * 8 + len(voiced(voice, text))


def test_an_opening_is_answered_and_taken_back_when_the_recording_goes_on(mix: Mix) -> None:
    rest = voiced(ENGLISH, "I cannot come to the phone right now, please leave your name and number.")
    told = verdicts_of(mix(300, voiced(ENGLISH, "Hi there."), 500, rest, 2000))
    assert [one.answer for one in told] == [H, M]


def test_who_asks_again_and_again_stays_a_person(mix: Mix) -> None:
    said = [voiced(CHINESE, text) for text in ("喂？", "喂，你好？", "喂，听得见吗？", "哪位啊？")]
    told = verdicts_of(mix(500, said[0], 1300, said[1], 1500, said[2], 1200, said[3], 4000))
    assert {one.answer for one in told} == {H}


@pytest.mark.parametrize("lead_ms", [0, 3440, 7500])
def test_digital_silence_is_no_evidence(lead_ms: int, mix: Mix) -> None:
    nothing = np.zeros(lead_ms * 8, dtype=np.int16)
    assert AnswerDetector().feed(nothing) == []
    after = verdicts_of(np.concatenate([nothing, mix(200, voiced(CHINESE, "喂，你好。"), 3000)]))
    assert [one.answer for one in after] == [H]
    assert after[0].features.onset_s < 0.4


def test_only_digital_silence_ends_as_silence_of_little_confidence() -> None:
    (told,) = verdicts_of(np.zeros(80_000, dtype=np.int16))
    assert (told.answer, told.confidence) == (S, 0.5)


def test_a_quiet_room_is_silence_until_somebody_speaks(mix: Mix) -> None:
    told = verdicts_of(mix(6000, voiced(ENGLISH, "Hello?"), 3000, noise_dbfs=-45.0))
    assert [one.answer for one in told] == [S, H]


@pytest.mark.parametrize("step_at_ms", [0, 700, 2500])
def test_noise_that_begins_in_the_middle_is_not_speech(step_at_ms: int, rng: np.random.Generator) -> None:
    sound = rng.normal(0, 3, 8000 * 6)
    sound[step_at_ms * 8 :] += rng.normal(0, 400, len(sound) - step_at_ms * 8)
    assert {one.answer for one in verdicts_of(sound.astype(np.int16))} == {S}


def test_a_beep_makes_a_machine_of_a_short_message(mix: Mix, tone: Tone) -> None:
    told = verdicts_of(mix(200, voiced(ENGLISH, "Leave a message."), 500, tone(1000, 400), 2000))
    assert (told[-1].answer, told[-1].reason) == (M, "beep")


def test_special_information_tones_announce_an_announcement(mix: Mix, rng: np.random.Generator) -> None:
    tones = np.concatenate(information_tone(rng)) * 32768
    told = verdicts_of(mix(300, tones, voiced(ENGLISH, "The number does not exist."), 2000))
    assert (told[0].answer, told[0].reason, told[-1].answer) == (A, "information_tone", A)


@pytest.mark.parametrize("codec", ["none", "alaw", "gsm"])
@pytest.mark.parametrize("gap_ms", [613, 2007])
def test_what_says_the_very_same_again_is_an_announcement(gap_ms: int, codec: str, mix: Mix) -> None:
    message = voiced(CHINESE, "对不起，您拨打的用户暂时无法接通，请您稍后再拨。")
    sound = mix(300, message, gap_ms, message, 1500, noise_dbfs=-45.0)
    told = verdicts_of(to_pcm(coded(sound / 32768, codec)))
    assert (told[-1].answer, told[-1].reason) == (A, "repetition")


def test_a_long_message_that_does_not_repeat_is_no_announcement(
    speech: dict[str, list[Clip]], mix: Mix
) -> None:
    told = verdicts_of(mix(300, speech["en"][0], 400, speech["en"][6], 300, speech["en"][4], 1500))
    assert told[-1].answer is M


@pytest.mark.parametrize("noise_dbfs", [-80.0, -45.0])
def test_a_fax_answers(noise_dbfs: float, mix: Mix, tone: Tone) -> None:
    told = verdicts_of(mix(900, tone(2100, 3000), 75, noise_dbfs=noise_dbfs))
    assert [one.answer for one in told] == [F]


@pytest.mark.parametrize("frequencies", [(450,), (440, 480), (425,)])
def test_a_ringing_or_busy_tone_is_nobody(frequencies: tuple[float, ...], mix: Mix, tone: Tone) -> None:
    told = verdicts_of(mix(200, *[tone(frequencies, 350), 350] * 10))
    assert not {one.answer for one in told} & {H, M, A, F}


def test_a_reply_to_what_we_said_may_be_long(mix: Mix) -> None:
    """Who speaks only after our prompt has ended answers it; a machine does not wait."""
    sound = mix(2500, voiced(ENGLISH, MESSAGE), 3000)
    prompt = freeze(np.full(16_000, 3000, dtype=np.int16))
    for play, expected in ((True, {H}), (False, {M})):
        call = CallAudio()
        if play:
            call.order(Play(play_id=1, clips=(prompt,)))
        told = [
            event
            for begin in range(0, len(sound) - 159, 160)
            for event in call.process(sound[begin : begin + 160])[1]
        ]
        assert {one.answer for one in told if isinstance(one, AnswerClassified)} == expected


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 40_000), max_size=6))
def test_verdicts_whatever_the_slicing(cuts: list[int]) -> None:
    sound, whole = _a_machine()
    sliced = AnswerDetector()
    places = [0, *sorted(cut for cut in cuts if cut < len(sound)), len(sound)]
    told = [verdict for begin, end in itertools.pairwise(places) for verdict in sliced.feed(sound[begin:end])]
    assert told == whole


@lru_cache(maxsize=1)
def _a_machine() -> tuple[NDArray[np.int16], list[AnswerVerdict]]:
    """Return five seconds of a machine and what is told of them in one piece."""
    sound = load_sound(next(SAMPLE.glob("machine-zh-*.flac")))[:40_000]
    told = AnswerDetector().feed(sound)
    assert [one.answer for one in told] == [M]
    return sound, told


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_the_embedding_is_a_stream(at_once: int, speech: dict[str, list[Clip]]) -> None:
    """However many frames come at once, the vectors are those of the whole sound."""
    net = content_model().embedding
    frames = MelFrames().feed(speech["zh"][0][:32_000].astype(np.float32))
    whole = net.feed(frames, net.start())
    past, step = net.start(), at_once * FRAMES_PER_VECTOR
    parts = [net.feed(frames[begin : begin + step], past) for begin in range(0, len(frames), step)]
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-2
    assert whole.shape == (len(frames) // FRAMES_PER_VECTOR, 96)
    assert whole.std() > 1


def test_a_call_tells_what_the_detector_tells(mix: Mix) -> None:
    sound = mix(300, voiced(CHINESE, "喂，你好。"), 4000)
    events = classify_sound(freeze(sound))
    assert [(one.answer, one.at_ms) for one in events] == [
        (one.answer, one.at // 8) for one in verdicts_of(sound)
    ]


def test_more_talk_never_speaks_for_a_person() -> None:
    assert len(WEIGHTS) == len(BASIS) == len(SIGNS) == len(basis_of(AnswerFeatures()))
    assert all(weight * sign >= 0 for weight, sign in zip(WEIGHTS, SIGNS, strict=True))
    chances = [
        probability_of_recording(AnswerFeatures(talk_s=t, longest_s=t, n_utterances=1, talk_utterances=1))
        for t in np.arange(0.2, 8, 0.1)
    ]
    assert chances == sorted(chances)
    assert chances[0] < 0.5 < chances[-1]


def test_words_outweigh_a_long_greeting() -> None:
    """What sounds like a company's greeting is a person after three seconds; what sounds recorded is not after one and a half."""
    greeting = AnswerFeatures(talk_s=3.0, longest_s=3.0, n_utterances=1, talk_utterances=1, words_human=0.95)
    message = AnswerFeatures(talk_s=1.5, longest_s=1.5, n_utterances=1, talk_utterances=1, words_human=0.05)
    assert probability_of_recording(replace(greeting, words_machine=0.05)) < 0.3
    assert probability_of_recording(replace(message, words_machine=0.95)) > 0.5


def test_one_word_is_a_person_whatever_it_sounds_like() -> None:
    """People's names and single words are taken for bits of announcements; hardly a recording is so short."""
    name = AnswerFeatures(
        talk_s=0.6, longest_s=0.6, n_utterances=1, talk_utterances=1, words_human=0.02, words_machine=0.98
    )
    assert probability_of_recording(name) < 0.5
    assert (
        probability_of_recording(replace(name, said_human=0.35, said_machine=0.65, said_confidence=1.0)) < 0.5
    )
    assert probability_of_recording(replace(name, talk_s=2.4, longest_s=2.4)) > 0.5


def test_of_an_unknown_language_only_its_length_counts() -> None:
    """What explains the sound badly is no evidence: neither "hello" nor "leave a message" was surely said."""
    talk = AnswerFeatures(talk_s=2.6, longest_s=2.6, n_utterances=1, talk_utterances=1, said_human=0.95)
    misheard = replace(talk, words_human=0.98, words_machine=0.02, said_machine=0.05)
    assert probability_of_recording(replace(misheard, said_confidence=0.0)) > 0.5
    assert probability_of_recording(replace(misheard, said_confidence=0.9)) < 0.2
    short = replace(misheard, talk_s=1.4, longest_s=1.4, said_human=0.05, said_machine=0.95)
    assert probability_of_recording(replace(short, said_confidence=0.0)) < 0.5


def test_the_fit_finds_a_model_it_should_find(rng: np.random.Generator) -> None:
    values = np.abs(rng.normal(0, 1, (4000, len(SIGNS))))
    truth = np.array([*SIGNS]) * 1.5
    chance = 1 / (1 + np.exp(-(values @ truth - truth.sum() * 0.8)))
    model = fit(values, (rng.random(4000) < chance).astype(float), np.full(4000, 1 / 4000))
    assert np.all(np.abs(model[1:] - truth) < 0.5)


@pytest.mark.parametrize("noise_dbfs", [-100.0, -40.0])
def test_the_sample_of_unseen_voices(noise_dbfs: float, rng: np.random.Generator) -> None:
    """Voices and texts that training never saw; benchmarks/answer_report.py judges many more."""
    wrong, people_called_machine, n = [], [], 0
    for path in sorted(SAMPLE.glob("*.flac")):
        truth = path.name.split("-")[0]
        sound = with_noise(level_to(load_sound(path) / 32768, -20.0), noise_dbfs, rng)
        told = verdicts_of(to_pcm(sound))[-1].answer
        n += 1
        if (told in RECORDINGS) != (truth != "human"):
            wrong.append(f"{path.name}: {told}")
        if truth == "human" and told in RECORDINGS:
            people_called_machine.append(path.name)
    assert n >= 30
    # As measured, not as wanted: these texts are unlike all of training, and the model is small.
    assert len(wrong) <= n * 0.16, wrong
    assert len(people_called_machine) <= 3, people_called_machine


@pytest.mark.parametrize("noise", ["white", "pink", "brown", "babble"])
def test_a_line_adds_its_noise_at_its_level(noise: str, rng: np.random.Generator) -> None:
    line = Line(noise=noise, noise_dbfs=-40.0, codec="alaw")
    heard = line.carry(np.zeros(16_000), rng, babble=rng.normal(0, 1, 8000))
    assert 10 * np.log10(np.mean(heard**2)) == pytest.approx(-40.0, abs=0.5)
    assert len(np.unique(heard)) < 256  # eight bits a sample
    assert not np.any(Line().carry(np.zeros(800), rng))
    nobody = Line(noise="babble", noise_dbfs=-40.0).carry(np.zeros(16_000), rng)
    assert abs(10 * np.log10(np.mean(nobody**2)) + 40) < 0.5


def test_a_share_of_few_calls_is_known_as_roughly_as_it_is() -> None:
    """Wilson's interval; of no miss in 22 calls, a table says up to 15 %."""
    assert likely_share(0, 22) == pytest.approx([0.0, 0.149], abs=1e-3)
    assert likely_share(38, 39) == pytest.approx([0.868, 0.995], abs=1e-3)


def test_staged_calls_of_a_bank_have_their_truth(tmp_path: Path) -> None:
    folder = tmp_path / "espeak-train"
    for language in ("zh", "en"):
        voice = partial(espeak_voice, "train", language)
        assert make_session(folder, "wide", language, 4, 0, voice) >= 12
        assert make_session(folder, "wide", language, 4, 0, voice) == 0  # it is there already
    staged = list(calls(Bank([folder]), 24, 5))
    assert {call.answer for call in staged} >= {"human", "machine", "carrier_announcement"}
    for call in staged:
        assert np.any(call.pcm)
        assert call.spoken_end_s * 8000 <= len(call.pcm)
        assert bool(call.first_end_s) == (call.answer == "human")


def test_no_text_of_one_split_is_in_another(rng: np.random.Generator) -> None:
    seen: dict[str, str] = {}
    for split in SPLITS:
        for kind, patterns in patterns_of(split).items():
            for pattern in patterns:
                assert seen.setdefault(f"{kind}: {pattern}", split) == split
            said, language = kind.rsplit("-", 1)
            text = phrase(split, said, language, rng)
            assert text
            assert not set("[]{}|") & set(text)


def test_the_line_is_drawn_where_few_people_are_recordings(rng: np.random.Generator) -> None:
    last = rng.normal(0, 1, (3000, 2)) + 1
    is_recording = np.arange(3000) % 2 == 0
    model = np.array([1.0, 1.0, 0.5])
    low = lowered(model, last, is_recording)
    share = np.mean((low[0] + last @ low[1:])[~is_recording] > 0)
    assert share <= FALSE_MACHINES + 1e-3
    assert np.array_equal(low[1:], model[1:])
    assert np.array_equal(lowered(low - [50, 0, 0], last, is_recording), low - [50, 0, 0])  # never raised


@pytest.mark.parametrize(
    ("noise_dbfs", "said", "status", "cause"),
    [
        (-90.0, "one", "HUMAN", "HUMAN"),
        (-90.0, "long", "MACHINE", "LONGGREETING"),
        (-90.0, "none", "MACHINE", "INITIALSILENCE"),
        (-37.0, "one", "MACHINE", "LONGGREETING"),
    ],
)
def test_asterisks_algorithm_as_described(
    noise_dbfs: float, said: str, status: str, cause: str, mix: Mix
) -> None:
    """The published quirks: a silent person and a noisy line are machines."""
    parts = {"one": [500, voiced(ENGLISH, "Hello?")], "long": [500, voiced(ENGLISH, "mama" * 8)], "none": []}
    told = asterisk_amd(mix(*parts[said], 4000, noise_dbfs=noise_dbfs))
    assert (told.status, told.cause) == (status, cause)


def test_the_command_says_class_decision_and_confidence(tmp_path: Path, mix: Mix) -> None:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)  # one command alone would be the whole program
    person = mix(300, voiced(ENGLISH, "Hello?"), 3000)
    soundfile.write(tmp_path / "person.wav", person, 8000)
    soundfile.write(tmp_path / "wide.wav", np.repeat(person, 2), 16000)
    soundfile.write(tmp_path / "raw.ul", person, 8000, format="RAW", subtype="ULAW")
    soundfile.write(tmp_path / "two.wav", np.stack([np.zeros_like(person), person], axis=1), 8000)
    files = [str(tmp_path / name) for name in ("person.wav", "wide.wav", "raw.ul")]
    second = CliRunner().invoke(
        app, ["classify", str(tmp_path / "two.wav"), "--channel", "2", "--no-words", "--json"]
    )
    assert json.loads(second.stdout)[0]["class"] == "human"
    done = CliRunner().invoke(app, ["classify", *files, "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert [row["class"] for row in rows] == ["human"] * 3
    assert all(0 < row["decision_ms"] < 1500 and 0.5 <= row["confidence"] <= 1 for row in rows)
    missing = CliRunner().invoke(app, ["classify", str(tmp_path / "none.wav"), "--json"])
    assert missing.exit_code == 1


def test_the_decision_is_when_the_standing_class_was_first_told(mix: Mix, tone: Tone) -> None:
    long = voiced(ENGLISH, MESSAGE)
    told = classify_sound(freeze(mix(300, long, 400, tone(1000, 400), 2000)))
    assert (told[-1].reason, standing(told).reason) == ("beep", "words")
