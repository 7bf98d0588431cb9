"""Learn what phones sound like over a telephone, in English and Mandarin: `python -m benchmarks.answer_sounds BANK`.

PocketSphinx's acoustic model was trained on wideband American English. Clips of training's voices (`train` and `wide`
of Kokoro and piper), through rooms, codecs and noise and then what `answer_ear` does to every sound, say for each
language how its phones sound here; Mandarin is spelled in English phones (`answer_language`). Only the means of the
Gaussians are learned (maximum a posteriori): their weights and variances, learned from so little, made it worse.
Needs sphinxtrain, sphinxbase-utils (sphinx_fe) and pocketsphinx (pocketsphinx_mdef_convert) from Debian.
"""

import argparse
import json
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio.listening.answer_ear import FOLDER, widened
from benchmarks.answer_channels import RATE_HZ, Sound, coded, level_to, line_noise, to_pcm, varied_room
from benchmarks.answer_language import english_words, mandarin_words

SEED = 9
TOOLS = Path("/usr/lib/sphinxtrain")
PASSES = {"en": 1, "zh": 3}
"""The model knows English; Mandarin's phones move further."""
FOLDERS = ("kokoro-train", "kokoro-wide", "piper-wide")
LONGEST_S = 760.0
STREAMS, SUBVECTORS = 3, "0-12/13-25/26-38"
LOG_BASE, LOG_SHIFT = 1.0001, 10
"""Of the weights that come with PocketSphinx, a byte each."""
_CLAUSE = re.compile(r"[，。？！；：,.?!;:]+")


def transcript(text: str, language: str, known: set[str]) -> list[str]:
    """Return the words of a text with a pause between clauses; none where the dictionary lacks one."""
    said: list[str] = []
    for clause in _CLAUSE.split(text):
        words = mandarin_words(clause) if language == "zh" else english_words(clause)
        if any(word not in known for word in words):
            return []
        said += ["<sil>", *words] if said and words else words
    return said


