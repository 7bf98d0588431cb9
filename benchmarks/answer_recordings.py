"""Judge answer classification on people's voices: `python -m benchmarks.answer_recordings --people DIR --machines DIR`.

Both folders hold clips (WAV, FLAC, OGG; any rate) in a sub-folder for each voice, at any depth: the folder that a clip
lies in is its voice. Of people's clips calls are staged: one clip and then quiet, two with a pause between ("hello? ...
hello?"), or two or three said in one go; the clips should be short things that people say. A machine's clip is what is
played after answering, a call of its own, followed by quiet. Every call is judged over several lines, beside Asterisk's
algorithm written anew, with the words written down by PocketSphinx (or not: --no-words).

--half: voices are split into two halves by their names, so that one half can be looked at and the other kept unseen.
What a clip says is not known here, so these figures are of timing and of voices, hardly of words.
"""

import argparse
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.answer_channels import RATE_HZ, Line, Sound, level_to, speech_dbfs, to_pcm
from benchmarks.answer_plots import draw
from benchmarks.answer_report import RECORDINGS, Judged, judge, likely_share, summary, text_of
from benchmarks.answer_set import StagedCall

SEED = 4711
SUFFIXES = (".wav", ".flac", ".ogg")
LINES = {
    "clean": (Line(), -20.0),
    "noise at -40 dBFS": (Line(noise_dbfs=-40.0), -20.0),
    "pink noise at -45 dBFS, A-law, quiet": (Line(noise="pink", noise_dbfs=-45.0, codec="alaw"), -28.0),
    "GSM full rate, noise at -45 dBFS": (Line(noise_dbfs=-45.0, codec="gsm"), -20.0),
    "mu-law, noise at -55 dBFS, loud": (Line(noise_dbfs=-55.0, codec="ulaw"), -12.0),
}
"""What every call is carried by, and the level of its speech in dBFS."""
WAYS = ("once", "twice", "in one go")
WAY_SHARES = (0.6, 0.2, 0.2)
SHORTEST_S, LONGEST_S = 0.15, 2.5
"""Of a person's clip: a longer one is no greeting."""
LEAST_PLAYED_S = 2.0
"""Of a machine's."""
SOFTEST_DBFS = -60.0
LOUDEST_ROOM = 10**-3.5
"""Of the loudest block's power."""
BLOCK = 160


def clips_of(folder: Path) -> dict[str, list[Path]]:
    """Return the clips of a folder by voice."""
    voices: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            voices[path.parent.relative_to(folder).as_posix()].append(path)
    return dict(voices)


def half_of(voice: str) -> str:
    """Return which half a voice belongs to, `seen` or `unseen`: always the same one."""
    return ("seen", "unseen")[hashlib.sha256(voice.encode()).digest()[0] & 1]


def people_calls(
    voices: dict[str, list[Path]], n_each: int, line: Line, level_dbfs: float, seed: int = SEED
) -> Iterator[StagedCall]:
    """Yield at most `n_each` calls that a voice answers, for every voice."""
    for voice, paths in voices.items():
        rng = np.random.default_rng([seed, *voice.encode()])
        for place in range(min(n_each, len(paths))):
            way = str(rng.choice(WAYS, p=WAY_SHARES))
            n_clips = {"once": 1, "twice": 2}.get(way, int(rng.integers(2, 4)))
            chosen = [
                paths[int(one)] for one in rng.choice(len(paths), min(n_clips, len(paths)), replace=False)
            ]
            loaded = [load(path) for path in chosen]
            said = [sound for sound, _ in loaded if SHORTEST_S <= len(sound) / RATE_HZ <= LONGEST_S]
            if not said:
                continue
            room = loaded[0][1]
            parts = [_quiet(rng, 0.1, 1.5, room), said[0]]
            begin, first_end = len(parts[0]), len(parts[0]) + len(said[0])
            for sound in said[1:]:
                parts += [_quiet(rng, *((0.9, 2.2) if way == "twice" else (0.1, 0.5)), room), sound]
            if way == "in one go":
                first_end = sum(map(len, parts))
            yield _call(
                "human",
                f"{voice}/{chosen[0].stem}, {way}, {place}",
                [*parts, _quiet(rng, 2.5, 3.5, room)],
                (begin, first_end),
                (line, level_dbfs, rng),
            )


def machine_calls(
    voices: dict[str, list[Path]], n_each: int, line: Line, level_dbfs: float, seed: int = SEED
) -> Iterator[StagedCall]:
    """Yield at most `n_each` calls that a machine with a voice takes, for every voice."""
    for voice, paths in voices.items():
        rng = np.random.default_rng([seed, *voice.encode()])
        played = [path for path in paths if soundfile.info(path).duration >= LEAST_PLAYED_S]
        for place in sorted(rng.permutation(len(played))[:n_each].tolist()):
            sound, room = load(played[place])
            if len(sound) < LEAST_PLAYED_S * RATE_HZ:
                continue
            lead = _quiet(rng, 0.1, 1.5, room)
            yield _call(
                "machine",
                f"{voice}/{played[place].stem}",
                [lead, sound, _quiet(rng, 2.5, 3.5, room)],
                (len(lead), len(lead) + len(sound)),
                (line, level_dbfs, rng),
            )


