"""Stage calls as they sound after answer, each with its true class, from a bank of spoken clips (`answer_bank`).

Everything here is synthetic or staged, and the report says so. How long people greet and how long machines talk are
our assumptions (`_human`, `_machine`), not measurements of real calls. Training and held-out calls share no text
pattern and no voice; flite's slt and piper are engines or speakers that no training call has.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.answer_channels import RATE_HZ, Line, Sound, level_to, resampled, to_pcm, varied_channel
from benchmarks.answer_texts import CARRIER_REASONS

CLASSES = ("human", "machine", "carrier_announcement", "screening_assistant", "fax", "silence")
SHARES = (0.46, 0.25, 0.16, 0.06, 0.03, 0.04)
ENGINE_WEIGHT = {"kokoro": 4.0, "piper": 1.5, "flite": 0.7}
"""Natural voices are heard more than their number alone would have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedCall:
    """One call's sound from answer on."""

    name: str
    answer: str
    subject: str = ""
    """What a carrier's announcement is about."""
    source: str
    """The engine, or `tones`."""
    language: str
    pcm: NDArray[np.int16]
    first_begin_s: float = 0.0
    """Where speech begins."""
    first_end_s: float = 0.0
    """Where the first words end (human), else 0."""
    spoken_end_s: float = 0.0
    """Where the message ends, before any beep."""
    text: str = ""
    """All that is said."""


@dataclass(frozen=True, slots=True)
class _Staged:
    parts: list[Sound]
    source: str
    begin: int = 0
    first_end: int = 0
    end: int = 0
    subject: str = ""
    text: str = ""


