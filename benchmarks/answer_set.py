"""Make calls as they sound after answer, each with its true class, for training and for judging answer classification.

Everything here is synthetic or staged, and the report says so. Voices are espeak-ng's, and, where Debian's
asterisk-core-sounds-*-wav are installed, the recorded speakers of Asterisk's prompts in five languages. How long
people greet and how long machines talk are our assumptions (`_human`, `_recording`), not measurements of real calls.
Training and held-out calls share no text, no espeak-ng variant and no recorded speaker.
"""

import io
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.answer_texts import ANNOUNCEMENT, HUMAN, LONG_HUMAN, MACHINE, OPENING

RATE_HZ = 8000
Sound = NDArray[np.float64]
"""-1 to 1, 8 kHz mono."""
ASTERISK_SOUNDS = Path("/usr/share/asterisk/sounds")
VARIANTS = {
    "train": ("m1", "m3", "m5", "m7", "f1", "f3", "Andy", "Alicia"),
    "held_out": ("m2", "m4", "m6", "f2", "f4", "f5", "Annie", "Marco"),
}
LANGUAGES = {
    "train": {"zh": ("cmn",), "en": ("en-us", "en-gb")},
    "held_out": {"zh": ("cmn",), "en": ("en-gb-scotland", "en-029", "en-gb-x-rp")},
}
SPEAKERS = {
    "train": ("en_US_f_Allison", "fr_CA_f_June", "it_IT_m_Carlo"),
    "held_out": ("ru_RU_f_IvrvoiceRU", "it_IT_f_Menardi"),
}
"""Allison speaks the Spanish prompts too: she is on one side only."""
RECORDED_MACHINE = (
    ("vm-theperson", "digits/5", "digits/2", "digits/7", "vm-isunavail", "vm-intro"),
    ("vm-nobodyavail", "vm-intro"),
    ("vm-theperson", "digits/3", "digits/1", "vm-isonphone", "vm-intro"),
    ("vm-intro",),
    ("vm-sorry", "vm-nobodyavail"),
    ("vm-leavemsg", "vm-then-pound"),
    ("vm-nobodyavail",),
    ("vm-sorry", "vm-leavemsg"),
)
RECORDED_ANNOUNCEMENT = (
    ("ss-noservice",),
    ("pbx-invalid",),
    ("tt-allbusy",),
    ("vm-nobox",),
    ("pbx-invalidpark",),
)
CLASSES = ("human", "machine", "carrier_announcement", "fax", "silence")


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedCall:
    """One call's sound from answer on."""

    name: str
    answer: str
    source: str
    """espeak, recorded (a person's voice) or tones."""
    language: str
    pcm: NDArray[np.int16]
    first_end_s: float
    """Where the first words end (human), else 0."""
    spoken_end_s: float
    """Where the message ends, before any beep: the model is not trained on what follows."""


class Voices:
    """The speakers of one split."""

    def __init__(self, split: str, rng: np.random.Generator, sounds: Path = ASTERISK_SOUNDS) -> None:
        self._split = split
        self._rng = rng
        self._speakers = [sounds / name for name in SPEAKERS[split] if (sounds / name).is_dir()]
        self._short = {folder: _short_prompts(folder) for folder in self._speakers}
        self.has_recorded = bool(self._speakers)

    def pick(self, language: str) -> "Voice":
        """Return one synthetic speaker of `language`, who keeps voice and speed."""
        rng = self._rng
        name = str(rng.choice(LANGUAGES[self._split][language]))
        variant = str(rng.choice(VARIANTS[self._split]))
        return Voice(f"{name}+{variant}", int(rng.integers(20, 80)), int(rng.integers(125, 225)))

    def recorded(self, prompts: tuple[tuple[str, ...], ...]) -> list[Sound]:
        """Return a recorded speaker's prompts; the missing ones are left out."""
        folder = self._speakers[int(self._rng.integers(len(self._speakers)))]
        wanted = prompts[int(self._rng.integers(len(prompts)))]
        found = [_load(folder / f"{name}.wav") for name in wanted if (folder / f"{name}.wav").is_file()]
        return found or [_load(folder / "vm-intro.wav")]

    def recorded_words(self, n: int) -> list[Sound]:
        """Return `n` short prompts of one recorded speaker: they stand for what a person says."""
        folder = self._speakers[int(self._rng.integers(len(self._speakers)))]
        return [_load(Path(str(one))) for one in self._rng.choice(self._short[folder], n)]


