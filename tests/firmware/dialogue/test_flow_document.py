"""The document a flow is read from: bounded, plain, and every complaint with its place."""

import pytest

from firmware.dialogue.errors import FlowProblem, FlowRefusedError
from firmware.dialogue.loader import load_flow


def refused(text: str) -> tuple[FlowProblem, ...]:
    with pytest.raises(FlowRefusedError) as error:
        load_flow(text, source="x.yaml")
    assert all(line.startswith("x.yaml:") for line in str(error.value).splitlines())
    return error.value.problems


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        pytest.param("", 1, "empty", id="nothing"),
        pytest.param("# nothing\n", 1, "empty", id="a comment only"),
        pytest.param("flow: a\n bad: [", 2, "", id="not YAML"),
        pytest.param("flow: 'a", 1, "", id="a quote left open"),
        pytest.param("flow: a\n---\nflow: b", 3, "second document", id="two documents"),
        pytest.param("a: &x [1]\nb: *x", 1, "anchors", id="an anchor"),
        pytest.param("flow: a\nflow: b", 2, "twice", id="a key twice"),
        pytest.param("? [a]\n: b", 1, "plain word", id="a key that is a list"),
        pytest.param("a: " + "[" * 40 + "]" * 40, 1, "nested deeper", id="too deep"),
        pytest.param("a: [" + "1," * 30_000 + "]", 1, "more than 20000", id="too many"),
        pytest.param("a: " + "x" * 300_000, 1, "longer than", id="too long"),
        pytest.param("a: \x00", 1, "not YAML", id="a control character"),
        pytest.param("a: !!binary aGk=", 1, "tags", id="a tag"),
    ],
)
def test_what_is_no_document_is_refused_at_its_place(text: str, line: int, reason: str) -> None:
    (problem,) = refused(text)
    assert problem.check == "syntax"
    assert problem.line == line
    assert reason in problem.message


@pytest.mark.parametrize("text", ["just words", "[a, b]", "5", "null"])
def test_a_document_that_is_no_mapping_is_refused(text: str) -> None:
    assert any("must be a mapping" in problem.message for problem in refused(text))


@pytest.mark.parametrize(
    ("character", "named"),
    [
        pytest.param("\u202e", "U+202E", id="what follows is shown backwards"),
        pytest.param("\u200b", "U+200B", id="of no width"),
        pytest.param("\xad", "U+00AD", id="soft hyphen"),
        pytest.param("\ufeff", "U+FEFF", id="a mark of the beginning, not at it"),
        pytest.param("\0", "U+0000", id="nul"),
        pytest.param("\u2028", "U+2028", id="a line of its own"),
    ],
)
def test_what_a_reader_cannot_see_is_refused_where_it_stands(
    good_text: str, character: str, named: str
) -> None:
    """A lawyer approves what is shown: it must be what is said."""
    at = good_text.index("goodbye")
    [problem] = refused(good_text[:at] + character + good_text[at:])
    assert (problem.check, named in problem.message) == ("syntax", True)
    line = good_text.count("\n", 0, at) + 1
    assert (problem.line, problem.column) == (line, at - good_text.rindex("\n", 0, at))


def test_a_mark_of_the_beginning_and_any_line_ends_are_fine(good_text: str) -> None:
    for text in ("\ufeff" + good_text, good_text.replace("\n", "\r\n")):
        assert load_flow(text).name == load_flow(good_text).name


def test_a_tab_is_called_one(good_text: str) -> None:
    [problem] = refused(good_text.replace("\n  ", "\n\t", 1))
    assert "a tab: a flow is indented with spaces" in problem.message


def test_everything_missing_is_named_at_once() -> None:
    messages = " ".join(problem.message for problem in refused("flow: x\n"))
    for needed in ("version", "languages", "prompts", "start", "neutral", "nodes"):
        assert f"`{needed}:`" in messages


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("languages: [en]", "languages: [en, fr]"), "no voice for 'fr'"),
        (("languages: [en]", "languages: [en, en]"), "each language once"),
        (("languages: [en]", "languages: en"), "must be a list"),
        (("version: 1", "version: one"), "must be a number"),
        (("{type: name}", "{type: nickname}"), "must be one of"),
        (("{type: name}", "{type: name, length: 4}"), "only digits have a length"),
        (("{type: name}", "{type: name, secrte: true}"), "has no `secrte:`"),
        (("secret: true", "secret: yes"), "must be one of true, false"),
        (('{role: [debt], en: "Your', '{role: [dept], en: "Your'), "'dept' is not one of"),
        (("{creditor}, recorded", "{creditor, recorded"), "brace"),
        (("{creditor}, recorded", "{Creditor}, recorded"), "brace"),
        (('"Thank you and goodbye."', '"…"'), "says nothing"),
        (('"Thank you and goodbye."', '"' + "bye " * 200 + '"'), "longer than 400"),
        (("dtmf 2: other}", "dtmf 12: other}"), "neither an intent nor a key"),
        (("dtmf 2: other}", "refuses: other}"), "neither an intent nor a key"),
        (("dtmf 1: verify, dtmf 2: other", "affirm: verify, deny: other"), "answerable by keys"),
        (("reprompt: 1", "reprompt: 9"), "from 0 to 3"),
        (("due: tomorrow", "due: whenever"), "must be a captured date"),
        (("want_human: close", "want_human: close\n  sing: close"), "is no intent"),
        (("end: third_party", "end: busy"), "must be one of"),
        (("{say: bye, end: third_party}", "{say: bye, next: {say: remind, nxt: close}}"), "needs `next:`"),
        (("  amount_due:", "  promise_date: {type: date}\n  amount_due:"), "cannot name a var"),
    ],
)
def test_a_wrong_shape_is_named(change: tuple[str, str], reason: str, good_text: str) -> None:
    before, after = change
    assert before in good_text
    problems = refused(good_text.replace(before, after, 1))
    assert any(reason in problem.message for problem in problems), problems
    assert all(problem.line > 0 for problem in problems)


def test_the_digest_is_of_the_text(good_text: str) -> None:
    import hashlib

    assert load_flow(good_text).digest == hashlib.sha256(good_text.encode()).hexdigest()


def test_a_flow_as_long_as_allowed_is_read_and_proved(good_text: str) -> None:
    """The proof must not explode: this takes a second at most, and the test has a deadline."""
    chain = "".join(f"  q{n}: {{say: remind, next: q{n + 1}}}\n" for n in range(180))
    text = good_text.replace(
        "  remind: {say: remind, next: when}\n", chain + "  q180: {say: remind, next: when}\n"
    )
    flow = load_flow(text.replace("passed: remind", "passed: q0"))
    assert len(flow.nodes) == 191
    more = "".join(f"  r{n}: {{say: bye, end: third_party}}\n" for n in range(20))
    assert any(
        "more than 200 nodes" in problem.message
        for problem in refused(text.replace("nodes:\n", "nodes:\n" + more))
    )
