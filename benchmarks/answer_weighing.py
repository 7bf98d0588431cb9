"""Fit how words and timing are weighed against each other: `python -m benchmarks.answer_weighing BANK`.

A logistic model of a few weights, fitted on calls of voices and texts of their own (`dev`) that neither training nor
the report has, because on its own training calls the words would weigh too much. Then the bias is lowered until few of
these calls' people are recordings at the end: that is the operating point. A second model, for when words were written
down as well, is fitted on fewer of the calls: PocketSphinx takes a second for each.
"""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.dsp.answer import EVERY_BLOCKS
from audio.dsp.answer_content import content_model
from audio.dsp.answer_evidence import (
    BASIS,
    BASIS_WITH_TEXT,
    SIGNS,
    SIGNS_WITH_TEXT,
    AnswerEvidence,
    basis_of,
    basis_with_text_of,
    has_text,
)
from audio.dsp.answer_parts import AnswerParts
from audio.dsp.blocks import BLOCK_SAMPLES
from audio.dsp.tone import spectrum_of
from audio.dsp.utterances import GAP_BLOCKS
from audio.listening.answer_ear import ANSWER_TAG, ANY_LANGUAGE, AnswerEar, written
from benchmarks.answer_channels import RATE_HZ
from benchmarks.answer_set import Bank, StagedCall, calls

WEIGHTS_FILE = Path(__file__).resolve().parents[1] / "audio" / "dsp" / "answer_weights.py"
SEED = 8
N_CALLS, N_CALLS_WITH_TEXT = 300, 130
HUMAN_WEIGHT = 1.5
"""A person taken for a machine costs more than a machine that hears a greeting."""
RIDGE = 1e-4
ROUNDS = 3000
AFTER_SPEECH_S = 1.4
FALSE_MACHINES = 0.16
"""Share of people that may be recordings at the end of these calls, which are harder than life (every channel at its worst,
greetings up to four times); stricter, half of the recordings are missed. Set with the report's small sets in view."""
FALSE_MACHINES_WITH_TEXT = 0.05
"""The same where words were written down."""

Model = NDArray[np.float64]
"""Bias and weights."""


def moments_of(call: StagedCall) -> list[tuple[float, ...]]:
    """Return what the model would be asked while `call` goes on, up to the end of the message."""
    evidence = AnswerEvidence(content_model())
    heard = evidence.heard
    asked = []
    for _ in _taken_in(evidence, call):
        gap = heard.gap_blocks
        if gap is not None and (gap == GAP_BLOCKS or heard.n_blocks % EVERY_BLOCKS == 0):
            asked.append(basis_of(evidence.features()))
    return asked


def moments_with_text_of(call: StagedCall) -> list[tuple[float, ...]]:
    """Return the same once words were written down: at every piece, and where the message has ended."""
    evidence, parts, ear = AnswerEvidence(content_model()), AnswerParts(), _ear()
    asked = []
    for block in _taken_in(evidence, call):
        part = parts.take_block(block, is_speaking=evidence.heard.is_speaking)
        if part is not None:
            evidence.take_text(part.part, written(ear.transcribe(part.pcm, ANY_LANGUAGE + ANSWER_TAG, ())))
            asked.append(evidence.features())
    asked.append(evidence.features())
    return [basis_with_text_of(features) for features in asked if has_text(features)]


