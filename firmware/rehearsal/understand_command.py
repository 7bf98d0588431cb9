"""`branchline understand`: phrases on standard input, one JSON line for each with intents and slots."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Annotated, Any, TextIO

import typer

from firmware.dialogue.slots import AmountMention, Asked, DayMention, Slots, TimeMention
from firmware.dialogue.understanding.context import ASKED_NAMES, asked_of
from firmware.dialogue.understanding.understander import Understander, Understood, language_of

EXIT_USAGE = 2

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def understand(
    language: Annotated[str, typer.Option(help="zh or en.", metavar="zh|en")],
    after: Annotated[
        str,
        typer.Option(
            help="What the box had asked: identity, ability, confirm, date, amount, callback_time, digits, reason, "
            "satisfaction, offer, nothing; or a flow's name for it, such as ask_person.",
            metavar="ASK",
        ),
    ] = "nothing",
    today: Annotated[
        str | None,
        typer.Option(
            help="The callee's day, for 明天 and next Friday (this machine's by default).", metavar="DATE"
        ),
    ] = None,
) -> None:
    """Say what each line of standard input means: one JSON line per phrase with intents, surest first, and slots."""
    try:
        tongue = language_of(language)
        asked, day = _asked(after), _day(today)
    except ValueError as error:
        typer.secho(f"branchline: {error}", fg="red", err=True)
        raise typer.Exit(EXIT_USAGE) from None
    understander = Understander.load()
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    try:
        _answer_all(understander, sys.stdin, sys.stdout, tongue, asked, day)
    except BrokenPipeError:
        # Whoever reads has seen enough; the interpreter must not try to flush again.
        sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115


def _answer_all(
    understander: Understander, source: TextIO, target: TextIO, language: str, asked: Asked, today: date
) -> None:
    """Answer line by line, so that a program may hold a conversation over the pipe."""
    for text in _phrases(source):
        understood = understander.understand(text, language=language, asked=asked, today=today)
        print(json.dumps(answer(text, language, understood), ensure_ascii=False), file=target, flush=True)


def _phrases(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if text := line.strip().lstrip("\ufeff"):
            yield text


def answer(text: str, language: str, understood: Understood) -> dict[str, Any]:
    """Return one answer as JSON would have it."""
    return {
        "text": text,
        "language": language,
        "intents": [{"name": intent.name, "confidence": intent.confidence} for intent in understood.intents],
        "slots": slots_as_json(understood.slots),
    }


def slots_as_json(slots: Slots) -> dict[str, Any]:
    """Return slots as JSON would have them: days as ISO dates, money in minor units, shares as "1/2"."""
    return {
        "days": [_day_json(mention) for mention in slots.days],
        "times": [_time_json(mention) for mention in slots.times],
        "amounts": [_amount_json(mention) for mention in slots.amounts],
        "digits": slots.digits,
        "is_yes": slots.is_yes,
    }


def _day_json(mention: DayMention) -> dict[str, Any]:
    return {
        "text": mention.text,
        "day": mention.day.isoformat() if mention.day else None,
        "problem": mention.problem.value if mention.problem else None,
    }


def _time_json(mention: TimeMention) -> dict[str, Any]:
    end = mention.end.isoformat("minutes") if mention.end else None
    return {"text": mention.text, "begin": mention.begin.isoformat("minutes"), "end": end}


def _amount_json(mention: AmountMention) -> dict[str, Any]:
    share = str(mention.share) if mention.share is not None else None
    return {"text": mention.text, "minor": mention.minor, "currency": mention.currency, "share": share}


def _asked(name: str) -> Asked:
    asked = asked_of(name)
    if asked is None:
        known = ", ".join([*(value.value for value in Asked), *sorted(ASKED_NAMES)])
        raise ValueError(f"--after {name}: nothing is known of that question; write one of {known}")
    return asked


def _day(text: str | None) -> date:
    if text is None:
        return datetime.now().astimezone().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"--today {text}: write a day like 2026-12-01") from None
