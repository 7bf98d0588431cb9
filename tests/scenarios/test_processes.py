"""The real daemon as a process, on real PTYs, against a real mosquitto with TLS: killed, cut off, and refused."""

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from console.authority import init_office, issue_box
from console.office import Office
from firmware.demo.processes import (
    Child,
    find_mosquitto,
    free_port,
    program,
    run_to_end,
    running,
    wait_for_port,
)
from modem_drivers.simulator.pty_host import SimulatedModemProcess
from modem_drivers.simulator.simulation import ModemSpec, Simulation

pytestmark = pytest.mark.in_real_time
STARTS_AT = datetime.fromisoformat("2026-11-24T10:00:00+08:00")
FLOW = Path(__file__).resolve().parents[2] / "examples" / "overdue-reminder.yaml"
HEAD = "contact,person,name,number,language,region,time_zone,status,creditor,amount,currency,due_date,last4,priority,consents\n"
PEOPLE = """
people:
  - {number: "+8613123456701", ring_s: 0.5, patience_s: 100, steps: [{say: "喂，你好，请讲。"}]}
  - {number: "+8613123456702", reaction: busy}
  - {number: "+8613123456703", ring_s: 0.5, steps: [{pause: 1}, hang_up]}
  - {number: "+8613123456704", reaction: busy}
  - {number: "+8613123456705", reaction: switched_off}
  - {number: "+8613123456706", reaction: busy}
  - {number: "+8613123456707", reaction: switched_off}
  - {number: "+8613123456708", ring_s: 0.5, steps: [{pause: 1}, hang_up]}
"""


