"""Print the figures of docs/understanding.md as Markdown: python -m benchmarks.understanding_report [--far] [--transfer]

--far also asks only what nothing in training is nearly the same as; --transfer trains, for each language, a model that has
seen nothing of the development sample. Both take many minutes.
"""

import argparse
import time
from collections.abc import Sequence

from benchmarks.understanding_corpus import WENT_ON, samples
from benchmarks.understanding_evaluation import (
    CRITICAL,
    EIGHTH,
    EIGHTH_SEALED,
    ELEVENTH,
    ELEVENTH_SEALED,
    FIFTH,
    FOLDER,
    FOURTH,
    MISLEADING,
    NINTH,
    SEALED,
    SECOND,
    SEVENTH,
    SEVENTH_SEALED,
    SIXTH,
    TENTH,
    THIRD,
    TODAY,
    TWELFTH,
    Phrase,
    Scores,
    acted_on,
    answers,
    evaluate,
    heeded,
    is_right,
    lost,
    misled,
    mixtures,
    noisy,
    read,
    read_answers,
)
from benchmarks.understanding_nearness import Near, key
from benchmarks.understanding_training import PER_PATTERN, SHIPPED, sample_patterns, train
from firmware.dialogue.understanding.understander import Understander

MAX_NEAR = {"zh": 40, "en": 160}
"""A mixture of two samples longer than this is nothing like a phrase of a challenge."""
RATES = (0.0, 0.05, 0.1, 0.2)
MIXED = (
    SECOND, THIRD, SEALED, SEVENTH, SEVENTH_SEALED, EIGHTH, EIGHTH_SEALED, NINTH, TENTH, ELEVENTH, ELEVENTH_SEALED, TWELFTH,
)  # fmt: skip
"""Sets that hold mixtures."""


def unseen(phrases: Sequence[Phrase], language: str) -> list[Phrase]:
    """Return the phrases that the training corpus never says."""
    made = samples(
        language, per_pattern=PER_PATTERN[language], seed=7, extra=sample_patterns(language, 10**6)
    )
    seen = {key(sample.text, language) for sample in made}
    return [phrase for phrase in phrases if key(phrase.text, language) not in seen]


def far(phrases: Sequence[Phrase], language: str) -> list[Phrase]:
    """Return the phrases that nothing in the training corpus is nearly the same as."""
    near = Near([phrase.text for phrase in phrases], language)
    made = samples(
        language, per_pattern=PER_PATTERN[language], seed=7, extra=sample_patterns(language, 10**6)
    )
    copied = {near.holds(sample.text) for sample in made if len(sample.text) < MAX_NEAR[language]}
    return [phrase for phrase in phrases if key(phrase.text, language) not in copied]


def measured(
    results: dict[str, Scores], understander: Understander, name: str, language: str, *, is_far: bool
) -> None:
    """Add the rows of one set of phrases: as it is, what the corpus nearly says left out, misheard; print what a call would do."""
    phrases = read(FOLDER / name, language)
    results[f"{language} {name}"] = evaluate(understander, phrases, language)
    if is_far:
        results[f"{language} {name}, nothing near it in training"] = evaluate(
            understander, far(phrases, language), language
        )
    for rate in RATES[2:]:
        spoiled = [p for seed in range(3) for p in noisy(phrases, language, rate, seed=seed)]
        results[f"{language} {name}, {rate:.0%} errors"] = evaluate(understander, spoiled, language)
    chatter = [phrase for phrase in phrases if not phrase.right]
    done = heeded(understander, phrases, language)
    print(
        f"{language} {name}: acted {done.acted:.3f}, or asked {done.acted_or_asked:.3f}; harmless acted {done.harmless_acted:.3f}, "
        f"asked {done.harmless_asked:.3f}; {acted_on(understander, chatter, language)} of {len(chatter)} chatter acted on"
    )


def row(name: str, scores: Scores) -> str:
    """Return one line of the table."""
    recall = " ".join(f"{scores.recall[c]:.3f}" for c in CRITICAL)
    alarms = " ".join(f"{100 * scores.false_alarms[c]:.1f}" for c in CRITICAL)
    return f"| {name} | {scores.n} | {scores.top1:.3f} | {scores.macro_f1:.3f} | {recall} | {alarms} |"