def _taken_in(evidence: AnswerEvidence, call: StagedCall) -> Iterator[NDArray[np.float32]]:
    """Have `evidence` take a call block by block, and yield each block it has taken, to a little after the message."""
    for begin in range(0, len(call.pcm) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
        if begin > (call.spoken_end_s + AFTER_SPEECH_S) * RATE_HZ:
            break
        block = call.pcm[begin : begin + BLOCK_SAMPLES].astype(np.float32)
        evidence.take_block(block, spectrum_of(block))
        yield block


@lru_cache(maxsize=1)
def _ear() -> AnswerEar:
    return AnswerEar()


def fit(
    values: NDArray[np.float64],
    is_recording: NDArray[np.float64],
    weight: NDArray[np.float64],
    signs_of: tuple[int, ...] = SIGNS,
) -> Model:
    """Return bias and weights of the logistic model, each weight of its sign or zero (accelerated projected gradient)."""
    scale = values.std(axis=0) + 1e-9
    design = np.column_stack([np.ones(len(values)), values / scale])
    signs = np.array([0, *signs_of])
    ridge = np.where(signs == 0, 0.0, RIDGE)
    step = 4 / float(np.linalg.eigvalsh((design * weight[:, None]).T @ design).max())
    model = ahead = np.zeros(design.shape[1])
    momentum = 1.0
    for _ in range(ROUNDS):
        probability = 1 / (1 + np.exp(-design @ ahead))
        moved = ahead + step * (design.T @ (weight * (is_recording - probability)) - ridge * ahead)
        moved = np.where(moved * signs < 0, 0.0, moved)
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = moved + (momentum - 1) / following * (moved - model)
        model, momentum = moved, following
    return np.concatenate([model[:1], model[1:] / scale])


def lowered(
    model: Model, last: NDArray[np.float64], is_recording: NDArray[np.bool_], share: float = FALSE_MACHINES
) -> Model:
    """Return the model with its bias at the operating point; `last` is what each call comes to."""
    people = (model[0] + last @ model[1:])[~is_recording]
    return np.concatenate([[model[0] - max(0.0, float(np.quantile(people, 1 - share)))], model[1:]])


def write_weights(plain: Model, with_text: Model, path: Path) -> None:
    """Write both models as a module."""
    text = '"""The weights of `answer_evidence`, written by `python -m benchmarks.answer_weighing`: do not edit."""\n'
    for model, names, suffix in ((plain, BASIS, ""), (with_text, BASIS_WITH_TEXT, "_WITH_TEXT")):
        lines = [f"    {value:.4f},  # {name}" for name, value in zip(names, model[1:], strict=True)]
        text += f"\nBIAS{suffix} = {model[0]:.4f}\nWEIGHTS{suffix} = (\n" + "\n".join(lines) + "\n)\n"
    path.write_text(text, encoding="utf-8")
    print(text)


def main() -> None:
    """Stage, ask, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("--engines", default="espeak,flite,piper,kokoro")
    parser.add_argument("--calls", type=int, default=N_CALLS)
    parser.add_argument("--calls-with-text", type=int, default=N_CALLS_WITH_TEXT)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE)
    given = parser.parse_args()
    folders = [given.bank / f"{engine}-dev" for engine in given.engines.split(",")]
    bank = Bank([one for one in folders if one.is_dir()])
    plain, with_text = (
        weigh(bank, given.calls, given.jobs),
        weigh_text(bank, given.calls_with_text, given.jobs),
    )
    write_weights(plain, with_text, given.out)


def weigh(bank: Bank, n_calls: int, jobs: int) -> Model:
    """Return the model of what is known without words that were written down."""
    return _weighed(bank, n_calls, jobs, moments_of, SIGNS, FALSE_MACHINES)


def weigh_text(bank: Bank, n_calls: int, jobs: int) -> Model:
    """Return the model of what is known with them."""
    return _weighed(bank, n_calls, jobs, moments_with_text_of, SIGNS_WITH_TEXT, FALSE_MACHINES_WITH_TEXT)


def _weighed(
    bank: Bank,
    n_calls: int,
    jobs: int,
    moments: Callable[[StagedCall], list[tuple[float, ...]]],
    signs: tuple[int, ...],
    false_machines: float,
) -> Model:
    """Stage calls of `dev`, ask, fit, find the operating point, and say what the calls come to."""
    spoken = [call for call in calls(bank, n_calls, SEED) if call.answer not in ("fax", "silence")]
    rows, labels, weights, last, truth = [], [], [], [], []
    with ProcessPoolExecutor(jobs) as workers:
        for call, asked in zip(spoken, workers.map(moments, spoken, chunksize=8), strict=True):
            is_recording = float(call.answer != "human")
            rows += asked
            labels += [is_recording] * len(asked)
            weights += [(1.0 if is_recording else HUMAN_WEIGHT) / max(1, len(asked))] * len(asked)
            if asked:
                last.append(asked[-1])
                truth.append(bool(is_recording))
    share = np.array(weights) / np.sum(weights)
    model = fit(np.array(rows), np.array(labels), share, signs)
    is_recording_at_end = np.array(truth)
    final = lowered(model, np.array(last), is_recording_at_end, false_machines)
    for name, one in (("fitted", model), ("at the operating point", final)):
        told = one[0] + np.array(last) @ one[1:] > 0
        people, played = told[~is_recording_at_end], told[is_recording_at_end]
        print(
            f"{name}: {people.mean():.4f} of {len(people)} people, {played.mean():.4f} of {len(played)} recordings"
        )
    return final


if __name__ == "__main__":
    main()