class Bank:
    """The clips of one split, by engine, voice and kind."""

    def __init__(self, folders: list[Path]) -> None:
        self._sessions: dict[tuple[str, str], list[dict[str, list[Path]]]] = {}
        self.texts: dict[Path, str] = {}
        for folder in folders:
            engine = folder.name.split("-")[0]
            sessions: dict[tuple[str, str], dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
            for meta in sorted(folder.glob("meta-*.jsonl")):
                for line in meta.read_text(encoding="utf-8").splitlines():
                    row = json.loads(line)
                    sessions[row["lang"], row["session"]][row["kind"]].append(folder / row["file"])
                    self.texts[folder / row["file"]] = row["text"]
            for (language, _), kinds in sorted(sessions.items()):
                self._sessions.setdefault((engine, language), []).append(kinds)
        self.engines = {
            language: sorted(engine for engine, spoken in self._sessions if spoken == language)
            for language in ("zh", "en")
        }

    def has(self, language: str, kind: str) -> bool:
        """Say whether any voice says something of `kind`."""
        return any(
            kind in one
            for (_, spoken), all_of in self._sessions.items()
            if spoken == language
            for one in all_of
        )

    def session(
        self, language: str, kinds: tuple[str, ...], rng: np.random.Generator
    ) -> tuple[str, dict[str, list[Path]]]:
        """Return an engine and one of its voices that says something of `kinds`."""
        engines = self.engines[language]
        # An engine of few voices is heard less, but not in proportion.
        share = np.array(
            [
                ENGINE_WEIGHT.get(engine, 1.0) * len(self._sessions[engine, language]) ** 0.5
                for engine in engines
            ]
        )
        for _ in range(200):
            engine = str(rng.choice(engines, p=share / share.sum()))
            sessions = self._sessions[engine, language]
            session = sessions[int(rng.integers(len(sessions)))]
            if any(kind in session for kind in kinds):
                return engine, session
        for (engine, spoken), sessions in self._sessions.items():
            found = [one for one in sessions if spoken == language and any(kind in one for kind in kinds)]
            if found:  # so rare that chance passed it by
                return engine, found[int(rng.integers(len(found)))]
        raise LookupError(
            f"the bank has no {kinds} in {language}: make it with `python -m benchmarks.answer_bank`"
        )


def calls(
    bank: Bank,
    n: int,
    seed: int,
    *,
    noise_dbfs: float | None = None,
    line: Line | None = None,
    name: str = "call",
) -> Iterator[StagedCall]:
    """Yield `n` calls.

    Every call has a channel of its own (noise, codec, level, loss), or all have the same `line`; with `noise_dbfs` an
    even white noise of that level and nothing else (-100 for a clean channel).
    """
    if noise_dbfs is not None:
        line = Line(noise_dbfs=noise_dbfs)
    rng = np.random.default_rng(seed)
    for place in range(n):
        answer = str(rng.choice(CLASSES, p=SHARES))
        language = str(rng.choice(["zh", "en"], p=(0.55, 0.45)))
        language = language if bank.engines[language] else {"zh": "en", "en": "zh"}[language]
        staged = _staged(answer, language, bank, rng)
        sound = np.concatenate(staged.parts)
        shift = 0
        babble = None
        if answer != "silence" and (line is None or line.noise == "babble"):
            babble = _babble(bank, language, rng)
        if line is None:
            sound, shift = varied_channel(sound, rng, babble=babble)
        else:
            sound = line.carry(level_to(sound, -20.0), rng, babble)
        yield StagedCall(
            name=f"{name}-{seed}-{place:05d}",
            answer=answer,
            subject=staged.subject,
            source=staged.source,
            language=language,
            pcm=to_pcm(sound),
            text=staged.text,
            first_begin_s=(staged.begin + shift) / RATE_HZ,
            first_end_s=(staged.first_end + shift) / RATE_HZ if staged.first_end else 0.0,
            spoken_end_s=(staged.end + shift) / RATE_HZ,
        )


def _staged(answer: str, language: str, bank: Bank, rng: np.random.Generator) -> _Staged:
    match answer:
        case "human":
            return _human(language, bank, rng)
        case "machine":
            return _machine(language, bank, rng)
        case "carrier_announcement":
            return _carrier(language, bank, rng)
        case "screening_assistant":
            return _screening(language, bank, rng)
        case "fax":
            return _Staged(_fax(rng), "tones")
        case _:
            quiet = _pause(float(rng.uniform(5, 10)))
            for _ in range(int(rng.integers(0, 3))):
                _knock(quiet, rng)
            return _Staged([quiet], "tones")


def _lead(rng: np.random.Generator) -> list[Sound]:
    """What is heard before the first word: mostly nothing, at times the end of the ringing tone."""
    parts = [
        _pause(float(rng.choice([rng.uniform(0.02, 0.4), rng.uniform(0.2, 1.5), rng.uniform(1.0, 3.5)])))
    ]
    if rng.random() < 0.06:
        parts = [tone(float(rng.choice([450, 425, 440])), float(rng.uniform(0.2, 1.0)), -20.0), *parts]
    return parts


class _Speaker:
    """One voice, at one pitch for the whole call."""

    def __init__(self, language: str, kinds: tuple[str, ...], bank: Bank, rng: np.random.Generator) -> None:
        self.engine, self.clips = bank.session(language, kinds, rng)
        self._factor = float(rng.uniform(0.86, 1.16)) if rng.random() < 0.7 else 1.0
        self._rng = rng
        self._texts = bank.texts
        self.text = ""

    def say(self, kind: str) -> Sound:
        paths = self.clips[kind]
        path = paths[int(self._rng.integers(len(paths)))]
        self.text += self._texts[path] + " "
        sound = _load(path)
        return sound if self._factor == 1.0 else resampled(sound, self._factor)


def _human(language: str, bank: Bank, rng: np.random.Generator) -> _Staged:
    """A person: mostly one greeting; some greet again when nobody answers."""
    speaker = _Speaker(language, ("human",), bank, rng)
    n = int(rng.choice([1, 2, 3, 4], p=(0.62, 0.24, 0.09, 0.05)))
    parts = [*_lead(rng)]
    begin = sum(map(len, parts))
    parts.append(speaker.say("human"))
    first_end = sum(map(len, parts))
    for _ in range(n - 1):
        low, high = (0.2, 0.9) if rng.random() < 0.4 else (0.7, 2.8)
        parts += [_pause(float(rng.uniform(low, high))), speaker.say("human")]
    end = sum(map(len, parts))
    ending = _pause(float(rng.uniform(1.6, 4.0)))
    return _Staged([*parts, ending], speaker.engine, begin, first_end, end, text=speaker.text)


def _machine(language: str, bank: Bank, rng: np.random.Generator) -> _Staged:
    """A message of one to four sentences, with or without an opening."""
    speaker = _Speaker(language, ("machine",), bank, rng)
    n = int(rng.choice([1, 2, 3, 4], p=(0.42, 0.36, 0.17, 0.05)))
    said = [speaker.say("machine") for _ in range(n)]
    if "opening" in speaker.clips and rng.random() < 0.5:
        said.insert(0, speaker.say("opening"))
    parts = _lead(rng)
    begin = sum(map(len, parts))
    parts += _joined(said, rng)
    end = sum(map(len, parts))
    if rng.random() < 0.5:
        beep = tone(float(rng.uniform(440, 1800)), float(rng.uniform(0.15, 0.9)), -16)
        parts += [_pause(float(rng.uniform(0.2, 1.6))), beep]
    ending = _pause(float(rng.uniform(1.6, 4.0)))
    return _Staged([*parts, ending], speaker.engine, begin, 0, end, text=speaker.text)


def _carrier(language: str, bank: Bank, rng: np.random.Generator) -> _Staged:
    """An announcement, at times after tones, in a second language, or in a loop."""
    speaker = _Speaker(language, CARRIER_REASONS, bank, rng)
    subject = str(rng.choice([kind for kind in CARRIER_REASONS if kind in speaker.clips]))
    said = [speaker.say(subject)]
    second = "en" if language == "zh" else "zh"
    if rng.random() < 0.25 and bank.has(second, subject):
        translator = _Speaker(second, (subject,), bank, rng)
        said.append(translator.say(subject))
        speaker.text += translator.text
    message = _joined(said, rng)
    parts = _lead(rng)
    if rng.random() < 0.2:
        parts += information_tone(rng)
    begin = sum(map(len, parts))
    parts += message
    if rng.random() < 0.3:
        parts += [_pause(float(rng.uniform(0.5, 3.0))), *message]
    end = sum(map(len, parts))
    ending = _pause(float(rng.uniform(1.6, 4.0)))
    return _Staged([*parts, ending], speaker.engine, begin, 0, end, subject, speaker.text)


def _screening(language: str, bank: Bank, rng: np.random.Generator) -> _Staged:
    speaker = _Speaker(language, ("screening_assistant",), bank, rng)
    parts = _lead(rng)
    begin = sum(map(len, parts))
    parts.append(speaker.say("screening_assistant"))
    end = sum(map(len, parts))
    ending = _pause(float(rng.uniform(1.6, 4.0)))
    return _Staged([*parts, ending], speaker.engine, begin, 0, end, text=speaker.text)


def _joined(said: list[Sound], rng: np.random.Generator) -> list[Sound]:
    message: list[Sound] = []
    for sentence in said:
        message += [sentence, _pause(float(rng.uniform(0.1, 0.8)))]
    return message[:-1]


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


def _babble(bank: Bank, language: str, rng: np.random.Generator) -> Sound:
    _, session = bank.session(language, ("machine",), rng)
    return np.concatenate([_load(path) for path in session["machine"]])


@lru_cache(maxsize=8192)
def _load(path: Path) -> Sound:
    samples, _ = soundfile.read(path, dtype="float64")
    return np.asarray(samples, dtype=np.float64)
