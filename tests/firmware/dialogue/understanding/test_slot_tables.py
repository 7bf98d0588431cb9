"""What phrases name, as tables: at least 150 a language."""

import re
from datetime import date, time
from fractions import Fraction
from pathlib import Path

import pytest

from firmware.dialogue.slots import AmountMention, Asked, Slots
from firmware.dialogue.understanding.understander import Understander

TODAY = date(2026, 11, 25)
TABLES = (
    "zh",
    "en",
    "fresh_zh",
    "fresh_en",
    "third_zh",
    "third_en",
    "fourth_zh",
    "fourth_en",
    "fifth_zh",
    "fifth_en",
    "sixth_zh",
    "sixth_en",
    "seventh_zh",
    "seventh_en",
)


def rows(language: str) -> list[tuple[str, str]]:
    text = Path(__file__).with_name(f"slots_{language}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(phrase.strip(), named.strip()) for phrase, named in (line.split("=>") for line in lines)]


def clock(at: time) -> str:
    return at.isoformat("minutes")


def money(mention: AmountMention) -> str:
    if mention.share is not None:
        return str(mention.share)
    assert mention.minor is not None
    major = Fraction(mention.minor, 100)
    shown = str(major) if major.denominator == 1 else f"{float(major):.2f}"
    return shown + (mention.currency or "")


def named(slots: Slots) -> dict[str, list[str]]:
    days = [mention.day.isoformat() if mention.day else str(mention.problem) for mention in slots.days]
    times = [clock(at.begin) + (f"-{clock(at.end)}" if at.end else "") for at in slots.times]
    return {
        "d": days,
        "t": times,
        "a": [money(mention) for mention in slots.amounts],
        "#": [slots.digits] if slots.digits else [],
    }


def expected(text: str) -> tuple[dict[str, list[str]], str | None]:
    found: dict[str, list[str]] = {"d": [], "t": [], "a": [], "#": []}
    answer = None
    for token in text.split():
        if token in ("y", "n", "-"):
            answer = token
        else:
            kind, value = token.split(":", 1)
            found[kind].append(value)
    return found, answer


@pytest.mark.parametrize("table", TABLES)
def test_the_table_is_long_enough(table: str) -> None:
    assert len(rows(table)) >= (50 if table.startswith("fourth") else 150)


@pytest.mark.parametrize("table", TABLES)
def test_what_phrases_name(understander: Understander, table: str) -> None:
    wrong, language = [], table[-2:]
    for row, names in rows(table):
        asked, phrase = Asked.NOTHING, row
        if match := re.match(r"\[(\w+)\] ", row):
            asked, phrase = Asked(match[1]), row[match.end() :]
        slots = understander.understand(phrase, language=language, asked=asked, today=TODAY).slots
        found, answer = expected(names)
        said = {True: "y", False: "n", None: "-"}[slots.is_yes]
        if named(slots) != found or (answer is not None and said != answer):
            wrong.append((row, names, named(slots), said))
    assert wrong == []
