"""What the hearing report measures, each part in worker processes, each with a plain account of its material."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from subprocess import SubprocessError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.command import heard_by_a_call
from audio.errors import AudioError
from audio.events import BeepHeard, FaxHeard, ProgressHeard, SitHeard
from audio.sound_file import load_sound
from benchmarks import call_tones, dtmf_report, dtmf_sweep, hearing_plots
from benchmarks.answer_bank import LANGUAGES, make_bank
from benchmarks.answer_prompts import foreign_calls, prompt_calls
from benchmarks.answer_report import (
    LINES,
    NOISE_DBFS,
    RECORDINGS,
    SEED,
    Judged,
    judge,
    recorded,
    sets_of,
    summary,
)
from benchmarks.answer_set import Bank, StagedCall, calls
from benchmarks.hearing_page import Grid, Section

Sound = NDArray[np.int16]
SAMPLE = Path(__file__).parents[1] / "tests/audio/answers"
STAGED_LINES = ("clean", "noise at -40 dBFS", "voices at -40 dBFS", "A-law, 3 % of packets lost")
STAGED_SESSIONS = 4
WAIT_S = 900.0
"""For one result of a worker: a call with Whisper takes seconds."""
CHUNK_S = 60
SOUNDS = (".wav", ".ogg", ".flac", ".mp3")
QUICK_ROWS = ("as it should be", "noise 15 dB below", "both +3.5 %", "gsm, 100 ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one run of the report was asked for."""

    out: Path
    workers: Executor
    tick: Callable[[str, int, int], None]
    """Told of every step: what, how many are done, of how many (0 when nobody knows)."""
    is_late: Callable[[], bool]
    bank: Path | None = None
    models: Path | None = None
    speech: tuple[Path, ...] = ()
    words: bool = True
    quick: bool = False


@dataclass(slots=True)
class Done:
    """What came of a part."""

    section: Section | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def answers(asked: Asked) -> Done:
    """Judge who answered, set by set."""
    done = Done()
    judged: dict[str, list[Judged]] = {}
    ask = partial(judge, models=asked.models, words=asked.words)
    for name, make in _answer_sets(asked, done).items():
        if asked.is_late():
            done.left_out.append(f"who answered, {name}: no time was left")
            continue
        staged = list(islice(make(), 0, 40 if asked.quick else None, 8 if asked.quick else 1))
        if not staged:
            done.left_out.append(f"who answered, {name}: its Debian package is not installed")
            continue
        judged[name] = []
        asked.tick(name, 0, len(staged))
        for one in asked.workers.map(ask, staged, timeout=WAIT_S):
            judged[name].append(one)
            asked.tick(name, len(judged[name]), len(staged))
        done.figures[name] = summary(judged[name])
    if not judged:
        return done
    figures = done.figures
    rows = [
        (
            name,
            one["calls"],
            f"{one['person_or_recording_right_share']:.0%}",
            "{:.0%} to {:.0%}".format(*one["person_or_recording_right_95_percent"]),
            f"{round(one['false_machine_share'] * one['people'])} of {one['people']}",
            f"{one['right_class_share']:.0%}",
            f"{one['asterisk_right_share']:.0%}",
            *(one["human_ms_after_greeting"].get(key, "") for key in ("p50", "p90")),
            *(one["machine_ms_after_answer"].get(key, "") for key in ("p50", "p90")),
        )
        for name, one in figures.items()
    ]
    head = (
        "set; line", "calls", "person or recording right", "likely (95 %)", "people taken for recordings",
        "class right", "Asterisk's algorithm", "person ms, median", "90 %", "recording ms, median", "90 %",
    )  # fmt: skip
    people: dict[str, list[float]] = {}
    machines: dict[str, list[float]] = {}
    for name, of in judged.items():
        people[name] = [
            float(one.latency_ms) for one in of if one.latency_ms is not None and one.call.first_end_s
        ]
        told = [one for one in of if one.call.answer in RECORDINGS and one.final in RECORDINGS]
        machines[name] = [float(one.decided_ms) for one in told]
    done.section = Section(
        title="Who answered",
        ran_on="Judged by the very code of a call, "
        + ("by sound and by what the recognisers wrote down. " if asked.words else "by sound alone. ")
        + "The repository's sample (tests/audio/answers) is synthetic speech (Kokoro, piper) of texts that nothing was "
        "trained on, with which thresholds were chosen in view. Asterisk's prompts are recordings of people, labelled by "
        "us; in four languages that nobody taught the box. The staged calls are synthetic voices (espeak-ng, flite, "
        "festival) and texts kept apart; how long they greet and pause is our assumption. No set holds a real call, and "
        "nobody in them says hello into a telephone. Asterisk's algorithm is written anew and judges the same sound.",
        grids=(Grid(caption="By set and line", head=head, rows=rows),),
        pictures=(
            hearing_plots.confusions(
                {name: one["confusion"] for name, one in figures.items()}, asked.out / "confusion.png"
            ),
            hearing_plots.decision_times(
                people,
                machines,
                asked.out / "decision_times.png",
            ),
        ),
        notes=tuple(
            f"{name}: {line}"
            for name, one in figures.items()
            for line in one["wrong"][:12]
            if not asked.quick
        ),
    )
    return done


