"""Train the model of answer classification and write it: `python -m benchmarks.answer_training`.

Needs espeak-ng; uses Asterisk's recorded prompts where they are installed (asterisk-core-sounds-{en,fr,it}-wav).
The calls, their order and the fit are fixed by the seed, so the same packages give the same weights.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.dsp.answer import BASIS, EVERY_BLOCKS, SIGNS, basis_of, features_of
from audio.dsp.blocks import BLOCK_SAMPLES
from audio.dsp.tone import spectrum_of
from audio.dsp.utterances import GAP_BLOCKS, Utterances
from benchmarks.answer_set import ASTERISK_SOUNDS, RATE_HZ, StagedCall, calls

WEIGHTS_FILE = Path(__file__).resolve().parents[1] / "audio" / "dsp" / "answer_weights.py"
SEED = 4
N_CALLS = 700
HUMAN_WEIGHT = 1.5
"""A person taken for a machine costs more than a machine that hears a greeting."""
RIDGE = 1e-4
ROUNDS = 3000
AFTER_SPEECH_S = 1.4


def moments_of(call: StagedCall) -> list[tuple[float, ...]]:
    """Return what the model would be asked while `call` goes on, up to the end of the message."""
    heard = Utterances()
    asked = []
    for begin in range(0, len(call.pcm) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
        if begin > (call.spoken_end_s + AFTER_SPEECH_S) * RATE_HZ:
            break
        block = call.pcm[begin : begin + BLOCK_SAMPLES].astype(np.float32)
        heard.take_block(block, spectrum_of(block))
        gap = heard.gap_blocks
        if gap is not None and (gap == GAP_BLOCKS or heard.n_blocks % EVERY_BLOCKS == 0):
            asked.append(basis_of(features_of(heard)))
    return asked


def fit(
    values: NDArray[np.float64], is_machine: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return bias and weights of the logistic model, each weight of its sign or zero (accelerated projected gradient)."""
    scale = values.std(axis=0) + 1e-9
    design = np.column_stack([np.ones(len(values)), values / scale])
    signs = np.array([0, *SIGNS])
    ridge = np.where(signs == 0, 0.0, RIDGE)
    step = 4 / float(np.linalg.eigvalsh((design * weight[:, None]).T @ design).max())
    model = ahead = np.zeros(design.shape[1])
    momentum = 1.0
    for _ in range(ROUNDS):
        probability = 1 / (1 + np.exp(-design @ ahead))
        moved = ahead + step * (design.T @ (weight * (is_machine - probability)) - ridge * ahead)
        moved = np.where(moved * signs < 0, 0.0, moved)
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = moved + (momentum - 1) / following * (moved - model)
        model, momentum = moved, following
    return np.concatenate([model[:1], model[1:] / scale])


def write(model: NDArray[np.float64], path: Path) -> None:
    """Write the model as a module."""
    lines = [f"    {value:.4f},  # {name}" for name, value in zip(BASIS, model[1:], strict=True)]
    text = (
        '"""The model of `audio.dsp.answer`, written by `python -m benchmarks.answer_training`: do not edit."""\n\n'
        f"BIAS = {model[0]:.4f}\nWEIGHTS = (\n" + "\n".join(lines) + "\n)\n"
    )
    path.write_text(text, encoding="utf-8")
    print(text)


def main() -> None:
    """Make the calls, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sounds", type=Path, default=ASTERISK_SOUNDS)
    parser.add_argument("--calls", type=int, default=N_CALLS)
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE)
    given = parser.parse_args()
    rows, labels, weights = [], [], []
    for call in calls("train", given.calls, SEED, sounds=given.sounds):
        if call.answer not in ("human", "machine", "carrier_announcement"):
            continue
        asked = moments_of(call)
        if not asked:
            continue  # so faint that nothing was heard
        is_machine = float(call.answer != "human")
        rows += asked
        labels += [is_machine] * len(asked)
        weights += [(1.0 if is_machine else HUMAN_WEIGHT) / len(asked)] * len(asked)
    share = np.array(weights) / np.sum(weights)
    write(fit(np.array(rows), np.array(labels), share), given.out)


if __name__ == "__main__":
    main()