@dataclass
class Site:
    """An office, its broker and one box, all on this machine."""

    folder: Path
    port: int
    office: Office
    box_folder: Path
    stack: contextlib.ExitStack
    messages: list[dict[str, Any]] = field(default_factory=list)

    def broker(self) -> Child:
        child = Child(
            "mosquitto",
            [find_mosquitto(), "-c", str(self.office.broker_folder / "mosquitto.conf")],
            log=self.folder / "mosquitto.log",
        )
        self.stack.enter_context(running(child))
        wait_for_port(self.port, child)
        return child

    def watch(self) -> Child:
        return self.stack.enter_context(
            running(
                Child(
                    "watch",
                    self.console("watch", "--json", "--now", STARTS_AT.isoformat()),
                    log=self.folder / "watch.log",
                    reads_json=True,
                )
            )
        )

    def box(self, starts_at: datetime = STARTS_AT) -> Child:
        return self.stack.enter_context(
            running(
                Child(
                    "box",
                    program(
                        "branchline", "simulated-box", "--config", str(self.box_folder / "box.toml"),
                        "--people", str(self.folder / "people.yaml"), "--starts-at", starts_at.isoformat(),
                        "--call-log", str(self.folder / "calls.jsonl"),
                    ),
                    log=self.folder / "box.log",
                )
            )
        )  # fmt: skip

    def console(self, *arguments: str) -> list[str]:
        return program("branchline-console", "--office", str(self.office.folder), *arguments)

    def push(
        self,
        places: range,
        campaign: str = "november",
        *,
        status: str = "open",
        now: datetime | None = STARTS_AT,
    ) -> None:
        rows = [
            f"c{n:02d},p{n:02d},王伟,+86131234567{n:02d},zh-CN,CN-GD,Asia/Shanghai,{status},安心银行,100.50,CNY,"
            f"2026-11-10,41{n:02d},{100 - n},"
            for n in places
        ]
        (self.folder / "contacts.csv").write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
        run_to_end(
            "push",
            self.console(
                "push", str(self.folder / "contacts.csv"), "--flow", str(FLOW), "--campaign", campaign,
                "--box", "branch-7", *(["--now", now.isoformat()] if now else []),
            ),
        )  # fmt: skip

    def until(self, watch: Child, ready: Callable[[], bool], what: str, seconds: float = 45.0) -> None:
        """Take what the console commits until `ready`."""
        deadline = time.monotonic() + seconds
        while not ready():
            left = deadline - time.monotonic()
            assert left > 0, f"waited {seconds} s for {what}; seen {self.messages[-5:]}"
            with contextlib.suppress(Exception):
                self.messages.append(watch.lines.get(timeout=min(left, 0.2)))

    def outcomes(self) -> dict[str, str]:
        return {m["contact"]: m["disposition"] for m in self.messages if m["type"] == "outcome"}

    def stages(self) -> dict[str, str]:
        """Return the call stage by contact in the last state."""
        state: dict[str, Any] = next(
            (m for m in reversed(self.messages) if m["type"] == "state"), {"lines": []}
        )
        return {line["contact"]: line["call"] for line in state["lines"] if line.get("contact")}

    def dialled(self) -> Counter[str]:
        log = self.folder / "calls.jsonl"
        rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return Counter(row["number"] for row in rows if row["event"] == "dialled")

    def last_number(self) -> int:
        """Return the highest number that the box has given a message."""
        (database,) = self.box_folder.rglob("*.db")
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
            return int(reader.execute("SELECT last_seq FROM outbox_head").fetchone()[0])

    def drained(self, after: int) -> bool:
        """Say whether every number behind `after` has come."""
        numbers = {m["seq"] for m in self.messages if m.get("seq", 0) > after}
        return bool(numbers) and numbers == set(range(after + 1, max(numbers) + 1))

    def check_same(self) -> list[str]:
        """Return the attempts; fail unless box and console have the same ones, once each."""
        at_box = json.loads(
            run_to_end(
                "outcomes",
                program("branchline", "outcomes", "--config", str(self.box_folder / "box.toml"), "--json"),
            )
        )
        at_console = json.loads(run_to_end("outcomes", self.console("outcomes", "--json")))
        assert sorted(row["attempt"] for row in at_box) == sorted(row["attempt"] for row in at_console)
        attempts = [row["attempt"] for row in at_console]
        assert len(attempts) == len(set(attempts))
        return attempts


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A new office with one box that approves the rule packs, nothing running yet."""
    port = free_port()
    office = init_office(tmp_path / "office", "bank", "127.0.0.1", now=datetime.now(UTC), broker_port=port)
    box_folder = issue_box(office, "branch-7", now=datetime.now(UTC))
    with (box_folder / "box.toml").open("a", encoding="utf-8") as file:
        for pack in ("floor", "cn"):
            file.write(f'\n[[compliance.approval]]\npack = "{pack}"\nversion = 1\nby = "Li Wei"\n')
    (tmp_path / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    with contextlib.ExitStack() as stack:
        yield Site(tmp_path, port, office, box_folder, stack)


@pytest.mark.timeout(300)
def test_killed_in_a_call_then_cut_off(site: Site) -> None:
    """One box's bad day: kill -9 while somebody listens, and later a broker that goes away in the middle of a campaign."""
    broker = site.broker()
    watch = site.watch()
    box = site.box()
    site.until(watch, lambda: any(m["type"] == "state" for m in site.messages), "the box")
    _is_killed_while_somebody_listens(site, watch, box)
    _calls_go_on_without_the_broker(site, watch, broker)


def _is_killed_while_somebody_listens(site: Site, watch: Child, box: Child) -> None:
    """No second ring, `technical_failure` at the console, nothing lost or doubled."""
    site.push(range(1, 4))
    site.until(
        watch, lambda: site.stages().get("c01") == "active" and "c02" in site.outcomes(), "a call under way"
    )
    box.kill()
    assert "c01" not in site.outcomes()

    site.box(STARTS_AT + timedelta(minutes=10))
    site.until(watch, lambda: {"c01", "c02", "c03"} <= site.outcomes().keys(), "every outcome")
    assert site.outcomes()["c01"] == "technical_failure"
    # Long enough for a box that forgot to dial again.
    site.push(range(4, 6), "after-the-crash")
    site.until(watch, lambda: {"c04", "c05"} <= site.outcomes().keys(), "the calls after the crash")
    assert max(site.dialled().values()) == 1, "somebody was rung twice for one reservation"
    assert len(site.check_same()) == 5


