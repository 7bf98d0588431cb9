"""A crash in the middle of a call, in virtual time, with the control that shows that the check can fail.

The real kill -9 is in test_processes; here the daemon is dropped between two awaits, without any clean-up.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from firmware.data_dir import database_path
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from firmware.sync.messages import BoxEvent
from modem_drivers.simulator.people import Pause, Person, Say
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

NUMBER = "+8613123456701"
LISTENS = Person(number=NUMBER, ring_s=1, steps=(Say(text="喂"), Pause(duration_s=30)))


async def crash_and_restart(town: Town, between: Callable[[Path], None]) -> None:
    """Drop the box in the middle of a call, let `between` touch its file, and run it again for a day."""
    async with town.console():
        async with town.dropped_box():
            await town.renew_lease()
            await town.push([contact(1)])
            await town.until(lambda: town.network.call_log.dialled(NUMBER) == 1)
            await asyncio.sleep(8)
        between(database_path(town.settings))
        async with town.running_box():
            await asyncio.sleep(3600)


def rung_once(town: Town) -> bool:
    return town.network.call_log.dialled(NUMBER) == 1


def leave(_path: Path) -> None:
    """Change nothing."""


def forget_reservation(path: Path) -> None:
    """Make the file as if the reservation had not been written before the call."""
    with sqlite3.connect(path) as con:
        for (trigger,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            con.execute(f"DROP TRIGGER {trigger}")
        con.execute("DELETE FROM call_event")
        con.execute("DELETE FROM attempt")
        con.execute("DELETE FROM audit")  # written in the same transaction
        con.execute("DELETE FROM setting WHERE key = 'audit_rules_session'")
        con.execute("UPDATE contact SET state = 'open', attempts = 0")
    con.close()


def test_a_reservation_cut_short_is_never_dialled_again(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, [LISTENS], n_modems=1)
        await crash_and_restart(town, leave)
        assert rung_once(town)
        assert town.outcomes() == {"c01": "technical_failure"}

    run_virtually(story())


def test_the_check_sees_a_box_that_forgot_its_reservation(tmp_path: Path) -> None:
    """The negative control: without the reservation on the disk the same story rings twice."""

    async def story() -> None:
        town = Town(tmp_path, [LISTENS], n_modems=1)
        await crash_and_restart(town, forget_reservation)
        assert not rung_once(town)

    run_virtually(story())


def test_the_database_refuses_to_forget_an_attempt(tmp_path: Path) -> None:
    """An edited database is one of the doors: the attempts table cannot be emptied without taking its rules off."""
    database = Database.open(tmp_path / "box.db", executor=InlineExecutor())
    database.close_now()
    with sqlite3.connect(tmp_path / "box.db") as con:
        con.execute("PRAGMA foreign_keys=OFF")
        con.execute(
            "INSERT INTO attempt (attempt, campaign, contact, person, number, line, reserved_at)"
            " VALUES ('a','c','k','p','+8613123456701','l',1)"
        )
        with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
            con.execute("DELETE FROM attempt")
    con.close()


def spoil(path: Path, *roots: str) -> None:
    """Overwrite the first page of these tables and indexes."""
    with sqlite3.connect(path) as con:
        pages = [
            con.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (root,)).fetchone()[0]
            for root in roots
        ]
    con.close()
    content = bytearray(path.read_bytes())
    for page in pages:
        content[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "outcomes"),
    [
        pytest.param(("contact_due",), {"c01": "technical_failure"}, id="the attempt can be read"),
        pytest.param(("contact_due", "attempt", "sqlite_autoindex_attempt_1"), {}, id="the attempt is lost"),
    ],
)
def test_a_damaged_database_dials_nobody_until_the_console_says_so(
    tmp_path: Path, damage: tuple[str, ...], outcomes: dict[str, str]
) -> None:
    """And who was being called when it broke is not called again on the word of a file that has forgotten it."""

    async def story() -> None:
        town = Town(tmp_path, [LISTENS], n_modems=1)
        async with town.console():
            async with town.dropped_box() as box:
                await town.renew_lease()
                await town.push([contact(1, not_before=town.clock.now() + timedelta(minutes=5))])
                await town.until(lambda: any(ack.kind == "contacts" for ack in town.acks()))
                await box.database.snapshot(at=town.clock.now())
                await town.until(lambda: rung_once(town))
                await asyncio.sleep(8)
            spoil(database_path(town.settings), *damage)
            async with town.running_box():
                await asyncio.sleep(4 * 3600)
                assert rung_once(town), "stopped is stopped"
                alarms = [m for m in town.seen if isinstance(m, BoxEvent) and m.event == "database_restored"]
                assert [alarm.severity for alarm in alarms] == ["alarm"]
                assert ("taken off" in alarms[0].detail) == (not outcomes)
                assert town.outcomes() == outcomes
                await town.renew_lease()
                await town.control("resume_all")
                await asyncio.sleep(3600)
                # Where the attempt is known the rules decide about another; where it is not, nobody is rung.
                assert rung_once(town) == (not outcomes)

    run_virtually(story())