@dataclass(frozen=True, slots=True)
class Voice:
    """One espeak-ng speaker."""

    name: str
    pitch: int
    words_per_minute: int

    def hurried(self, words_per_minute: int) -> "Voice":
        """Return the speaker at no less than this speed."""
        return replace(self, words_per_minute=max(self.words_per_minute, words_per_minute))

    def varied(self, rng: np.random.Generator) -> "Voice":
        """Return the speaker in another moment."""
        pitch, speed = self.pitch + int(rng.integers(-6, 7)), self.words_per_minute + int(rng.integers(0, 25))
        return replace(self, pitch=pitch, words_per_minute=speed)

    def say(self, text: str) -> Sound:
        """Return `text` spoken, without the silence around it."""
        return _espeak(self.name, self.pitch, self.words_per_minute, text)


def calls(
    split: str, n: int, seed: int, *, noise_dbfs: float | None = None, sounds: Path = ASTERISK_SOUNDS
) -> Iterator[StagedCall]:
    """Yield `n` calls of `split` ("train" or "held_out").

    Without `noise_dbfs` every call has a channel of its own (noise, codec, level, loss). With it all have an even
    white noise of that level and nothing else (-100 for a clean channel).
    """
    rng = np.random.default_rng(seed)
    voices = Voices(split, rng, sounds)
    for place in range(n):
        answer = str(rng.choice(CLASSES, p=(0.48, 0.28, 0.14, 0.04, 0.06)))
        language = str(rng.choice(["zh", "en"]))
        parts, first_end, spoken_end, source = _staged(answer, language, split, voices, rng)
        sound = np.concatenate(parts)
        if noise_dbfs is None:
            # A room full of voices in which nobody answers is no silence that anybody could tell.
            sound, shift = varied_channel(sound, rng, with_babble=answer != "silence")
        else:
            sound, shift = with_noise(_level(sound, -20.0), noise_dbfs, rng), 0
        yield StagedCall(
            name=f"{split}-{seed}-{place:04d}",
            answer=answer,
            source=source,
            language=language,
            pcm=to_pcm(sound),
            first_end_s=(first_end + shift) / RATE_HZ if first_end else 0.0,
            spoken_end_s=(spoken_end + shift) / RATE_HZ,
        )


def _staged(
    answer: str, language: str, split: str, voices: Voices, rng: np.random.Generator
) -> tuple[list[Sound], int, int, str]:
    if answer == "human":
        return _human(language, split, voices, rng)
    if answer in ("machine", "carrier_announcement"):
        return _recording(answer, language, split, voices, rng)
    if answer == "fax":
        parts = _fax(rng)
        return parts, 0, 0, "tones"
    parts = [_pause(float(rng.uniform(6, 12)))]
    for _ in range(int(rng.integers(0, 3))):
        _knock(parts[0], rng)
    return parts, 0, 0, "tones"


