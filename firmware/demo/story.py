"""The demo: starts a broker, a console and a box with simulated modems, and shows a campaign of twelve people."""

import contextlib
import csv
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from firmware.demo.processes import (
    Child,
    DemoError,
    find_mosquitto,
    free_port,
    program,
    run_to_end,
    running,
    wait_for_port,
)
from firmware.demo.screen import NOT_CALLED, ContactView, Picture

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
STARTS_AT = "2026-11-24T10:00:00+08:00"
"""A Tuesday morning in the callees' zone: the demo shows the same day at any hour it is run."""
TENANT, BOX, CAMPAIGN = "demo-bank", "branch-7", "november-reminders"
START_DEADLINE_S = 60.0
"""A box starts in two or three seconds; a small or busy machine takes its time."""
CALLS_DEADLINE_S = 150.0
"""The calls take a minute on a machine with nothing else to do."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything of one demo lies."""

    root: Path

    @property
    def office(self) -> Path:
        """Return the console's folder."""
        return self.root / "console"

    @property
    def box(self) -> Path:
        """Return the box's folder."""
        return self.office / "boxes" / BOX

    def log(self, name: str) -> Path:
        """Return one process's log file."""
        return self.root / "logs" / f"{name}.log"


def run_demo(*, summary: Path | None, folder: Path | None, n_sip_lines: int = 0) -> int:
    """Run the demo and return its exit code: 0 only when nothing is missing or doubled. Raises DemoError."""
    if not EXAMPLES.is_dir():
        raise DemoError(f"{EXAMPLES} is not there: run the demo from a checkout, ./branchline demo")
    started_s = time.monotonic()
    out = Console()
    root = folder or Path(tempfile.mkdtemp(prefix="branchline-demo-"))
    places = Places(root.resolve())
    if places.office.exists():
        raise DemoError(f"{places.root} holds an earlier demo: name another --folder or remove it")
    places.log("x").parent.mkdir(parents=True, exist_ok=True)
    places.root.chmod(0o700)
    with contextlib.ExitStack() as stack:
        port = _set_up(places, stack, out)
        picture = _call(places, stack, out, n_sip_lines)
        result = _add_up(places, picture, time.monotonic() - started_s)
    _tell(result, places, port, out)
    if summary is not None:
        summary.parent.mkdir(parents=True, exist_ok=True)
        summary.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if result["missing"] or result["doubled"] or result["unfinished"]:
        out.print("[red]The console's copy differs from the box's, or contacts were left unfinished.[/]")
        return 1
    return 0


def _console(places: Places, *arguments: str) -> list[str]:
    return program("branchline-console", "--office", str(places.office), *arguments)


def _set_up(places: Places, stack: contextlib.ExitStack, out: Console) -> int:
    port = free_port()
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=out
    ) as progress:
        task = progress.add_task(
            "the office: a throw-away CA, signing keys, the broker's access list", total=None
        )
        run_to_end(
            "branchline-console init",
            _console(
                places, "init", "--tenant", TENANT, "--broker-host", "127.0.0.1", "--broker-port", str(port)
            ),
        )
        run_to_end("branchline-console box add", _console(places, "box", "add", BOX, "--language", "en"))
        _approve_packs(places.box / "box.toml")
        progress.update(task, description=f"the broker: mosquitto with TLS on 127.0.0.1:{port}")
        broker = stack.enter_context(
            running(
                Child(
                    "mosquitto",
                    [find_mosquitto(), "-c", str(places.office / "broker" / "mosquitto.conf")],
                    log=places.log("mosquitto"),
                )
            )
        )
        wait_for_port(port, broker)
    return port


def _approve_packs(box_toml: Path) -> None:
    """Do what a branch's operator does once: approve the rule packs by name."""
    with box_toml.open("a", encoding="utf-8") as file:
        for pack in ("floor", "cn"):
            file.write(f'\n[[compliance.approval]]\npack = "{pack}"\nversion = 1\nby = "Demo Operator"\n')


def _call(places: Places, stack: contextlib.ExitStack, out: Console, n_sip_lines: int) -> Picture:
    watch = stack.enter_context(
        running(
            Child(
                "branchline-console watch",
                _console(places, "watch", "--json", "--now", STARTS_AT),
                log=places.log("console"),
                reads_json=True,
            )
        )
    )
    box = stack.enter_context(
        running(
            Child(
                "the box",
                program(
                    "branchline", "simulated-box", "--config", str(places.box / "box.toml"),
                    "--people", str(EXAMPLES / "people.yaml"), "--starts-at", STARTS_AT,
                    "--call-log", str(places.root / "network-calls.jsonl"), "--sip-lines", str(n_sip_lines),
                ),
                log=places.log("box"),
            )
        )
    )  # fmt: skip
    picture = Picture()
    is_online = "the box to come online"
    _wait_for(picture, watch, box, lambda: picture.status == "online", is_online, START_DEADLINE_S)
    report = places.root / "push.json"
    out.print(
        f"[bold]branchline-console push[/] examples/contacts.csv --flow examples/overdue-reminder.yaml --campaign {CAMPAIGN} --box {BOX}"
    )
    pushed = run_to_end(
        "branchline-console push",
        _console(
            places, "push", str(EXAMPLES / "contacts.csv"),
            "--flow", str(EXAMPLES / "overdue-reminder.yaml"), "--campaign", CAMPAIGN, "--box", BOX,
            "--ring-timeout", "20", "--json", str(report), "--now", STARTS_AT,
        ),
    )  # fmt: skip
    out.print(pushed.rstrip(), markup=False, highlight=False)
    for contact in _taken(report):
        picture.contacts[contact.contact] = contact
    title = f"Branchline demo: {_lines(n_sip_lines)}, twelve people, Tuesday 10:00 in Shanghai"
    started_s = time.monotonic()
    with Live(
        console=out,
        refresh_per_second=4,
        transient=False,
        get_renderable=lambda: picture.draw(title, time.monotonic() - started_s),
    ):
        _wait_for(picture, watch, box, lambda: picture.is_complete, "", CALLS_DEADLINE_S)
    return picture