def over_a_line(sound: Sound, rng: np.random.Generator, *, is_noisy: bool) -> NDArray[np.int16]:
    """Return a clip as some telephone line brings it, and as the ear then hears it: 16 kHz."""
    quiet = np.zeros(RATE_HZ // 4)
    heard = varied_room(np.concatenate([quiet, sound, quiet]), rng)
    heard = level_to(heard, float(rng.uniform(-26, -14)))
    if is_noisy:
        kind = str(rng.choice(["white", "pink"], p=[0.75, 0.25]))
        heard = heard + line_noise(kind, len(heard), rng) * 10 ** (float(rng.uniform(-46, -37)) / 20)
    pcm = to_pcm(coded(heard, str(rng.choice(["none", "gsm", "ulaw"], p=[0.55, 0.25, 0.2]))))
    return np.clip(widened(pcm), -32768, 32767).astype("<i2")


def clips(bank: Path, language: str, rng: np.random.Generator) -> Iterator[tuple[str, Sound]]:
    """Yield texts and their sound, in no order, up to LONGEST_S of them."""
    rows = []
    for folder in (bank / name for name in FOLDERS):
        for meta in sorted(folder.glob("meta-*.jsonl")):
            found = map(json.loads, meta.read_text(encoding="utf-8").splitlines())
            rows += [(folder / one["file"], str(one["text"])) for one in found if one["lang"] == language]
    left_s = LONGEST_S
    for place in rng.permutation(len(rows)):
        path, text = rows[place]
        sound, _ = soundfile.read(path, dtype="float64")
        left_s -= len(sound) / RATE_HZ
        if left_s < 0:
            return
        yield text, sound


def stage(bank: Path, language: str, out: Path) -> int:
    """Write the clips, a list of them and what they say; return how many."""
    rng = np.random.default_rng(SEED)
    dictionary = (FOLDER / "answer_words.dict").read_text(encoding="utf-8").splitlines()
    known = {line.split(" ", 1)[0] for line in dictionary}
    names, lines = [], []
    for number, (text, sound) in enumerate(clips(bank, language, rng)):
        said = transcript(text, language, known)
        for is_noisy in (False, True) if said else ():
            name = f"{number:04d}-{int(is_noisy)}"
            (out / f"{name}.raw").write_bytes(over_a_line(sound, rng, is_noisy=is_noisy).tobytes())
            names.append(name)
            lines.append(f"<s> {' '.join(said)} </s> ({name})")
    (out / "clips").write_text("\n".join(names) + "\n", encoding="utf-8")
    (out / "said").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (out / "pauses").write_text("<s> SIL\n</s> SIL\n<sil> SIL\n", encoding="utf-8")
    return len(names)


def write_weights(packed: Path, out: Path) -> None:
    """Write the Gaussians' weights, a logarithm of one byte each, as the trainer reads them."""
    data, place = packed.read_bytes(), 0
    while (length := struct.unpack_from("<i", data, place)[0]) != 0:
        place += 4 + length
    n_densities, n_states = struct.unpack_from("<ii", data, place + 4)
    logs = np.frombuffer(data, np.uint8, STREAMS * n_densities * n_states, place + 12)
    weights = LOG_BASE ** -(logs.astype(np.float64) * (1 << LOG_SHIFT))
    weights = weights.reshape(STREAMS, n_densities, n_states).transpose(2, 0, 1)
    weights /= weights.sum(axis=-1, keepdims=True)
    head = struct.pack("<I4i", 0x11223344, n_states, STREAMS, n_densities, weights.size)
    out.write_bytes(b"s3\nversion 1.0\nendhdr\n" + head + weights.astype("<f4").tobytes())


def learn(bank: Path, language: str, model: Path, out: Path) -> None:
    """Write the means of a language."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        print(f"{language}: {stage(bank, language, work)} clips")
        features = ["-argfile", str(model / "feat.params"), "-samprate", "16000", "-raw", "yes", "-ei", "raw"]
        _run("sphinx_fe", *features, "-eo", "mfc", "-c", "clips", "-di", ".", "-do", ".", at=work)
        _run("pocketsphinx_mdef_convert", "-text", str(model / "mdef"), "mdef", at=work)
        write_weights(model / "sendump", work / "weights")
        shutil.copy(model / "means", work / "means")
        states = ["-moddeffn", "mdef", "-ts2cbfn", ".ptm.", "-mixwfn", "weights", "-accumdir", "counts"]
        states += ["-varfn", str(model / "variances")]
        texts = ["-dictfn", str(FOLDER / "answer_words.dict"), "-fdictfn", "pauses", "-ctlfn", "clips"]
        texts += ["-lsnfn", "said", "-cepdir", ".", "-tmatfn", str(model / "transition_matrices")]
        kind = ["-feat", "1s_c_d_dd", "-svspec", SUBVECTORS, "-cmn", "batch", "-agc", "none"]
        kind += ["-abeam", "1e-60", "-bbeam", "1e-60", "-tmatreest", "no", "-timing", "no"]
        for _ in range(PASSES[language]):
            shutil.rmtree(work / "counts", ignore_errors=True)
            (work / "counts").mkdir()
            _run(str(TOOLS / "bw"), *states, *texts, *kind, "-meanfn", "means", at=work)
            written = [
                "-mapmeanfn",
                "learned",
                "-mapvarfn",
                "unused-variances",
                "-mapmixwfn",
                "unused-weights",
            ]
            _run(str(TOOLS / "map_adapt"), *states, *written, "-meanfn", str(model / "means"), at=work)
            shutil.copy(work / "learned", work / "means")
        shutil.copyfile(work / "means", out / f"answer_sounds_{language}.means")


def _run(*command: str, at: Path) -> None:
    done = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr[-2000:]}")


def make(bank: Path, out: Path) -> None:
    """Write both languages' files."""
    import pocketsphinx  # noqa: PLC0415  only here

    model = Path(pocketsphinx.get_model_path()) / "en-us" / "en-us"
    for language in PASSES:
        learn(bank, language, model, out)


def main() -> None:
    """Stage, learn, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args()
    make(given.bank, given.out)


if __name__ == "__main__":
    main()