def _human(
    language: str, split: str, voices: Voices, rng: np.random.Generator
) -> tuple[list[Sound], int, int, str]:
    """A person: mostly one short greeting; some say it again when nobody answers; some greet at length."""
    lead = float(rng.choice([rng.uniform(0.05, 0.5), rng.uniform(0.3, 1.5), rng.uniform(1.0, 4.0)]))
    kind = rng.choice(["once", "twice", "again", "long"], p=(0.53, 0.24, 0.18, 0.05))
    n = {"once": 1, "twice": 2, "again": int(rng.integers(2, 5)), "long": 1}[str(kind)]
    is_recorded = voices.has_recorded and kind != "long" and rng.random() < 0.25
    if is_recorded:
        words = voices.recorded_words(n)
    else:
        texts = (LONG_HUMAN if kind == "long" else HUMAN)[split][language].split("|")
        # Nobody says a thing the same way twice, and a greeting is quick: espeak-ng needs these
        # speeds for the four to six syllables a second that people reach.
        voice = voices.pick(language).hurried({"zh": 250, "en": 185}[language] + 20 * (kind == "long"))
        words = [_phrased(voice.varied(rng), str(rng.choice(texts)), rng) for _ in range(n)]
    parts = [_pause(lead), words[0]]
    first_end = sum(map(len, parts))
    for word in words[1:]:
        low, high = (0.25, 0.9) if kind == "twice" else (0.7, 2.8)
        parts += [_pause(float(rng.uniform(low, high))), word]
    end = sum(map(len, parts))
    parts.append(_pause(float(rng.uniform(1.6, 6.0))))
    return parts, first_end, end, "recorded" if is_recorded else "espeak"


def _phrased(voice: Voice, text: str, rng: np.random.Generator) -> Sound:
    """Return `text` with a breath after every clause, which espeak-ng leaves out when it speaks quickly."""
    parts: list[Sound] = []
    for clause in re.findall(r"[^，。？,.?]+[，。？,.?]?", text):
        parts += [_pause(float(rng.uniform(0.06, 0.4))), voice.say(clause.strip())]
    return np.concatenate(parts[1:])


def _recording(
    answer: str, language: str, split: str, voices: Voices, rng: np.random.Generator
) -> tuple[list[Sound], int, int, str]:
    """A message of one to four sentences, with or without an opening; an announcement comes with tones or in a loop."""
    is_announcement = answer == "carrier_announcement"
    is_recorded = voices.has_recorded and rng.random() < 0.45
    if is_recorded:
        said = voices.recorded(RECORDED_ANNOUNCEMENT if is_announcement else RECORDED_MACHINE)
    elif is_announcement:
        spoken_in = [language]
        if rng.random() < 0.3:
            spoken_in.append("en" if language == "zh" else "zh")
        said = []
        for one in spoken_in:
            announcer = voices.pick(one).hurried({"zh": 220, "en": 170}[one])
            said.append(_phrased(announcer, str(rng.choice(ANNOUNCEMENT[split][one].split("|"))), rng))
    else:
        voice = voices.pick(language).hurried({"zh": 220, "en": 170}[language])
        texts = MACHINE[split][language].split("|")
        n = int(rng.choice([1, 2, 3, 4], p=(0.45, 0.35, 0.15, 0.05)))
        said = [_phrased(voice, str(text), rng) for text in rng.choice(texts, n, replace=False)]
        if rng.random() < 0.45:
            said.insert(0, voice.say(str(rng.choice(OPENING[split][language].split("|")))))
    message: list[Sound] = []
    for sentence in said:
        message += [sentence, _pause(float(rng.uniform(0.12, 0.8)))]
    message.pop()
    parts = [_pause(float(rng.choice([rng.uniform(0.02, 0.4), rng.uniform(0.3, 2.5)])))]
    if is_announcement and rng.random() < 0.3:
        parts += information_tone(rng)
    parts += message
    if is_announcement and rng.random() < 0.4:
        gap = float(rng.uniform(0.5, 3.0))
        for _ in range(int(rng.integers(1, 3))):
            parts += [_pause(gap), *message]
    end = sum(map(len, parts))
    if not is_announcement and rng.random() < 0.5:
        beep = tone(float(rng.uniform(440, 1800)), float(rng.uniform(0.15, 0.9)), -16)
        parts += [_pause(float(rng.uniform(0.2, 1.6))), beep]
    parts.append(_pause(float(rng.uniform(1.6, 5.0))))
    return parts, 0, end, "recorded" if is_recorded else "espeak"


def _fax(rng: np.random.Generator) -> list[Sound]:
    if rng.random() < 0.7:
        answer = tone(float(rng.uniform(2088, 2112)), float(rng.uniform(2.6, 4.0)), -15)
        return [_pause(float(rng.uniform(0.3, 2.0))), answer, _pause(0.075), _fsk(1.5, rng), _pause(1.5)]
    calling = tone(float(rng.uniform(1070, 1130)), 0.5, -15)
    return [_pause(float(rng.uniform(0.3, 2.0))), *[calling, _pause(3.0)] * 3]