def _lines(n_sip: int) -> str:
    modems = f"{('no', 'one', 'two', 'three', 'four')[4 - n_sip]} simulated modem{'s' * (n_sip != 3)}"
    return modems if not n_sip else f"{modems} and {n_sip} SIP line{'s' * (n_sip > 1)}"


def _taken(report: Path) -> list[ContactView]:
    """Return the contacts that neither the console nor the box left out."""
    document = json.loads(report.read_text(encoding="utf-8"))
    bad_rows = {problem["row"] for problem in document["bad_rows"]}
    rejected = {problem["contact"] for problem in document["rejected"]}
    with (EXAMPLES / "contacts.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for number, row in enumerate(csv.DictReader(file), start=2) if number not in bad_rows]
    return [
        ContactView(contact=row["contact"], name=row["name"], language=row["language"])
        for row in rows
        if row["contact"] not in rejected
    ]


def _wait_for(picture: Picture, watch: Child, box: Child, ready: Any, what: str, deadline_s: float) -> None:
    """Feed the picture until `ready`; at the deadline raise DemoError, or just go on when `what` is empty."""
    until_s = time.monotonic() + deadline_s
    while not ready():
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            if what:
                raise DemoError(f"waited {deadline_s:.0f} s for {what}:\n{box.last_words()}")
            return
        box.check_alive()
        watch.check_alive()
        with contextlib.suppress(Exception):
            picture.take(watch.lines.get(timeout=min(left_s, 0.25)))


def _add_up(places: Places, picture: Picture, seconds: float) -> dict[str, Any]:
    box_rows = json.loads(
        run_to_end(
            "branchline outcomes",
            program("branchline", "outcomes", "--config", str(places.box / "box.toml"), "--json"),
        )
    )
    console_rows = json.loads(
        run_to_end("branchline-console outcomes", _console(places, "outcomes", "--json"))
    )
    at_box = Counter(row["attempt"] for row in box_rows)
    at_console = Counter(row["attempt"] for row in console_rows)
    pushed = json.loads((places.root / "push.json").read_text(encoding="utf-8"))
    report = json.loads(run_to_end("branchline-console report", _console(places, "report", "--json")))
    refused: Counter[str] = Counter()
    for campaign in report["campaigns"]:
        refused.update(campaign["refusals"])
    return {
        "contacts": len(picture.contacts),
        "attempts": len(box_rows),
        "outcomes": dict(sorted(Counter(row["disposition"] for row in console_rows).items())),
        "refused": dict(sorted(refused.items())),
        "not_called": {
            row.contact: row.note for row in picture.contacts.values() if row.result == NOT_CALLED
        },
        "rejected_rows": [*pushed["bad_rows"], *pushed["rejected"]],
        "missing": sorted((at_box - at_console).keys()),
        "doubled": sorted(attempt for attempt, times in (at_box | at_console).items() if times > 1),
        "unknown_to_box": sorted((at_console - at_box).keys()),
        "unfinished": sorted(row.contact for row in picture.contacts.values() if not row.is_settled),
        "recordings": len(list((places.box / "data" / "recordings").glob("*"))),
        "seconds": round(seconds, 1),
    }


def _tell(result: dict[str, Any], places: Places, port: int, out: Console) -> None:
    table = Table(title="Outcomes", title_justify="left")
    table.add_column("disposition")
    table.add_column("contacts", justify="right")
    for disposition, count in result["outcomes"].items():
        table.add_row(disposition, str(count))
    for rule, count in result["refused"].items():
        table.add_row(f"not called: {rule}", str(count), style="magenta")
    out.print(table)
    for contact, why in result["not_called"].items():
        out.print(f"{contact} was not called: {why}", markup=False, highlight=False)
    same = not (result["missing"] or result["doubled"] or result["unknown_to_box"])
    out.print(
        f"{result['attempts']} attempts at the box, as many at the console: "
        + (
            "[green]same ids, none missing, none twice[/]"
            if same
            else f"[red]missing {result['missing']}, doubled {result['doubled']}[/]"
        )
    )
    out.print(
        f"{result['recordings']} recordings, sealed to the console's key: {places.box / 'data' / 'recordings'}",
        soft_wrap=True,
    )
    out.print(f"the box's database: {places.box / 'data' / 'box.db'}", soft_wrap=True)
    out.print(f"the log: {places.log('box')}", soft_wrap=True)
    out.print(
        f"hear one: {Path(sys.executable).parent / 'branchline-console'} --office {places.office} open-recording RECORDING --out call.wav",
        soft_wrap=True, highlight=False,
    )  # fmt: skip
    out.print(f"{result['seconds']:.0f} s in all")