def _calls_go_on_without_the_broker(site: Site, watch: Child, broker: Child) -> None:
    """Calls go on, and the backlog drains to the last message."""
    site.push(range(6, 9), "cut-off")
    broker.kill()
    said_before = site.last_number()
    deadline = time.monotonic() + 60
    while sum(site.dialled().values()) < 8 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert sum(site.dialled().values()) == 8, "calls did not go on without the broker"
    site.broker()
    site.until(watch, lambda: len(site.outcomes()) == 8, "the backlog", 60)
    # Every number, each once. Not in order: what the box says to the new broker before the console is back there goes
    # nowhere, and comes again when no receipt for it was heard. (What `push` took is in the ledger all the same.)
    site.until(watch, lambda: site.drained(said_before), "what was said before the console was back", 60)
    numbers = [m["seq"] for m in site.messages if "seq" in m]
    assert len(numbers) == len(set(numbers))
    assert json.loads(run_to_end("report", site.console("report", "--json")))["gaps"] == []
    assert max(site.dialled().values()) == 1


def test_the_daemon_runs_on_named_ports_under_the_systems_clock(site: Site) -> None:
    """`branchline run`: ports and broker as the file names them; nobody is dialled who may not be, at any hour."""
    site.broker()
    watch = site.stack.enter_context(
        running(
            Child("watch", site.console("watch", "--json"), log=site.folder / "watch.log", reads_json=True)
        )
    )
    simulation = Simulation(
        modems=(
            ModemSpec(personality="sim7600", imei="356938035643800", number="+8613123456600"),
            ModemSpec(personality="ec25", imei="356938035643801", number="+8613123456601"),
        ),
        people=PEOPLE,
        today=STARTS_AT.date(),
        call_log_path=str(site.folder / "calls.jsonl"),
    )

    async def story() -> None:
        doors = site.stack.enter_context(tempfile.TemporaryDirectory(prefix="branchline-"))
        async with SimulatedModemProcess(simulation) as modems:
            with (site.box_folder / "box.toml").open("a", encoding="utf-8") as file:
                file.write('\n[status_page]\nbind = "127.0.0.1"\nport = 0\n')
                file.write(f'\n[local]\nsocket = "{doors}/s.sock"\n')  # a socket's path has 107 bytes at most
                for place, ports in enumerate(modems.ports):
                    file.write(
                        f'\n[[line]]\nid = "line-{place}"\nat_port = "{ports.at_path}"\npcm_port = "{ports.pcm_path}"\n'
                    )
            box = site.stack.enter_context(
                running(
                    Child(
                        "box",
                        program("branchline", "run", "--config", str(site.box_folder / "box.toml")),
                        log=site.folder / "box.log",
                    )
                )
            )
            await asyncio.to_thread(
                site.until, watch, lambda: _ready_lines(site) == {"line-0", "line-1"}, "two lines"
            )
            site.push(range(1, 2), status="disputed", now=None)  # returns when the box has answered
            await asyncio.to_thread(_look_through_the_doors, site)
            assert box.stop() == 0

    asyncio.run(story())
    assert site.dialled() == Counter()


def _look_through_the_doors(site: Site) -> None:
    """The page, the metrics and the self-check of the daemon that runs: they agree on lines, clock and dialling."""
    log = [json.loads(line) for line in (site.folder / "box.log").read_text(encoding="utf-8").splitlines()]
    port = next(entry["port"] for entry in log if entry["event"] == "status_page")
    door = f"http://127.0.0.1:{port}"
    with urlopen(f"{door}/metrics", timeout=10) as answer:
        metrics = answer.read().decode()
    for line in ("line-0", "line-1"):
        assert f'branchline_line_status{{line="{line}",status="ready"}} 1.0' in metrics
    with urlopen(Request(door, headers={"Accept-Language": "en"}), timeout=10) as answer:
        page = answer.read().decode()
    assert "line-0" in page
    assert "+8613" not in page
    # Whether NTP vouches for this machine's time is this machine's affair; that the doors agree is ours.
    is_trusted = "branchline_clock_trusted 1.0" in metrics
    assert ("waiting for the right time" in page) is (not is_trusted)
    assert ("branchline_dialling 1.0" in metrics) <= is_trusted
    checked = subprocess.run(
        program("branchline", "selfcheck", "--json", "--config", str(site.box_folder / "box.toml")),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    checks = {each["code"]: each for each in json.loads(checked.stdout)["checks"]}
    assert checks["daemon"]["state"] == "good", checks["daemon"]


def _ready_lines(site: Site) -> set[str]:
    state: dict[str, Any] = next((m for m in reversed(site.messages) if m["type"] == "state"), {"lines": []})
    return {line["line"] for line in state["lines"] if line["status"] == "ready"}