def information_tone(rng: np.random.Generator) -> list[Sound]:
    """Return the three tones before an announcement, as a network off its frequencies sends them."""
    parts = []
    for frequency_hz in (950.0, 1400.0, 1800.0):
        parts += [
            tone(frequency_hz + float(rng.uniform(-20, 20)), 0.33, -18),
            _pause(float(rng.uniform(0, 0.03))),
        ]
    return [*parts, _pause(float(rng.uniform(0.1, 0.8)))]


def tone(frequency_hz: float, duration_s: float, level_dbfs: float) -> Sound:
    """Return one sine."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return 2**0.5 * 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * frequency_hz * time_s)


def _fsk(duration_s: float, rng: np.random.Generator) -> Sound:
    bits = rng.integers(0, 2, round(duration_s * 300))
    hz = np.repeat(np.where(bits > 0, 1650.0, 1850.0), RATE_HZ // 300)
    return 0.2 * np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ)


def _knock(sound: Sound, rng: np.random.Generator) -> None:
    """Add a breath or a knock of the handset, in place."""
    n = int(rng.uniform(0.03, 0.35) * RATE_HZ)
    begin = int(rng.integers(0, len(sound) - n))
    sound[begin : begin + n] += rng.normal(0, 0.03, n) * np.hanning(n)


def _pause(duration_s: float) -> Sound:
    return np.zeros(round(duration_s * RATE_HZ))


# ---- channels ---------------------------------------------------------------------------------------------------


def varied_channel(sound: Sound, rng: np.random.Generator, *, with_babble: bool) -> tuple[Sound, int]:
    """Return the sound as some telephone line gives it, and by how many samples it was shifted."""
    sound = _level(sound, float(rng.uniform(-34, -12)))
    kind = str(rng.choice(["none", "white", "pink", "brown", "babble"], p=(0.3, 0.25, 0.2, 0.1, 0.15)))
    if kind == "babble" and not with_babble:
        kind = "pink"
    if kind != "none":
        noise = _noise(kind, len(sound), rng)
        speech_dbfs = _speech_dbfs(sound)
        # As loud as -40 dBFS, but nobody answers a telephone that he cannot hear: 12 dB below the voice at most.
        level = (
            min(float(rng.uniform(-65, -40)), speech_dbfs - 12)
            if np.any(sound)
            else float(rng.uniform(-65, -40))
        )
        sound = sound + noise * 10 ** (level / 20)
    if rng.random() < 0.15:
        sound = _gated(sound)
    shift = 0
    if rng.random() < 0.25:
        shift = round(float(rng.uniform(0.2, 5.0)) * RATE_HZ)
        sound = np.concatenate([np.zeros(shift), sound])
    codec = str(rng.choice(["none", "ulaw", "alaw", "gsm"], p=(0.25, 0.25, 0.25, 0.25)))
    sound = coded(sound, codec)
    if rng.random() < 0.15:
        for begin in range(0, len(sound) - 160, 160):
            if rng.random() < 0.02:
                sound[begin : begin + 160] = 0.0
    return sound, shift


def with_noise(sound: Sound, noise_dbfs: float, rng: np.random.Generator) -> Sound:
    """Return the sound with white noise of `noise_dbfs`; below -96 with none."""
    return sound + rng.normal(0, 10 ** (noise_dbfs / 20), len(sound)) if noise_dbfs > -96 else sound


def coded(sound: Sound, codec: str) -> Sound:
    """Return the sound after `codec` (none, ulaw, alaw or gsm, 06.10 full rate)."""
    subtype = {"ulaw": "ULAW", "alaw": "ALAW", "gsm": "GSM610"}.get(codec)
    if subtype is None:
        return sound
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(sound, -1, 1), RATE_HZ, format="WAV", subtype=subtype)
    buffer.seek(0)
    samples, _ = soundfile.read(buffer, dtype="float64")
    return np.asarray(samples, dtype=np.float64)[: len(sound)]


def to_pcm(sound: Sound) -> NDArray[np.int16]:
    """Return the sound as 16 bits."""
    return np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)


def _speech_dbfs(sound: Sound) -> float:
    n = len(sound) // 160
    powers = np.mean(sound[: n * 160].reshape(n, 160) ** 2, axis=1)
    loudest = float(powers.max(initial=0.0))
    return 10 * float(np.log10(np.mean(powers[powers >= loudest * 10**-2.5]) + 1e-12)) if loudest else -100.0


def _level(sound: Sound, level_dbfs: float) -> Sound:
    if not np.any(sound):
        return sound
    return np.clip(sound * 10 ** ((level_dbfs - _speech_dbfs(sound)) / 20), -1, 1)


def _noise(kind: str, n: int, rng: np.random.Generator) -> Sound:
    """Return noise of level 0 dBFS."""
    if kind == "babble":
        noise = np.zeros(n)
        for voice in range(6):
            line = _babble_line(voice)
            noise += np.roll(np.resize(line, n), int(rng.integers(n)))
    else:
        spectrum = np.fft.rfft(rng.normal(0, 1, n))
        hz = np.maximum(np.fft.rfftfreq(n, 1 / RATE_HZ), 60.0)
        spectrum *= {"white": 1.0, "pink": hz**-0.5, "brown": 1 / hz}[kind]
        noise = np.fft.irfft(spectrum, n)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), dtype=np.float64)


def _gated(sound: Sound) -> Sound:
    """Return the sound of a network that sends digital silence while nobody speaks."""
    out = sound.copy()
    n = len(sound) // 160
    powers = np.mean(sound[: n * 160].reshape(n, 160) ** 2, axis=1)
    loud = powers > powers.max() * 10**-3.2
    kept = np.convolve(loud, np.ones(21), mode="same") > 0.5
    out[: n * 160].reshape(n, 160)[~kept] = 0.0
    return out


# ---- sources ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _espeak(name: str, pitch: int, words_per_minute: int, text: str) -> Sound:
    arguments = [
        "espeak-ng",
        "-v",
        name,
        "-p",
        str(pitch),
        "-s",
        str(words_per_minute),
        "-b",
        "1",
        "--stdin",
        "--stdout",
    ]
    done = subprocess.run(arguments, input=text.encode(), capture_output=True, timeout=30, check=True)
    samples, rate_hz = soundfile.read(io.BytesIO(done.stdout), dtype="float64")
    return _trimmed(soxr.resample(samples, rate_hz, RATE_HZ))


@lru_cache(maxsize=4096)
def _load(path: Path) -> Sound:
    samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    return _trimmed(soxr.resample(samples[:, 0], rate_hz, RATE_HZ))


@lru_cache(maxsize=8)
def _babble_line(place: int) -> Sound:
    voice = Voice(
        f"{('cmn', 'en-us')[place % 2]}+{('m1', 'f2', 'm4')[place % 3]}", 30 + 8 * place, 150 + 8 * place
    )
    texts = MACHINE["train"][("zh", "en")[place % 2]].split("|")
    return np.concatenate([voice.say(text) for text in texts])


def _short_prompts(folder: Path) -> list[str]:
    """Return the prompts of `folder` that last as long as a greeting."""
    found = []
    for path in sorted(folder.rglob("*.wav")):
        if (
            path.parent.name in ("silence", "letters", "phonetic")
            or "beep" in path.name
            or "tone" in path.name
        ):
            continue
        if 0.35 <= soundfile.info(path).duration <= 1.5:
            found.append(str(path))
    return found


def _trimmed(sound: Sound) -> Sound:
    """Return the sound without the silence around it, at its own loudest of one half."""
    peak = float(np.abs(sound).max(initial=0.0))
    loud = np.flatnonzero(np.abs(sound) > 0.02 * peak)
    if not len(loud):
        return np.zeros(160)
    return np.asarray(0.5 / peak * sound[loud[0] : loud[-1] + 1], dtype=np.float64)
