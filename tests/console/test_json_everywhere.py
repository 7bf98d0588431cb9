"""Every command answers a program: with figures of its own, or with a line of JSON for each thing that it says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from console.cli import app
from console.office import Office
from console.tables import table
from console.terminal import show, speak_json
from tests.console.command_line import said


def commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Yield every command with its options."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, {name for each in command.params for name in each.opts}  # type: ignore[attr-defined]
        return
    for name, each in inner.items():
        yield from commands(each, (*path, name))


def test_every_command_has_it() -> None:
    found = dict(commands(typer.main.get_command(app)))
    assert len(found) > 60
    assert [path for path, options in found.items() if "--json" not in options] == []


def test_what_is_said_comes_as_lines_of_json(
    bare_office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--office", bare_office.folder)
    code, out, err = said(capsys, "box", "add", "b7", *where, "--json")
    assert (code, err) == (0, "")
    [line] = out.splitlines()
    made = json.loads(line)
    assert (made["box"], Path(made["folder"]).is_dir()) == ("b7", True)
    assert made["said"].startswith("box b7 made; copy ")
    code, out, _ = said(capsys, "keys", "show", *where, "--json")
    assert (code, json.loads(out)) == (0, {"said": "one key, never renewed: `keys rotate` renews it"})
    code, out, _ = said(capsys, "box", "add", "b8", *where)
    assert out.startswith("box b8 made"), "the next one speaks to people again"
    code, out, err = said(capsys, "box", "add", "b7", *where, "--json")
    assert code != 0
    assert (out, err.startswith("error: ")) == ("", True)
    new = tmp_path / "new"
    code, out, _ = said(
        capsys, "init", "--tenant", "bank", "--broker-host", "b.example", "--office", new, "--json"
    )
    assert json.loads(out.splitlines()[0])["folder"] == str(new)


def test_rows_of_a_table_come_as_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    speak_json()
    try:
        show(table("Boxes", ("box", "has it"), [("b1", "yes"), ("b2", "[no]")]))
    finally:
        speak_json(False)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        {"table": "Boxes", "box": "b1", "has it": "yes"},
        {"table": "Boxes", "box": "b2", "has it": "[no]"},
    ]
