"""`branchline understand`: lines in, JSON lines out."""

import json

import pytest
from typer.testing import CliRunner

from firmware.cli import app
from firmware.dialogue.slots import Asked
from firmware.dialogue.understanding.context import ASKED_NAMES, asked_of


def answers(phrases: str, *arguments: str) -> list[dict[str, object]]:
    result = CliRunner().invoke(app, ["understand", *arguments, "--today", "2026-11-25"], input=phrases)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_phrase_is_one_line_and_blank_ones_are_skipped() -> None:
    found = answers("别打了，我明天还\n\n  \n转人工\n", "--language", "zh")
    assert [row["text"] for row in found] == ["别打了，我明天还", "转人工"]
    names = {intent["name"] for intent in found[0]["intents"]}  # type: ignore[attr-defined]
    assert {"opt_out", "promise_to_pay"} <= names
    assert found[0]["slots"]["days"] == [{"text": "明天", "day": "2026-11-26", "problem": None}]  # type: ignore[index]


def test_what_was_asked_changes_what_an_answer_means() -> None:
    plain, asked = (
        answers("嗯\n", "--language", "zh"),
        answers("嗯\n", "--language", "zh", "--after", "ask_person"),
    )
    assert plain[0]["intents"][0]["name"] == "affirm"  # type: ignore[index]
    assert asked[0]["intents"][0]["name"] == "confirm_identity"  # type: ignore[index]


@pytest.mark.parametrize("name", [*(value.value for value in Asked), *ASKED_NAMES])
def test_every_known_name_of_a_question_is_known(name: str) -> None:
    assert asked_of(name.upper().replace("_", "-")) is asked_of(name) is not None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--language", "fr"], "zh, en"),
        (["--language", "zh", "--after", "nonsense"], "ask_person"),
        (["--language", "zh", "--today", "25.11.2026"], "2026-12-01"),
    ],
)
def test_a_wrong_argument_is_refused_with_what_to_write(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["understand", *arguments], input="yes\n")
    assert result.exit_code == 2
    assert said in result.output


def test_many_lines_and_odd_characters_all_get_an_answer() -> None:
    lines = ["我下周三还五百", "\x00\x01", "🙂", "\ud7a3"] * 200 + ["a" * 3000] * 20
    assert len(answers("\n".join(lines) + "\n", "--language", "zh")) == 820