def _answer_sets(asked: Asked, done: Done) -> dict[str, Callable[[], Iterable[StagedCall]]]:
    sets: dict[str, Callable[[], Iterable[StagedCall]]] = {
        "the repository's sample; as it is": lambda: recorded(SAMPLE, None),
        "the repository's sample; noise at -40 dBFS": lambda: recorded(SAMPLE, NOISE_DBFS),
    }
    if asked.quick:
        return sets
    sets |= {
        "Asterisk's English prompts; clean": lambda: prompt_calls(-100.0, SEED),
        "Asterisk's English prompts; noise at -40 dBFS": lambda: prompt_calls(NOISE_DBFS, SEED),
    }
    bank = asked.out / "bank"
    engines = [engine for engine in ("espeak", "flite", "festival") if _speaks(engine, bank)]
    done.left_out += [
        f"who answered, voices of {one}: install Debian's {one}"
        for one in ("espeak", "flite", "festival")
        if one not in engines
    ]
    if engines:
        staged = Bank([bank / f"{engine}-unseen" for engine in engines])
        for line in STAGED_LINES:
            sets[f"staged: {', '.join(engines)}; {line}"] = partial(calls, staged, 45, SEED, line=LINES[line])
    sets["Asterisk's prompts in four languages, every second; clean"] = lambda: islice(
        foreign_calls(-100.0, SEED), 0, None, 2
    )
    if asked.bank is None:
        done.left_out.append("who answered, neural voices: name a bank of `benchmarks.answer_bank` by --bank")
    for label, lines in sets_of(asked.bank, None, 45).items() if asked.bank is not None else ():
        if not label.startswith("Asterisk's"):
            sets |= {f"{label}; {line}": make for line, make in lines.items()}
    if asked.models is None:
        done.left_out.append("who answered, with Whisper's words: name the folder of models by --models")
    return sets


def _speaks(engine: str, bank: Path) -> bool:
    """Make the few clips of an engine; say whether it is there."""
    try:
        make_bank(engine, "unseen", STAGED_SESSIONS, bank, languages=LANGUAGES[engine], seed=11, jobs=2)
    except (OSError, SubprocessError):  # no program, or none of its voices
        return False
    return True


