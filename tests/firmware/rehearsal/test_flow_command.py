"""`branchline flow`: what it prints, what it writes, how it ends."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
import soundfile
from typer.testing import CliRunner, Result

from firmware.rehearsal.command import flow_app
from firmware.rehearsal.loading import read_flow

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
REMINDER = EXAMPLES / "overdue-reminder.yaml"


def flow(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(flow_app, list(arguments), input=typed)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    text = REMINDER.read_text(encoding="utf-8")
    path.write_text(text.replace("next: ask_person}", "next: remind}"), encoding="utf-8")
    return path


def test_check_names_file_line_column_and_check(bad: Path) -> None:
    done = flow("check", str(bad))
    assert done.exit_code == 1
    assert f"{bad}:" in done.stderr
    assert "check 1" in done.stderr


def test_check_for_programs(bad: Path) -> None:
    problems = json.loads(flow("check", "--json", str(bad)).stdout)["problems"]
    assert {"line", "column", "check", "message"} == problems[0].keys()
    there = flow("check", "--place", "US", str(REMINDER))
    assert (there.exit_code, "opt_out" in there.stderr) == (1, True)
    good = json.loads(flow("check", "--json", str(REMINDER)).stdout)
    assert good["good"] is True
    assert good["languages"] == ["zh-CN", "en"]


@pytest.mark.parametrize("command", [["check"], ["graph"], ["test"], ["say", "opening"], ["try"]])
def test_a_file_that_is_not_there(command: list[str]) -> None:
    done = flow(command[0], "/nowhere/flow.yaml", *command[1:])
    assert done.exit_code == 2
    assert "No such file" in done.stderr
    assert done.stderr.count("\n") == 1


def test_graph_is_a_picture_of_every_node(tmp_path: Path) -> None:
    if shutil.which("dot") is None:
        pytest.fail("apt-get install graphviz")
    target = tmp_path / "flow.svg"
    assert flow("graph", str(REMINDER), "-o", str(target), "--language", "zh-CN").exit_code == 0
    root = ElementTree.fromstring(target.read_text(encoding="utf-8"))
    titles = {title.text for title in root.iter("{http://www.w3.org/2000/svg}title")}
    assert {"opening", "ask_person", "verify", "remind", "ask_ability", "close", "anytime.opt_out"} <= titles
    assert "ask_person->verify" in titles
    words = "".join(root.itertext())
    assert "您好，我是" in words
    assert "key 1" in words


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_flow_can_be_drawn(file: Path) -> None:
    if "\nnodes:" not in file.read_text(encoding="utf-8"):
        return
    drawn = flow("graph", str(file), "--dot")
    assert drawn.exit_code == 0
    for node in read_flow(file).nodes:
        assert f'"{node}" [label=' in drawn.stdout


def test_where_nothing_can_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    for command in (["say", str(REMINDER), "goodbye"], ["graph", str(REMINDER)]):
        done = flow(*command, "-o", str(tmp_path / "none" / "x"))
        assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
        assert "No such file or directory" in done.stderr


def test_graph_without_graphviz_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = flow("graph", str(REMINDER), "-o", str(tmp_path / "x.svg"))
    assert done.exit_code == 1
    assert "apt-get install graphviz" in " ".join(done.stderr.split())
    assert flow("graph", str(REMINDER), "--dot").stdout.startswith("digraph")


def test_quotes_and_backslashes_in_wordings_break_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "quoted.yaml"
    text = REMINDER.read_text(encoding="utf-8")
    english = "en: \"Hello, this is {creditor}'s automated"
    assert english in text
    path.write_text(
        text.replace(english, 'en: "Hello \\"you\\" \\\\ <&> {creditor} automated'), encoding="utf-8"
    )
    assert flow("graph", str(path), "-o", str(tmp_path / "q.svg"), "--language", "en").exit_code == 0
    ElementTree.parse(tmp_path / "q.svg")


def test_test_tells_what_went_another_way(tmp_path: Path) -> None:
    for name in ("overdue-reminder.yaml", "overdue-reminder.test.yaml"):
        shutil.copy(EXAMPLES / name, tmp_path / name)
    script = tmp_path / "overdue-reminder.test.yaml"
    assert flow("test", str(tmp_path / "overdue-reminder.yaml")).exit_code == 0
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace("due: 2026-12-11", "due: 2026-12-12", 1), encoding="utf-8")
    done = flow("test", str(script))
    assert done.exit_code == 1
    assert "2026-12-11 is promised, not 2026-12-12" in done.stdout
    assert f"{script}:" in done.stdout
    rows = json.loads(flow("test", "--json", str(script)).stdout)
    assert sum(not row["passed"] for row in rows) == 2  # in both languages


@pytest.mark.parametrize(
    ("callee", "expect", "says"),
    [
        pytest.param(
            '[{press: "2"}, {press: "1"}]', "", "the call is over before the callee's last 1: press", id="callee left over"
        ),
        pytest.param('[{press: "2"}]', ", never: [third_party_thanks]", "'third_party_thanks' is said", id="a prompt by name"),
        pytest.param('[{press: "2"}, wait]', "", "", id="waiting after the end is nothing"),
    ],
)  # fmt: skip
def test_a_script_that_expects_something_else_fails(
    tmp_path: Path, callee: str, expect: str, says: str
) -> None:
    script = tmp_path / "x.test.yaml"
    values = "{callee_name: Mr Wang, creditor: Bank, last4: '0917', due_date: 2026-12-01, amount_due: {minor: 5, currency: USD}}"
    script.write_text(
        f"flow: {REMINDER}\ntoday: 2026-12-07\nvars: {{en: {values}}}\nconversations:\n"
        f"  - {{name: x, callee: {callee}, expect: {{disposition: third_party{expect}}}}}\n",
        encoding="utf-8",
    )
    done = flow("test", str(script))
    assert (done.exit_code, says in " ".join(done.output.split())) == (1 if says else 0, True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('press: "1"', 'press: "x"'), "keys are 0-9"),
        (("disposition: promise_full", "disposition: busy"), "must be one of"),
        (("means: [promise_to_pay]", "means: [promise]"), "'promise' is not one of"),
        (("- wait", "- yawn"), "nothing a callee does"),
        (("today: 2026-12-07", "today: tomorrow"), "YYYY-MM-DD"),
    ],
)
def test_a_wrong_script_is_refused_at_its_place(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    text = (EXAMPLES / "overdue-reminder.test.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    path = tmp_path / "x.test.yaml"
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    done = flow("test", str(path))
    assert done.exit_code == 2
    assert reason in " ".join(done.stderr.split())


def test_say_prints_the_words_and_writes_the_sound(tmp_path: Path) -> None:
    target = tmp_path / "said.wav"
    done = flow(
        "say", str(REMINDER), "remind", "--language", "en", "-o", str(target), "--today", "2026-12-07"
    )
    assert done.exit_code == 0, done.output
    assert "one thousand two hundred and thirty-four dollars and fifty cents" in done.stdout
    assert soundfile.info(target).duration > 2.0


def test_say_takes_values_of_your_own() -> None:
    amount = 'amount_due={"minor": 20000, "currency": "CNY"}'
    done = flow("say", str(REMINDER), "remind", "--var", amount)
    assert "二百元" in done.stdout
    for wrong in ("amount_due", "nobody=1", "amount_due=much", 'amount_due={"minor": -1, "currency": "CNY"}'):
        refused = flow("say", str(REMINDER), "remind", "--var", wrong)
        assert refused.exit_code == 2
        assert refused.stderr.startswith("branchline: ")
    assert flow("say", str(REMINDER), "nothing").exit_code == 2


def test_try_is_a_conversation() -> None:
    done = flow(
        "try",
        str(REMINDER),
        "--language",
        "en",
        "--today",
        "2026-12-07",
        typed="/affirm\n0917\n/phrases\n1\n1\n",
    )
    assert done.exit_code == 0
    assert "box: Am I speaking with Mr Wang?" in done.stdout
    assert "expects ability:" in done.stdout
    assert "= promise_full" in done.stdout
    assert "promised: 2026-12-11, 1234.50" in done.stdout


def test_try_ends_when_nobody_types_any_more() -> None:
    done = flow("try", str(REMINDER), typed="1\n")
    assert "= hung_up_early" in done.stdout


def test_the_schema_is_printed() -> None:
    assert json.loads(flow("schema").stdout)["title"] == "A Branchline conversation"
