"""kill -9 at any moment: whatever was acknowledged is there, whole, and the outbox has no gap.

A killed process does not lose what the kernel has taken; that `synchronous=FULL` is in force is tested apart.
"""

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor

WRITER = Path(__file__).with_name("crash_writer.py")
ROOT = Path(__file__).parents[3]


def run_until_killed(path: Path, mode: str, *, after_lines: int) -> set[str]:
    """Return what the child acknowledged before it was killed."""
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(path), mode],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    ) as child:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line)
            if len(lines) == after_lines:
                child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    # The last line may be cut off in the middle of a word.
    return {line.decode().strip() for line in lines if line.endswith(b"\n")}


def what_is_wrong(path: Path, acknowledged: set[str]) -> list[str]:
    """Return every promise that the file breaks; opening it recovers it first."""
    database = Database.open(path, executor=InlineExecutor())

    def look(con: Connection) -> list[str]:
        attempts = {row["attempt"] for row in con.rows("SELECT attempt FROM attempt")}
        bodies = con.rows("SELECT seq, body FROM outbox ORDER BY seq")
        reported = {row["body"].split()[0].decode() for row in bodies}
        counted = con.value("SELECT sum(attempts) FROM contact")
        wrong = [f"{name} was acknowledged and is lost" for name in acknowledged - attempts]
        wrong += [f"{name} is half there" for name in attempts ^ reported]
        if [row["seq"] for row in bodies] != list(range(1, len(bodies) + 1)):
            wrong.append("the outbox has a gap")
        if con.value("SELECT last_seq FROM outbox_head") != len(bodies):
            wrong.append("the outbox's head is not its last number")
        if counted != len(attempts):
            wrong.append("an attempt is not counted")
        return wrong

    try:
        return asyncio.run(database.read(look))
    finally:
        database.close_now()


@pytest.mark.parametrize("seed", range(4))
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path, seed: int) -> None:
    after_lines = random.Random(seed).randint(1, 250)
    acknowledged = run_until_killed(tmp_path / "box.db", "honest", after_lines=after_lines)
    assert len(acknowledged) >= after_lines - 1
    assert what_is_wrong(tmp_path / "box.db", acknowledged) == []


@pytest.mark.parametrize(("mode", "complaint"), [("early", "is lost"), ("split", "is half there")])
def test_the_checker_notices_a_wrong_program(tmp_path: Path, mode: str, complaint: str) -> None:
    acknowledged = run_until_killed(tmp_path / "box.db", mode, after_lines=10_000)
    wrong = what_is_wrong(tmp_path / "box.db", acknowledged)
    assert any(complaint in problem for problem in wrong), wrong