def load(path: Path) -> tuple[Sound, float]:
    """Return the spoken part of a clip at 8 kHz, at one level, and how loud the room is behind it; empty for none."""
    samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    # Of two directions the callee's is the louder one: nobody spoke to a machine.
    loudest = samples[:, int((samples**2).sum(axis=0).argmax())]
    sound = np.asarray(soxr.resample(loudest, rate_hz, RATE_HZ), dtype=np.float64)
    if speech_dbfs(sound) < SOFTEST_DBFS:
        return sound[:0], 0.0
    sound = level_to(sound, -20.0)
    powers = np.mean(sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK) ** 2, axis=1)
    room = float(np.quantile(powers, 0.1))
    loud = np.flatnonzero(powers > max(powers.max() * 10**-2.8, room * 10))
    if not len(loud):
        return sound[:0], 0.0
    begin, end = max(0, loud[0] - 1) * BLOCK, (loud[-1] + 2) * BLOCK
    # A clip that was cut to its words says nothing about the room.
    return sound[begin:end], room**0.5 if room < powers.max() * LOUDEST_ROOM else 0.0


def _call(
    answer: str,
    name: str,
    parts: list[Sound],
    words: tuple[int, int],
    carried: tuple[Line, float, np.random.Generator],
) -> StagedCall:
    line, level_dbfs, rng = carried
    pcm = to_pcm(line.carry(level_to(np.concatenate(parts), level_dbfs), rng))
    begin_s, end_s = (place / RATE_HZ for place in words)
    return StagedCall(
        name=name,
        answer=answer,
        source=name.split("/", maxsplit=1)[0],
        language="",
        pcm=pcm,
        first_begin_s=begin_s,
        first_end_s=end_s if answer == "human" else 0.0,
        spoken_end_s=end_s,
    )


def _quiet(rng: np.random.Generator, shortest_s: float, longest_s: float, room: float) -> Sound:
    """Return a pause in which the room goes on, as loud as it was behind the words."""
    return rng.normal(0.0, room, round(float(rng.uniform(shortest_s, longest_s)) * RATE_HZ))


def by_source(judged: list[Judged]) -> dict[str, str]:
    """Return for every set of voices how many of its calls were told rightly."""
    right: Counter[tuple[str, str]] = Counter()
    every: Counter[tuple[str, str]] = Counter()
    for one in judged:
        key = one.call.answer, one.call.source
        every[key] += 1
        right[key] += one.final in RECORDINGS if one.call.answer == "machine" else one.final == "human"
    return {
        f"{answer} {source}": f"{right[answer, source]} of {n}"
        for (answer, source), n in sorted(every.items())
    }


def main() -> None:
    """Judge, write report.md, report.json and the plots, and say the main figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, help="folder of clips that people said, a sub-folder a voice")
    parser.add_argument("--machines", type=Path, help="folder of what machines play, a sub-folder a voice")
    parser.add_argument("--half", choices=("seen", "unseen", "all"), default="all")
    parser.add_argument("--people-each", type=int, default=6, help="calls of a person's voice, at most")
    parser.add_argument("--machines-each", type=int, default=40, help="calls of a machine's voice, at most")
    parser.add_argument("--only", default="", help="only the lines whose name has this in it")
    parser.add_argument("--words", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--models", type=Path, help="Whisper too: a folder of models")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/answer-recordings"))
    given = parser.parse_args()
    if given.people is None and given.machines is None:
        parser.error("name a folder of clips: --people, --machines or both")
    folders = {
        name: {
            voice: paths
            for voice, paths in (clips_of(folder) if folder else {}).items()
            if given.half in ("all", half_of(voice))
        }
        for name, folder in (("people", given.people), ("machines", given.machines))
    }
    given.out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, dict[str, object]] = {}
    texts = ["# Who answered: recorded voices\n\n" + (__doc__ or "") + "\n"]
    for name, (line, level_dbfs) in LINES.items():
        if given.only not in name:
            continue
        staged = [
            *people_calls(folders["people"], given.people_each, line, level_dbfs),
            *machine_calls(folders["machines"], given.machines_each, line, level_dbfs),
        ]
        with ProcessPoolExecutor(given.jobs) as workers:
            judged = list(
                workers.map(partial(judge, models=given.models, words=given.words), staged, chunksize=4)
            )
        figures[name] = summary(judged) | {"right_by_set": by_source(judged)}
        texts.append(text_of(name, figures[name]))
        people = [one for one in judged if one.call.answer == "human"]
        false = sum(one.final in RECORDINGS for one in people)
        print(
            f"{name}: {figures[name]['calls']} calls, people taken for recordings {false} of {len(people)}"
            f" {likely_share(false, max(1, len(people)))}, recordings right {figures[name]['recordings_right']}"
            f" of {figures[name]['recordings']}, Asterisk {figures[name]['asterisk_right_share']}",
            flush=True,
        )
    texts += [f"![{path.stem}]({path.name})\n" for path in draw(dict(figures), given.out)]
    (given.out / "report.md").write_text("\n".join(texts), encoding="utf-8")
    (given.out / "report.json").write_text(
        json.dumps(figures, indent=1, ensure_ascii=False), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
