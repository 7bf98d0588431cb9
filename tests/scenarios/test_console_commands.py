"""`branchline-console command` and `config` against the real daemon and a real broker, with no `watch` beside them."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.authority import init_office, issue_box
from firmware.demo.processes import free_port, program, run_to_end
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


def test_a_box_is_asked_and_configured(office_with_box: Site) -> None:
    site = office_with_box
    site.broker()
    site.box()
    answer = json.loads(
        run_to_end(
            "command",
            site.console("command", "branch-7", "diagnostics", "events=5", "--json", *NOW),
        )
    )
    assert (answer["status"], answer["name"]) == ("done", "diagnostics")
    assert len(answer["result"]["events"]) <= 5

    refused = subprocess.run(
        site.console("command", "branch-7", "make-coffee", *NOW), capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert refused.returncode == 4
    assert "unknown_command" in refused.stderr

    wanted = site.folder / "config.toml"
    wanted.write_text('log_level = "debug"\n[[lines]]\nline = "line-1"\nname = "front desk"\n')
    assert "in force" in run_to_end("config", site.console("config", "push", "branch-7", str(wanted), *NOW))
    shown = json.loads(run_to_end("config", site.console("config", "show", "branch-7", "--json")))
    assert [(each["version"], each["state"]) for each in shown] == [(1, "in_force")]
    at_box = json.loads(
        run_to_end(
            "config",
            program("branchline", "config", "show", "--config", str(site.box_folder / "box.toml"), "--json"),
        )
    )
    assert [(each["version"], each["state"]) for each in at_box] == [(1, "in_force")]
    assert at_box[0]["settings"]["lines"][0]["name"] == "front desk"

    wanted.write_text('[[lines]]\nline = "line-77"\n')
    refused = subprocess.run(
        site.console("config", "push", "branch-7", str(wanted), *NOW), capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert refused.returncode == 4
    assert "unknown_line" in refused.stderr
    wanted.write_text('log_levle = "debug"\n')
    refused = subprocess.run(
        site.console("config", "push", "branch-7", str(wanted), *NOW), capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert refused.returncode == 1
    assert "log_levle" in refused.stderr