def keys(asked: Asked) -> Done:
    """Press keys with every fault, and count who hears them."""
    n_keys = 16 if asked.quick else 160
    faults = {name: row for name, row in dtmf_sweep.faults().items() if not asked.quick or name in QUICK_ROWS}
    seeds = {name: seed for seed, name in enumerate(dtmf_sweep.faults())}
    scores = {}
    asked.tick("keys", 0, len(faults))
    work = [(fault, n_keys, seeds[name]) for name, (_, fault) in faults.items()]
    for name, score in zip(faults, asked.workers.map(_pressed, work, timeout=WAIT_S), strict=True):
        scores[name] = score
        asked.tick("keys", len(scores), len(faults))
    rows, n_wrong = [], 0
    for name, (expectation, _) in faults.items():
        mine, theirs = scores[name]
        is_wrong = (expectation is dtmf_sweep.Expectation.HEARD and (mine.heard < mine.pressed or mine.false)) or (
            expectation is dtmf_sweep.Expectation.REFUSED and (mine.heard or mine.false)
        )  # fmt: skip
        n_wrong += bool(is_wrong)
        rows.append(
            ("!" * bool(is_wrong) + name, expectation.value, f"{mine.share:.1%}", mine.false, f"{theirs.share:.1%}", theirs.false)
        )  # fmt: skip
    picture = hearing_plots.bars(
        [
            (f"{name} ({faults[name][0].value})", mine.share, theirs.share)
            for name, (mine, theirs) in scores.items()
        ],
        ("Branchline", "spandsp"),
        "share of keys heard",
        asked.out / "keys.png",
    )
    return Done(
        section=Section(
            title="Keys",
            ran_on=f"{n_keys} keys a row, made here, with the faults of ITU-T Q.24 and beyond; codecs by libsndfile and sox. "
            "`heard` and `refused` are what a recommendation asks for, `open` is what none says. spandsp is Debian's, "
            f"in its own settings, on the same sound. Rows that are not as asked: {n_wrong}.",
            grids=(
                Grid(
                    caption="Keys with faults",
                    head=("fault", "asked", "we hear", "false", "spandsp hears", "false"),
                    rows=rows,
                ),
            ),
            pictures=(picture,),
        ),
        figures={
            "keys": {name: mine.share for name, (mine, _) in scores.items()},
            "keys_wrong_rows": n_wrong,
        },
    )


def _pressed(work: tuple[dtmf_sweep.Fault, int, int]) -> tuple[dtmf_sweep.Score, dtmf_sweep.Score]:
    fault, n_keys, seed = work
    return dtmf_sweep.run(fault, n_keys=n_keys, seed=seed)


def tones(asked: Asked) -> Done:
    """Play the table's call-progress tones under every condition."""
    names = [name for name, _ in call_tones.sweeps()][: 1 if asked.quick else None]
    sweep = partial(_swept, every=10 if asked.quick else 1)
    asked.tick("call progress", 0, len(names))
    swept = {}
    for name, row in zip(names, asked.workers.map(sweep, names, timeout=WAIT_S), strict=True):
        swept[name] = row
        asked.tick("call progress", len(swept), len(names))
    picture = hearing_plots.bars(
        [
            (name, one["own_country"] / one["tones"], one["all_countries"] / one["tones"])
            for name, one in swept.items()
        ],
        ("its country's detector", "all countries at once"),
        "share of the table's tones told rightly",
        asked.out / "tones.png",
    )
    rows = [
        (name, one["tones"], one["own_country"], one["all_countries"], ", ".join(list(one["missed"])[:8]))
        for name, one in swept.items()
    ]
    head = ("condition", "tones", "its country", "all countries", "missed by its country's")
    return Done(
        section=Section(
            title="Call progress",
            ran_on="Ringing, busy, congestion, dial and information tones of every country in the table, made here at -15 "
            "dBFS unless said otherwise.",
            grids=(Grid(caption="Tones under conditions", head=head, rows=rows),),
            pictures=(picture,),
        ),
        figures={"tones": swept},
    )


def _swept(name: str, every: int) -> dict[str, Any]:
    return call_tones.sweep(dict(call_tones.sweeps())[name], 1, every=every)


