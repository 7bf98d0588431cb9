"""`branchline-console` as people and programs use it: a broker, a box, one-line errors, never a traceback."""

import asyncio
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from console.campaigns import Terms
from console.command_push import PushOrder, push_command
from console.command_suppress import run_suppress
from console.errors import BoxSilentError, CampaignRefusedError
from console.office import Office
from firmware.clock import SimulatedClock, SystemClock
from firmware.sync.messages import (
    BoxEvent,
    BoxState,
    CampaignManifest,
    ContactBatch,
    OutcomeMessage,
    Receipt,
    RejectedRow,
    Suppress,
    decode_contact,
)
from firmware.values import Disposition
from tests.console.command_line import said

ROOT = Path(__file__).parents[2]
LIST = ROOT / "examples" / "contacts.csv"
NOW = "2026-11-02T10:00:00+08:00"
Playing = Callable[[Office, str], AbstractAsyncContextManager[Any]]
Outcome = Callable[..., OutcomeMessage]
WaitUntil = Callable[..., Awaitable[None]]


def run(*arguments: object, office: Office | None = None) -> subprocess.Popen[str]:
    """Start the command line in a process of its own, as a person does."""
    environment = dict(os.environ, COLUMNS="200")
    environment.pop("BRANCHLINE_DEBUG", None)
    if office is not None:
        environment["BRANCHLINE_OFFICE"] = str(office.folder)
    return subprocess.Popen(
        [sys.executable, "-c", "from console.cli import main; main()", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = await asyncio.to_thread(process.communicate, timeout=20)
    assert "Traceback" not in out + err
    return process.returncode, out, err


@pytest.mark.usefixtures("broker")
def test_a_list_is_pushed_answered_and_reported(
    office: Office,
    play: Playing,
    acks: Any,
    flow_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    summary = tmp_path / "summary.json"

    async def story() -> tuple[int, str, str]:
        async with play(office, "b1") as box:
            box.answer = acks(
                rejected=[RejectedRow(row=2, contact="c03", reason="unspeakable", detail="name")]
            )
            code, out, err = await asyncio.to_thread(
                said, capsys, "--office", office.folder, "push", LIST, "--flow", flow_file, "--campaign", "November",
                "--box", "b1", "--now", NOW, "--json", summary,
            )  # fmt: skip
            kinds = [type(message) for message in box.heard]
            assert kinds == [Suppress, CampaignManifest, ContactBatch], (
                "the lease first: a box without it waits"
            )
            batch = box.heard[2]
            assert decode_contact(batch.contacts[8]).person == "p09"
            assert {message.at for message in box.heard} <= {
                at
                for at in [message.at for message in box.heard]
                if abs(at - datetime.fromisoformat(NOW)).seconds < 60
            }
            return code, out, err

    code, out, err = asyncio.run(asyncio.wait_for(story(), 30))
    assert (code, err) == (0, "")
    for row, column, reason in (
        (4, "number", "invalid_number"), (8, "amount", "missing"),
        (12, "person", "duplicate_person"), (16, "due_date", "impossible_date"),
    ):  # fmt: skip
        assert re.search(rf"│\s+{row} │ {column}\s+│ {reason}", out)
    assert re.search(r"│\s+5 │ c03\s+│ unspeakable", out), "the row as the spreadsheet shows it"
    assert "11 of 16 contacts on box b1, 4 left out, 1 rejected by the box" in out
    content = json.loads(summary.read_text())
    assert (content["campaign"], content["rows_read"], content["rows_sent"], content["taken"]) == (
        "November",
        16,
        12,
        11,
    )
    assert [row["row"] for row in content["bad_rows"]] == [4, 8, 12, 16]
    assert content["rejected"] == [{"row": 5, "contact": "c03", "reason": "unspeakable", "detail": "name"}]
    assert content["accepted"]


async def push_to(office: Office, box: str, flow_file: Path, *, patience_s: float = 10.0) -> str:
    """Push the example list inside this process. Return what a person sees."""
    shown = io.StringIO()
    now = datetime.fromisoformat(NOW)
    order = PushOrder(
        contacts=LIST,
        flow=flow_file,
        box=box,
        terms=Terms(campaign="nov", name="nov", expires_at=now + timedelta(days=7)),
        mapping={},
        patience_s=patience_s,
        summary=None,
    )
    await push_command(office, order, clock=SimulatedClock(now), console=Console(file=shown, width=200))
    return shown.getvalue()


@pytest.mark.usefixtures("broker")
def test_a_box_that_refuses_the_campaign(office: Office, play: Playing, acks: Any, flow_file: Path) -> None:
    async def story() -> None:
        async with play(office, "b1") as box:
            box.answer = acks(refuse="flow_refused")
            with pytest.raises(
                CampaignRefusedError, match="box b1 refuses nov: campaign: flow_refused"
            ) as caught:
                await push_to(office, "b1", flow_file)
            assert caught.value.exit_code == 4

    asyncio.run(asyncio.wait_for(story(), 30))


@pytest.mark.usefixtures("broker")
def test_a_silent_box_is_told_from_a_refusal_and_the_push_can_go_on(
    office: Office, play: Playing, acks: Any, flow_file: Path, wait_until: WaitUntil
) -> None:
    async def story() -> None:
        with pytest.raises(BoxSilentError) as caught:
            await push_to(office, "b2", flow_file, patience_s=0.3)
        assert caught.value.exit_code == 3
        assert str(caught.value) == (
            "box b2 (never seen) left 2 of 2 messages unanswered for 0.3 s; "
            "push the same again when the box is online"
        )
        async with play(office, "b2") as box:
            box.answer = acks()
            assert "12 of 16 contacts on box b2" in await push_to(office, "b2", flow_file)
            n_heard = len(box.heard)
            assert "12 of 16 contacts on box b2" in await push_to(office, "b2", flow_file)
            await wait_until(lambda: box.heard[n_heard:])
            assert [type(each) for each in box.heard[n_heard:]] == [Suppress], "nothing is left to send"

    asyncio.run(asyncio.wait_for(story(), 120))


@pytest.mark.usefixtures("broker")
def test_watch_prints_one_json_line_for_each_new_message_after_its_commit(
    office: Office, play: Playing, outcome: Outcome, wait_until: WaitUntil
) -> None:
    state = BoxState(id="st", at=datetime.now(UTC), status="online", boot="b", dialling="yes")
    event = BoxEvent(
        id="ev", at=datetime.now(UTC), stream="s1", seq=3, event="campaign_done", severity="info"
    )

    async def story() -> tuple[int, str, str]:
        async with play(office, "b1") as box:
            watching = run("watch", "--json", "--until-idle", "2", office=office)
            await wait_until(lambda: any(isinstance(each, Suppress) for each in box.heard), timeout_s=60)
            await box.say("state", state)
            await box.say("outcome", outcome(1, disposition=Disposition.PROMISE_FULL))
            await box.say("outcome", outcome(1, disposition=Disposition.PROMISE_FULL))
            await box.say("outcome", outcome(2))
            await box.say("event", event)
            result = await ended(watching)
            assert [each.up_to for each in box.heard if isinstance(each, Receipt)][-1] == 3
            return result

    code, out, err = asyncio.run(asyncio.wait_for(story(), 120))
    assert (code, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["type"], line["box"], line.get("disposition")) for line in lines] == [
        ("state", "b1", None),
        ("outcome", "b1", "promise_full"),
        ("outcome", "b1", "no_answer"),
        ("event", "b1", None),
    ]
    assert lines[1]["attempt"] == "attempt-0001"


@pytest.mark.usefixtures("broker")
def test_watch_stops_cleanly_on_ctrl_c_and_outcomes_are_there_afterwards(
    office: Office, play: Playing, outcome: Outcome, wait_until: WaitUntil, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> tuple[int, str, str]:
        async with play(office, "b1") as box:
            watching = run("watch", office=office)
            await wait_until(lambda: box.heard, timeout_s=60)
            second = ("watch", "--until-idle", "1", "--office", office.folder)
            code, _, err = await asyncio.to_thread(said, capsys, *second)
            assert (code, err.count("\n")) == (1, 1)
            assert "another `watch` is running" in err
            await box.say("outcome", outcome(1, note="[bold]\x1b[2J"))
            await wait_until(lambda: any(isinstance(each, Receipt) for each in box.heard))
            watching.send_signal(2)
            return await ended(watching)

    code, out, err = asyncio.run(asyncio.wait_for(story(), 120))
    assert (code, err) == (0, "")
    assert out.splitlines() == ["b1 outcome nov/c01: no_answer"]
    code, out, _ = said(capsys, "outcomes", "--office", office.folder, "--json")
    assert [line["contact"] for line in json.loads(out)] == ["c01"]
    code, out, _ = said(capsys, "--office", office.folder, "report", "--json")
    [campaign] = json.loads(out)["campaigns"]
    assert (campaign["campaign"], campaign["attempts"], campaign["dispositions"]) == (
        "nov",
        1,
        {"no_answer": 1},
    )
    for command in ("outcomes", "report"):
        code, out, _ = said(capsys, command, "--office", office.folder)
        assert code == 0
        assert "nov" in out


@pytest.mark.usefixtures("broker")
def test_a_number_is_taken_off_every_box(office: Office, play: Playing, wait_until: WaitUntil) -> None:
    async def story() -> None:
        order = {"scope": "number", "value": "+8613123456709", "reason": "complaint"}
        async with play(office, "b1") as b1, play(office, "b2") as b2:
            assert await run_suppress(office, **order, clock=SystemClock())
            for box in (b1, b2):
                await wait_until(lambda box=box: len(box.heard) == 1)
                [told] = box.heard[0].suppressions
                assert (told.scope, told.number, told.reason) == ("number", "+8613123456709", "complaint")
            assert not await run_suppress(office, **order, clock=SystemClock())

    asyncio.run(asyncio.wait_for(story(), 30))


def test_init_and_box_add(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new"
    code, out, _ = said(capsys, "init", "--office", folder, "--tenant", "demo", "--broker-host", "localhost")
    assert code == 0
    assert f"mosquitto -c {folder}/broker/mosquitto.conf" in out
    assert said(capsys, "--office", folder, "box", "add", "shop-1")[0] == 0
    assert said(capsys, "box", "list", "--office", folder)[1] == "shop-1\n"


@pytest.mark.parametrize(
    ("arguments", "said_to_be_wrong"),
    [
        (["outcomes"], "which office?"),
        (["--office", "{tmp}/none", "report"], "no office folder"),
        (["--office", "{office}", "init", "--tenant", "x", "--broker-host", "h"], "not empty"),
        (["--office", "{office}", "box", "add", "all"], "will not do for a box"),
        (["--office", "{office}", "box", "add", "b1"], "issued before"),
        (
            [
                "--office",
                "{office}",
                "push",
                "{tmp}/x.csv",
                "--flow",
                "{flow}",
                "--campaign",
                "c",
                "--box",
                "b1",
            ],
            "CSV file",
        ),
        (
            ["--office", "{office}", "push", "{list}", "--flow", "{tmp}/x", "--campaign", "c", "--box", "b1"],
            "flow file",
        ),
        (
            ["--office", "{office}", "push", "{list}", "--flow", "{flow}", "--campaign", "c", "--box", "b9"],
            "box add b9",
        ),
        (
            ["--office", "{office}", "push", "{list}", "--flow", "{flow}", "--campaign", "十", "--box", "b1"],
            "--id",
        ),
        (
            ["--office", "{office}", "push", "{list}", "--flow", "{flow}", "--campaign", "c", "--box", "b1"],
            "nobody listens",
        ),
        (["--office", "{office}", "watch"], "nobody listens"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(
    office: Office,
    flow_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said_to_be_wrong: str,
) -> None:
    monkeypatch.delenv("BRANCHLINE_OFFICE", raising=False)
    places = {"tmp": tmp_path, "office": office.folder, "flow": flow_file, "list": LIST}
    code, _, err = said(capsys, *(each.format(**places) for each in arguments))
    assert code == 1
    [line] = [line for line in err.splitlines() if not line.startswith("warning:")]
    assert line.startswith("error: ")
    assert said_to_be_wrong in line
    assert "Traceback" not in err


def test_a_flow_with_faults_names_each_of_them(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text("flow: x\nsurprise: 1\n")
    code, _, err = said(
        capsys, "push", LIST, "--flow", flow, "--campaign", "c", "--box", "b1", "--office", office.folder
    )
    *places, last = err.splitlines()
    assert code == 1
    assert places
    assert all(line.startswith(f"{flow}:") for line in places)
    assert last.endswith("mend it and push again")


def test_a_fault_of_ours_is_one_line_too(
    office: Office, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret +8613123456701")

    monkeypatch.setattr("console.command_outcomes.outcome_lines", fail)
    code, _, err = said(capsys, "outcomes", "--office", office.folder)
    assert code == 70
    assert err.count("\n") == 1
    assert "ZeroDivisionError" in err
    assert "secret" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["push", "x", "--flow", "y", "--campaign", "c", "--box", "b", "--mapping", "x"],
        ["push", "x", "--flow", "y", "--campaign", "c", "--box", "b", "--expires", "soon"],
        ["suppress", "--reason", "r"],
        ["suppress", "--reason", "r", "--number", "+861"],
        ["suppress", "--reason", "no spaces", "--person", "p1"],
        ["suppress", "--reason", "r", "--person", "p" * 65],
        ["watch", "--until-idle", "1", "--until-stopped"],
        ["nonsense"],
    ],
)
def test_a_mistyped_command_is_explained(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, _, err = said(capsys, *arguments)
    assert code == 2
    assert "Traceback" not in err
