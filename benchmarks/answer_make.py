"""Make the answer model anew, from this project and its speech engines alone: `python -m benchmarks.answer_make --out BANK`.

Speaks the whole bank (`answer_bank`), trains what hears the words (`answer_training`), makes what writes them down and
weighs them (`answer_language`, `answer_cues`), finds how words and timing are weighed and where the line is drawn
(`answer_weighing`). Seeds are fixed. What is in BANK already is not spoken again.
On one free core it takes about half an hour, most of it Kokoro's. Needs espeak-ng, flite, jax and optax (the extra
`training`), the models kokoro-82m-int8 and piper-joe (`branchline models fetch`) and Kokoro's style tables: the folder
`package/voices` of the npm package kokoro-js 1.2.1.
"""

import argparse
from pathlib import Path

from audio.dsp.answer_content import MODEL_FILE
from audio.dsp.answer_words import MODEL_FILE as CUES_FILE
from audio.models import default_models_folder
from benchmarks import answer_cues, answer_language, answer_sounds
from benchmarks.answer_bank import make_bank
from benchmarks.answer_set import Bank
from benchmarks.answer_training import CALLS, EPOCHS, SEED, examples, train, write
from benchmarks.answer_weighing import (
    N_CALLS,
    N_CALLS_WITH_TEXT,
    WEIGHTS_FILE,
    weigh,
    weigh_text,
    write_weights,
)

ENGINES = ("espeak", "flite", "piper", "kokoro")
PLAN = (
    ("espeak", "train", ("zh", "en"), 40, 41),
    ("espeak", "wide", ("zh", "en"), 60, 42),
    ("espeak", "dev", ("zh", "en"), 10, 43),
    ("espeak", "held_out", ("zh", "en"), 5, 44),
    ("flite", "train", ("en",), 20, 51),
    ("flite", "wide", ("en",), 30, 52),
    ("flite", "dev", ("en",), 5, 53),
    ("piper", "wide", ("en",), 8, 32),
    ("piper", "dev", ("en",), 2, 33),
    ("kokoro", "train", ("zh", "en"), 5, 21),
    ("kokoro", "wide", ("zh",), 3, 22),
    ("kokoro", "wide", ("en",), 2, 22),
    ("kokoro", "wide", ("zh",), 1, 25),
    ("kokoro", "wide", ("zh",), 2, 26),
    ("kokoro", "dev", ("zh",), 2, 23),
    ("kokoro", "dev", ("en",), 1, 23),
)
"""Engine, split, languages, sessions of each, seed. More of Kokoro's is what would help most, and takes longest."""


def main() -> None:
    """Speak, train, weigh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/answer-bank"))
    parser.add_argument("--voices", type=Path, required=True, help="package/voices of kokoro-js")
    parser.add_argument(
        "--models", type=Path, default=default_models_folder(), help="where `models fetch` put them"
    )
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    files = {
        "kokoro": given.models / "kokoro-82m-int8" / "kokoro.onnx",
        "piper": given.models / "piper-joe" / "voice.onnx",
    }
    for engine, split, languages, n_sessions, seed in PLAN:
        made = make_bank(
            engine,
            split,
            n_sessions,
            given.out,
            languages=languages,
            seed=seed,
            jobs=given.jobs,
            model=files.get(engine),
            voices=given.voices,
        )
        print(f"{engine} {split}: {made} new clips", flush=True)
    folders = [given.out / f"{engine}-{split}" for engine in ENGINES for split in ("train", "wide")]
    data = examples(folders, CALLS, SEED, given.jobs, None)
    write(train(data, SEED, EPOCHS), MODEL_FILE)
    answer_language.make(answer_language.FOLDER, ("train", "wide"))
    answer_sounds.make(given.out, answer_language.FOLDER)
    answer_cues.make(CUES_FILE)
    dev = Bank([folder for engine in ENGINES if (folder := given.out / f"{engine}-dev").is_dir()])
    plain, with_text = weigh(dev, N_CALLS, given.jobs), weigh_text(dev, N_CALLS_WITH_TEXT, given.jobs)
    write_weights(plain, with_text, WEIGHTS_FILE)


if __name__ == "__main__":
    main()
