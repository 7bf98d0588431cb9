"""Cross-validate on the development sample: python -m benchmarks.understanding_folds [--folds 4] [--keep-strangers]

Each fold's model is trained on the corpus and the other folds, without the authors who were shown any of the held phrases, and without
any training phrase that is nearly one of the held ones or holds one whole. With --keep-strangers only the hand of the patterns
loses those: what an author says who never saw the held phrases may be like them, as it may be with the phrases of tomorrow.
Confidence keeps the calibration of the shipped model. Rules and contexts are those of today.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from benchmarks.understanding_corpus import WENT_ON, Pattern, Sample
from benchmarks.understanding_evaluation import FOLDER, evaluate, read
from benchmarks.understanding_nearness import Near
from benchmarks.understanding_report import row
from benchmarks.understanding_training import sample_patterns, train
from firmware.dialogue.understanding.understander import Understander, Understood


def folds(sample: Sequence[Pattern], count: int) -> list[list[Pattern]]:
    """Return the sample in `count` parts, every intent spread evenly over them; part n lies in half n % 2 of WENT_ON."""
    if count % 2:
        raise SystemExit(
            f"{count} folds do not keep to the halves that authors were shown: give an even number"
        )
    ordered = sorted(sample, key=lambda pattern: (sorted(pattern.intents), pattern.group))
    return [ordered[at::count] for at in range(count)]


def held_out(
    shipped: Understander,
    language: str,
    held: Sequence[Pattern],
    rest: Sequence[Pattern],
    *,
    half: int,
    keep_strangers: bool,
) -> Understander:
    """Return an understander whose model saw nothing like the held phrases, nor an author who was shown their `half`."""
    near, old = Near([pattern.text for pattern in held], language), shipped.models[language]

    def is_allowed(sample: Sample) -> bool:
        return (keep_strangers and sample.author > 0) or near.holds(sample.text) is None

    model = train(
        language,
        extra=rest,
        is_allowed=is_allowed,
        without=[author for author, shown in WENT_ON.items() if shown == half],
        calibrated=(old.slope.astype(float), old.shift.astype(float)),
    )
    return Understander(models={**shipped.models, language: model}, rules=shipped.rules)


@dataclass(frozen=True, slots=True)
class Folded:
    """Gives every phrase to the understander that never saw it."""

    by_text: Mapping[str, Understander]

    def understand(self, text: str, *, language: str, today: date) -> Understood:
        """Return what the fold's own understander makes of a phrase."""
        return self.by_text[text].understand(text, language=language, today=today)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folds", type=int, default=4)
    arguments.add_argument("--language", choices=("zh", "en"), action="append")
    arguments.add_argument("--keep-strangers", action="store_true")
    options = arguments.parse_args()
    shipped = Understander.load()
    for language in options.language or ["zh", "en"]:
        parts = folds(sample_patterns(language, 10**6), options.folds)
        by_text: dict[str, Understander] = {}
        for at, held in enumerate(parts):
            rest = [pattern for other, part in enumerate(parts) if other != at for pattern in part]
            understander = held_out(
                shipped, language, held, rest, half=at % 2, keep_strangers=options.keep_strangers
            )
            by_text.update(dict.fromkeys((p.text for p in held), understander))
        scores = evaluate(Folded(by_text), read(FOLDER / "phrases.toml", language), language)
        print(row(f"{language} sample, {options.folds} folds", scores))
        for text, meant, got in scores.wrong:
            print(f"    {meant} -> {got}: {text}")


if __name__ == "__main__":
    main()
