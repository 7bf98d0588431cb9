"""`branchline-console command` and `config` against the real daemon and a real broker, with no `watch` beside them."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.authority import init_office, issue_box
from firmware.cli import app as at_the_box
from firmware.demo.processes import free_port
from tests.console.command_line import said
from tests.scenarios.test_processes import PEOPLE, STARTS_AT, Site

NOW = ["--now", STARTS_AT.isoformat()]


@pytest.fixture
def office_with_box(tmp_path: Path) -> Iterator[Site]:
    port = free_port()
    office = init_office(tmp_path / "office", "bank", "127.0.0.1", now=datetime.now(UTC), broker_port=port)
    box_folder = issue_box(office, "branch-7", now=datetime.now(UTC))
    (tmp_path / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    with contextlib.ExitStack() as stack:
        yield Site(tmp_path, port, office, box_folder, stack)


def test_a_box_is_asked_and_configured(office_with_box: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site = office_with_box
    site.broker()
    site.box()

    def console(*arguments: object, code: int = 0) -> str:
        found, out, err = said(capsys, "--office", site.office.folder, *arguments)
        assert found == code, err
        return out or err

    answer = json.loads(console("command", "branch-7", "diagnostics", "events=5", "--json", *NOW))
    assert (answer["status"], answer["name"]) == ("done", "diagnostics")
    assert len(answer["result"]["events"]) <= 5
    assert "unknown_command" in console("command", "branch-7", "make-coffee", *NOW, code=4)

    wanted = site.folder / "config.toml"
    wanted.write_text('log_level = "debug"\n[[lines]]\nline = "line-1"\nname = "front desk"\n')
    assert "in force" in console("config", "push", "branch-7", wanted, *NOW)
    shown = json.loads(console("config", "show", "branch-7", "--json"))
    assert [(each["version"], each["state"]) for each in shown] == [(1, "in_force")]
    capsys.readouterr()
    at_the_box(
        ["config", "show", "--config", str(site.box_folder / "box.toml"), "--json"], standalone_mode=False
    )
    at_box = json.loads(capsys.readouterr().out)
    assert [(each["version"], each["state"]) for each in at_box] == [(1, "in_force")]
    assert at_box[0]["settings"]["lines"][0]["name"] == "front desk"

    wanted.write_text('[[lines]]\nline = "line-77"\n')
    assert "unknown_line" in console("config", "push", "branch-7", wanted, *NOW, code=4)
    wanted.write_text('log_levle = "debug"\n')
    assert "log_levle" in console("config", "push", "branch-7", wanted, *NOW, code=1)
