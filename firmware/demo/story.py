"""The demo: starts a broker, a console and a box with simulated modems, and shows two campaigns, of twelve people and of two."""

import contextlib
import csv
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from firmware.demo.ending import show, texts_received
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
TENANT, BOX, CAMPAIGN, SECOND = "demo-bank", "branch-7", "november-reminders", "november-instalments"
SETTINGS = """
# The one colleague to whom calls may be handed over speaks Chinese.
[[agent]]
id = "desk-1"
number = "+8613900000001"
languages = ["zh-CN"]
"""
N_LINES = 4
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

    @property
    def network(self) -> Path:
        """Return what the simulated network writes down."""
        return self.root / "network-calls.jsonl"

    def report(self, campaign: str) -> Path:
        """Return the file with what a push said."""
        return self.root / f"push-{campaign}.json"

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
        _set_up(places, stack, out)
        picture = _call(places, stack, out, n_sip_lines)
        result = _add_up(places, picture, time.monotonic() - started_s)
    _tell(result, picture, places, out)
    if summary is not None:
        summary.parent.mkdir(parents=True, exist_ok=True)
        summary.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if result["missing"] or result["doubled"] or result["unfinished"]:
        out.print("[red]The console's copy differs from the box's, or contacts were left unfinished.[/]")
        return 1
    return 0


def _console(places: Places, *arguments: str) -> list[str]:
    return program("branchline-console", "--office", str(places.office), *arguments)


def _set_up(places: Places, stack: contextlib.ExitStack, out: Console) -> None:
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


def _approve_packs(box_toml: Path) -> None:
    """Do what a branch's operator does once: approve the rule packs by name, and say who takes calls over."""
    with box_toml.open("a", encoding="utf-8") as file:
        for pack in ("floor", "cn"):
            file.write(f'\n[[compliance.approval]]\npack = "{pack}"\nversion = 1\nby = "Demo Operator"\n')
        file.write(SETTINGS)


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
                    "--call-log", str(places.network), "--sip-lines", str(n_sip_lines),
                ),
                log=places.log("box"),
            )
        )
    )  # fmt: skip
    picture = Picture(awaits_text="promise_plan" if n_sip_lines < N_LINES else "")
    is_online = "the box to come online"
    _wait_for(picture, watch, box, lambda: picture.status == "online", is_online, START_DEADLINE_S)
    _push(places, picture, out, CAMPAIGN, contacts="contacts.csv", flow="overdue-reminder.yaml")
    _push(
        places, picture, out, SECOND,
        contacts="instalments.csv", flow="repayment-negotiation.yaml", texts="instalment-texts.toml",
        lines=_texting_lines(n_sip_lines),
    )  # fmt: skip
    title = f"Branchline demo: {_lines(n_sip_lines)}, Tuesday 10:00 in Shanghai"
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
    modems = f"{('no', 'one', 'two', 'three', 'four')[N_LINES - n_sip]} simulated modem{'s' * (n_sip != 3)}"
    return modems if not n_sip else f"{modems} and {n_sip} SIP line{'s' * (n_sip > 1)}"


def _push(
    places: Places,
    picture: Picture,
    out: Console,
    campaign: str,
    *,
    contacts: str,
    flow: str,
    texts: str = "",
    lines: Sequence[str] = (),
) -> None:
    """Push one list as an office does, show what it says, and take its contacts into the picture."""
    named = [f"examples/{contacts}", "--flow", f"examples/{flow}", "--campaign", campaign, "--box", BOX]
    named += ["--texts", f"examples/{texts}"] if texts else []
    named += [word for line in lines for word in ("--line", line)]
    out.print(f"[bold]branchline-console push[/] {' '.join(named)}")
    here = [str(EXAMPLES.parent / each) if each.startswith("examples/") else each for each in named]
    report = places.report(campaign)
    pushed = run_to_end(
        "branchline-console push",
        _console(places, "push", *here, "--ring-timeout", "15", "--json", str(report), "--now", STARTS_AT),
    )
    out.print(pushed.rstrip(), markup=False, highlight=False)
    for contact in _taken(report, EXAMPLES / contacts):
        picture.contacts[contact.contact] = contact


def _texting_lines(n_sip: int) -> list[str]:
    """Return the lines that can also send a text, from the number that called; none: all of them or none can."""
    return [f"line-{n + 1}" for n in range(N_LINES - n_sip)] if n_sip else []


def _taken(report: Path, listed: Path) -> list[ContactView]:
    """Return the contacts that neither the console nor the box left out."""
    document = json.loads(report.read_text(encoding="utf-8"))
    bad_rows = {problem["row"] for problem in document["bad_rows"]}
    rejected = {problem["contact"] for problem in document["rejected"]}
    with listed.open(encoding="utf-8", newline="") as file:
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
    pushed = json.loads(places.report(CAMPAIGN).read_text(encoding="utf-8"))
    report = json.loads(run_to_end("branchline-console report", _console(places, "report", "--json")))
    refused: Counter[str] = Counter()
    for campaign in report["campaigns"]:
        refused.update(campaign["refusals"])
    second = {row.contact for row in _taken(places.report(SECOND), EXAMPLES / "instalments.csv")}
    network = [json.loads(line) for line in places.network.read_text(encoding="utf-8").splitlines()]
    return {
        "contacts": len(picture.contacts) - len(second),
        "attempts": _count(box_rows, CAMPAIGN),
        "outcomes": _dispositions(console_rows, CAMPAIGN),
        "refused": dict(sorted(refused.items())),
        "not_called": {
            row.contact: row.note for row in picture.contacts.values() if row.result == NOT_CALLED
        },
        "rejected_rows": [*pushed["bad_rows"], *pushed["rejected"]],
        "instalments": {
            "contacts": len(second),
            "attempts": _count(box_rows, SECOND),
            "outcomes": _dispositions(console_rows, SECOND),
            "texts": texts_received(network),
            "text_states": sorted(picture.texts.values()),
        },
        "missing": sorted((at_box - at_console).keys()),
        "doubled": sorted(attempt for attempt, times in (at_box | at_console).items() if times > 1),
        "unknown_to_box": sorted((at_console - at_box).keys()),
        "unfinished": sorted(row.contact for row in picture.contacts.values() if not row.is_settled),
        "recordings": len(list((places.box / "data" / "recordings").glob("*"))),
        "seconds": round(seconds, 1),
    }


def _count(rows: list[dict[str, Any]], campaign: str) -> int:
    return sum(row["campaign"] == campaign for row in rows)


def _dispositions(rows: list[dict[str, Any]], campaign: str) -> dict[str, int]:
    return dict(sorted(Counter(row["disposition"] for row in rows if row["campaign"] == campaign).items()))


def _tell(result: dict[str, Any], picture: Picture, places: Places, out: Console) -> None:
    show(result, list(picture.contacts.values()), out)
    same = not (result["missing"] or result["doubled"] or result["unknown_to_box"])
    out.print(
        f"{result['attempts'] + result['instalments']['attempts']} attempts at the box, as many at the console: "
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
