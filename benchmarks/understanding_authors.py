"""How well an author is understood whom the training never heard: python -m benchmarks.understanding_authors

Each author's literal phrases (--left-out: of which) are asked of a model trained without them: the honest figure for people nobody
foresaw. With --first also of models that heard only so many of the others: what one more author is worth. Confidence keeps the
calibration of the shipped model. A few minutes of one processor a model.
"""

import argparse
from collections.abc import Sequence

from benchmarks.understanding_corpus import patterns
from benchmarks.understanding_evaluation import Phrase, evaluate, heeded
from benchmarks.understanding_report import row
from benchmarks.understanding_training import sample_patterns, train
from firmware.dialogue.understanding.understander import Understander


def authors(language: str) -> list[int]:
    """Return the numbers of all authors of literal phrases."""
    return sorted({pattern.author for pattern in patterns(language)} - {0})


def phrases_of(author: int, language: str) -> list[Phrase]:
    """Return what one author wrote."""
    return [Phrase(p.text, p.intents) for p in patterns(language) if p.author == author]


def without(shipped: Understander, language: str, left_out: Sequence[int]) -> Understander:
    """Return an understander whose model of one language heard nothing of some authors."""
    old = shipped.models[language]
    model = train(
        language,
        extra=sample_patterns(language, len(patterns(language))),
        without=left_out,
        calibrated=(old.slope.astype(float), old.shift.astype(float)),
        say=lambda text: None,
    )
    return Understander(models={**shipped.models, language: model}, rules=shipped.rules)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--language", choices=("zh", "en"), action="append")
    arguments.add_argument(
        "--left-out", type=int, nargs="*", help="authors to leave out in turn; all of them"
    )
    arguments.add_argument("--first", type=int, nargs="*", help="how many of the others to hear; all of them")
    options = arguments.parse_args()
    shipped = Understander.load()
    for language in options.language or ["zh", "en"]:
        everyone = authors(language)
        for author in options.left_out or everyone:
            others = [one for one in everyone if one != author]
            phrases = phrases_of(author, language)
            for count in options.first or [len(others)]:
                understander = without(shipped, language, [author, *others[count:]])
                name = f"{language} author {author}, {min(count, len(others))} others heard"
                print(row(name, evaluate(understander, phrases, language)), flush=True)
                print(f"    {heeded(understander, phrases, language)}", flush=True)


if __name__ == "__main__":
    main()