def talk_off(asked: Asked) -> Done:
    """Play speech, and count every key and tone that is none."""
    done = Done()
    minutes = 0.1 if asked.quick else 30.0
    kinds: dict[str, Iterator[Sound]] = {
        "Chinese, espeak-ng": dtmf_report.speech("zh"),
        "English, espeak-ng": dtmf_report.speech("en"),
    }
    folders = [] if asked.quick else sorted(dtmf_report.HUMAN_SOUNDS.glob("*_*_[fm]_*"))
    if not folders and not asked.quick:
        done.left_out.append("speech of people: install Debian's asterisk-core-sounds-*-wav")
    kinds |= {folder.name: _sounds_in(folder) for folder in (*folders, *asked.speech)}
    rows = []
    total: Counter[str] = Counter()
    for kind, sounds in kinds.items():
        if asked.is_late():
            done.left_out.append(f"talk-off, {kind}: no time was left")
            continue
        limit = None if kind not in ("Chinese, espeak-ng", "English, espeak-ng") else minutes
        found: Counter[str] = Counter()
        for chunk in asked.workers.map(_false, _chunks(sounds, limit), timeout=WAIT_S):
            found.update(chunk)
            asked.tick(f"talk-off, {kind}", found["samples"] // 480_000, 0)
        asked.tick(f"talk-off, {kind}, minutes", found["samples"] // 480_000, found["samples"] // 480_000)
        total.update(found)
        rows.append((kind, f"{found['samples'] / 480_000:.1f}", *(found[one] for one in _COUNTED)))
    rows.append(("all", f"{total['samples'] / 480_000:.1f}", *(total[one] for one in _COUNTED)))
    head = (
        "speech",
        "minutes",
        "keys",
        "12 dB lower",
        "24 dB lower",
        "spandsp's keys",
        "progress",
        "SIT",
        "fax",
        "beep",
    )
    done.section = Section(
        title="Speech that must press no key and ring no bell",
        ran_on="espeak-ng at six speeds and five pitches; recordings of people: Debian's Asterisk prompts in whatever "
        "languages are installed (`tt-monkeys` among them is a joke and screams, `beep` files are beeps), and the folders "
        "named by --speech. Keys at three levels; tones as a call tells them.",
        grids=(Grid(caption="False keys and tones", head=head, rows=rows),),
    )
    done.figures = {"talk_off": {key: total[key] for key in ("samples", *_COUNTED)}}
    return done


_COUNTED = ("keys", "keys-12", "keys-24", "spandsp", "progress", "sit", "fax", "beep")
_TONES = {ProgressHeard: "progress", SitHeard: "sit", FaxHeard: "fax", BeepHeard: "beep"}


def _false(sound: Sound) -> dict[str, int]:
    found: Counter[str] = Counter(samples=len(sound))
    for name, level_db in (("keys", 0.0), ("keys-12", -12.0), ("keys-24", -24.0)):
        quiet = (sound * 10 ** (level_db / 20)).astype(np.int16)
        found[name] += len(dtmf_sweep.ours(quiet))
        found["spandsp"] += len(dtmf_sweep.spandsp(quiet))
    for _, event in heard_by_a_call(sound):
        if (name := _TONES.get(type(event), "")) != "":
            found[name] += 1
    return dict(found)


def _chunks(sounds: Iterator[Sound], minutes: float | None) -> Iterator[Sound]:
    """Join short sounds to a minute; end after so many minutes."""
    parts: list[Sound] = []
    n_samples = n_all = 0
    for sound in sounds:
        parts += [sound, np.zeros(1600, dtype=np.int16)]
        n_samples += len(sound)
        n_all += len(sound)
        is_enough = minutes is not None and n_all >= minutes * 480_000
        if n_samples >= CHUNK_S * 8000 or is_enough:
            yield np.concatenate(parts)
            parts, n_samples = [], 0
        if is_enough:
            return
    if parts:
        yield np.concatenate(parts)


def _sounds_in(folder: Path) -> Iterator[Sound]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SOUNDS:
            try:
                yield load_sound(path)
            except AudioError:
                continue


PARTS: Sequence[tuple[str, Callable[[Asked], Done]]] = (
    ("keys", keys),
    ("tones", tones),
    ("talk-off", talk_off),
    ("answers", answers),
)
"""In the order in which they run: the longest has what time is left."""
