"""A version of a flow says one thing: whoever changes it and keeps the number is told."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware.rehearsal.command import flow_app
from firmware.rehearsal.loading import read_flow
from firmware.rehearsal.sealing import SEALS, SealError, broken_seal, content_digest, read_seals, seal

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SHIPPED = sorted(file for file in EXAMPLES.rglob("*.yaml") if "\nnodes:" in file.read_text(encoding="utf-8"))


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text((EXAMPLES / "service-survey.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return file


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new), encoding="utf-8")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(flow_app, arguments)
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.parent.name + "/" + file.stem)
def test_a_shipped_flow_is_sealed_as_it_stands(file: Path) -> None:
    """Fails here: raise `version:` in the flow, then `branchline flow seal examples/THE-FLOW.yaml`."""
    flow = read_flow(file)
    assert flow.name in read_seals(file.parent)
    assert broken_seal(file, flow) is None


def test_all_that_ship_are_looked_at() -> None:
    assert len(SHIPPED) == sum(len(read_seals(folder)) for folder in (EXAMPLES, EXAMPLES / "us")) == 8


def test_other_words_need_another_version(flow: Path) -> None:
    assert run("seal", str(flow)) == (0, f"service-survey is sealed in {SEALS}")
    change(flow, "version: 2\n", "version: 2  # of autumn\n\n")
    assert broken_seal(flow, read_flow(flow)) is None, "a comment says nothing to a callee"
    change(flow, "Thank you for your time. Have a good day, and goodbye.", "Goodbye.")
    code, output = run("check", str(flow))
    assert code == 0, "it may be dialled with"
    assert "it changed and is still version 2: write `version: 3`" in output
    code, output = run("seal", str(flow))
    assert (code, "still version 2" in output) == (1, True)
    change(flow, "version: 2  #", "version: 3  #")
    code, output = run("check", str(flow), "--json")
    assert "version 3 is not sealed" in output
    assert run("seal", str(flow))[0] == 0
    assert "seal" not in run("check", str(flow), "--json")[1]
    assert run("seal", str(flow)) == (0, "1 unchanged")
    change(flow, "version: 3  #", "version: 2  #")
    assert broken_seal(flow, read_flow(flow)) == "version 3 was sealed before: a version only rises"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("start: opening", "start: opening  # and so on", id="comment"),
        pytest.param("neutral: goodbye", "neutral: 'goodbye'", id="quotes"),
        pytest.param("version: 2", "version: 7", id="the number itself"),
    ],
)
def test_what_says_nothing_counts_for_nothing(flow: Path, old: str, new: str) -> None:
    before = content_digest(flow.read_text(encoding="utf-8"))
    change(flow, f"{old}\n", f"{new}\n")
    assert content_digest(flow.read_text(encoding="utf-8")) == before


def test_a_table_that_cannot_be_read_is_named(flow: Path) -> None:
    (flow.parent / SEALS).write_text("[service-survey]\nversion = 1\n", encoding="utf-8")
    with pytest.raises(SealError, match="cannot be read"):
        seal([(flow, read_flow(flow))])
    assert run("seal", str(flow))[0] == 1
    code, output = run("seal", str(flow.parent / "nothing.yaml"))
    assert (code, "name flows" in output) == (2, True)