def transferred(shipped: Understander, language: str) -> tuple[Understander, list[Phrase]]:
    """Return an understander whose model never saw the development sample nor who went on from it, and the sample."""
    sample = read(FOLDER / "phrases.toml", language)
    keys = {key(phrase.text, language) for phrase in sample}
    old = shipped.models[language]
    model = train(
        language,
        extra=(),
        without=WENT_ON,
        is_allowed=lambda made: key(made.text, language) not in keys,
        calibrated=(old.slope.astype(float), old.shift.astype(float)),
        say=lambda text: None,
    )
    return Understander(models={**shipped.models, language: model}, rules=shipped.rules), sample


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--far", action="store_true")
    arguments.add_argument("--transfer", action="store_true")
    arguments.add_argument("--wrong", action="store_true", help="list what came out wrong")
    options = arguments.parse_args()
    understander = Understander.load()
    print(f"| set | n | top-1 | macro-F1 | recall: {' '.join(CRITICAL)} | false alarms %: the same |")
    print("|---|---|---|---|---|---|")
    for language in ("zh", "en"):
        challenge = read(FOLDER / "challenge.toml", language)
        results = {f"{language} challenge": evaluate(understander, challenge, language)}
        if options.far:
            fresh = unseen(challenge, language)
            results[f"{language} challenge, never in training"] = evaluate(understander, fresh, language)
        for rate in RATES[1:]:
            spoiled = [p for seed in range(3) for p in noisy(challenge, language, rate, seed=seed)]
            results[f"{language} challenge, {rate:.0%} errors"] = evaluate(understander, spoiled, language)
        results[f"{language} second author"] = evaluate(
            understander, read(FOLDER / SECOND, language), language
        )
        for name in (
            THIRD,
            SEALED,
            FOURTH,
            FIFTH,
            SIXTH,
            SEVENTH,
            SEVENTH_SEALED,
            EIGHTH,
            EIGHTH_SEALED,
            NINTH,
            TENTH,
            ELEVENTH,
            ELEVENTH_SEALED,
            TWELFTH,
        ):
            measured(results, understander, name, language, is_far=options.far)
        if options.transfer:
            other, sample = transferred(understander, language)
            results[f"{language} sample, model without it"] = evaluate(other, sample, language)
        results[f"{language} sample, shipped model"] = evaluate(
            understander, read(FOLDER / "phrases.toml", language), language
        )
        for name, scores in results.items():
            print(row(name, scores))
            # What is learnt from an error of a sealed half could no longer be measured with it.
            if options.wrong and "errors" not in name and "sealed" not in name and "twelfth" not in name:
                for text, right, got in scores.wrong:
                    print(f"    {right} -> {got}: {text}")
        began = time.perf_counter()
        for phrase in challenge:
            understander.understand(phrase.text, language=language, today=TODAY)
        each_ms = (time.perf_counter() - began) / len(challenge) * 1000
        size_mb = sum(path.stat().st_size for path in SHIPPED.glob(f"{language}*.npz")) / 1e6
        print(f"\n{language}: {each_ms:.2f} ms a phrase, model {size_mb:.2f} MB\n")
    for name in (ELEVENTH, ELEVENTH_SEALED, TWELFTH):
        for language in ("zh", "en"):
            counted = {kind: misled(understander, kind, language, name) for kind in MISLEADING}
            right = ", ".join(f"{kind} {n - wrong} of {n}" for kind, (wrong, n) in counted.items())
            print(f"{language} {name}: {right}")
    for name in ("answers", "answers_sealed"):
        for language in ("zh", "en"):
            said = read_answers(FOLDER / f"{name}_{language}.txt", language)
            print(
                f"{name}_{language}: {sum(is_right(understander, one) for one in said)} of {len(said)} right"
            )
    for name in MIXED:
        meant = sum(len(intents) for _, _, intents in mixtures("mixed", name))
        print(f"{name}: {meant - len(lost(understander, name))} of {meant} meanings of mixtures kept")
        if name in (SECOND, THIRD, SEALED):
            in_context = sum(is_right(understander, answer) for answer in answers(name))
            print(f"{name}: {in_context} of {len(answers(name))} answers right after their question")


if __name__ == "__main__":
    main()
