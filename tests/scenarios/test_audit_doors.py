"""The audit log as a door: whoever edits the database, or fills the disk, stops the dialling and is heard of."""

import asyncio
import json
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from firmware.calls.audit_check import replay
from firmware.compliance.audit import keyed_ref
from firmware.data_dir import database_path
from firmware.rules.audit_command import audit_app
from firmware.store import audit_log
from firmware.store.errors import StoreFailedError
from firmware.sync.messages import BoxEvent
from modem_drivers.simulator.people import Pause, Person, Press, Say, WaitForSilence
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

FIRST, SECOND = "+8613123456701", "+8613123456702"
PEOPLE = [
    Person(number=number, ring_s=1, steps=(Say(text="喂"), Pause(duration_s=30)))
    for number in (FIRST, SECOND)
]
EDITS = {
    "an entry rewritten": "UPDATE audit SET body = replace(body, 'allow', 'defer') WHERE seq = 2",
    "the last entry rewritten": "UPDATE audit SET body = body || ' ' WHERE seq = (SELECT max(seq) FROM audit)",
    "an entry cut out": "DELETE FROM audit WHERE seq = 1",
    "an attempt aged by a week": "UPDATE attempt SET reserved_at = reserved_at - 604800000",
    "the attempts forgotten": "DELETE FROM attempt",
}
IN_THE_DAEMON = ["an entry rewritten", "the attempts forgotten"]


def without_triggers(path: Path, statement: str) -> None:
    """Edit the file as somebody with a screwdriver would."""
    with sqlite3.connect(path) as con:
        con.execute("PRAGMA foreign_keys = OFF")
        for (trigger,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            con.execute(f"DROP TRIGGER {trigger}")
        assert con.execute(statement).rowcount
    con.close()


def settings_text(data_dir: Path) -> str:
    return f"""
[box]
id = "branch-7"
tenant = "bank"
time_zone = "Asia/Shanghai"
data_dir = "{data_dir}"
[mqtt]
host = "localhost"
ca = "ca"
certificate = "c"
key = "k"
[console]
keys = ["k"]
recording_recipients = ["age1x"]
"""


def audit_command(name: str, box: Path, *arguments: str) -> Result:
    return CliRunner().invoke(audit_app, [name, "--config", str(box), *arguments])


def alarms(town: Town) -> list[str]:
    return [m.event for m in town.seen if isinstance(m, BoxEvent) and m.severity == "alarm"]


@pytest.mark.parametrize("edit", IN_THE_DAEMON)
def test_a_broken_chain_stops_the_dialling(tmp_path: Path, edit: str) -> None:
    """After the edit nobody is called any more, the console is alarmed and the box says why."""

    async def story() -> None:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        async with town.console():
            async with town.running_box():
                await town.renew_lease()
                await town.push([contact(1)])
                await town.until_settled([contact(1)])
            assert town.network.call_log.dialled(FIRST) == 1
            without_triggers(database_path(town.settings), EDITS[edit])
            async with town.running_box():
                await town.renew_lease()
                await town.push([contact(2)], campaign="december")
                await asyncio.sleep(1800)
                state = town.state()
                assert state is not None
                assert state.dialling.startswith("audit")
                assert "audit_log_broken" in alarms(town)
            assert town.network.call_log.dialled(SECOND) == 0

    run_virtually(story())


def test_the_commands_see_every_edit_and_nothing_in_an_untouched_log(tmp_path: Path) -> None:
    """One call, then each edit on a copy: `audit verify` and what the daemon asks at its start."""

    async def story() -> Town:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        async with town.open():
            await town.push([contact(1)])
            await town.until_settled([contact(1)])
        return town

    town = run_virtually(story())
    box = tmp_path / "box.toml"
    database = database_path(town.settings)
    box.write_text(settings_text(database.parent), encoding="utf-8")
    assert audit_command("verify", box).exit_code == 0
    replayed = audit_command("replay", box, "--json")
    assert json.loads(replayed.stdout) == {
        "entries": 2, "decisions": 1, "agreed": 1, "erased": 0, "unrecorded": 0, "problems": [],
    }  # fmt: skip
    exported = tmp_path / "log.jsonl"
    assert audit_command("export", box, "--to", str(exported)).exit_code == 0
    assert FIRST not in exported.read_text(encoding="utf-8")
    assert CliRunner().invoke(audit_app, ["verify", str(exported)]).exit_code == 0
    head = json.loads(audit_command("verify", box, "--json").stdout)["head"]
    cut = tmp_path / "cut.jsonl"
    cut.write_text(
        "".join(exported.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8"
    )
    assert CliRunner().invoke(audit_app, ["verify", str(cut)]).exit_code == 0, "a log cut short looks whole"
    assert CliRunner().invoke(audit_app, ["verify", str(cut), "--head", head]).exit_code == 1
    exported.write_text(exported.read_text(encoding="utf-8").replace("allow", "defer", 1), encoding="utf-8")
    assert CliRunner().invoke(audit_app, ["verify", str(exported)]).exit_code == 1
    table = audit_command("export", box, "--csv").stdout.splitlines()
    assert table[0].startswith("seq,at,kind,point,outcome,rule")
    assert len(table) == 3
    for statement in EDITS.values():
        edited = tmp_path / "edited"
        shutil.rmtree(edited, ignore_errors=True)
        edited.mkdir()
        with sqlite3.connect(database) as con:
            con.execute("VACUUM INTO ?", (str(edited / "box.db"),))
        con.close()
        without_triggers(edited / "box.db", statement)
        box.write_text(settings_text(edited), encoding="utf-8")
        done = audit_command("verify", box)
        assert (done.exit_code, "entry" in done.stderr) == (1, True), statement


def test_a_persons_key_destroyed_erases_what_the_log_says_of_them_and_leaves_the_chain_whole(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        async with town.open() as there:
            await there.push([contact(1), contact(2)])
            await there.until_settled([contact(1), contact(2)])
            assert there.box is not None
            key = (Path(town.settings.box.data_dir) / "audit.key").read_bytes()
            ref = keyed_ref(key, "person", "p01")
            assert await there.box.database.transact(lambda con: audit_log.destroy_secret(con, ref))
            found = await there.box.database.read(lambda con: replay(con, key))
            assert (found.problems, found.erased, found.agreed) == ([], 1, 1)
            other = await there.box.database.read(lambda con: replay(con, b"another key"))
            assert len(other.problems) == 1, "with another key nothing can be compared"

    run_virtually(story())


def test_an_opt_out_deleted_from_the_database_stops_the_dialling(tmp_path: Path) -> None:
    """Whoever pressed 9 is not called because somebody emptied the list: nobody is."""

    async def story() -> None:
        people = [
            Person(number=FIRST, ring_s=1, steps=(WaitForSilence(silence_s=1.0), Press(keys="9"))),
            PEOPLE[1],
        ]
        town = Town(tmp_path, people, n_modems=1)
        async with town.console():
            async with town.running_box():
                await town.renew_lease()
                await town.push([contact(1)])
                await town.until_settled([contact(1)])
            assert town.outcomes() == {"c01": "opt_out"}
            without_triggers(database_path(town.settings), "DELETE FROM suppression")
            async with town.running_box():
                await town.push([contact(1), contact(2)], campaign="december")
                await asyncio.sleep(600)
                assert "audit_log_broken" in alarms(town)
            assert town.network.call_log.dialled(FIRST) == 1
            assert town.network.call_log.dialled(SECOND) == 0

    run_virtually(story())


def test_a_full_disk_stops_the_dialling(tmp_path: Path) -> None:
    """No entry, no reservation, no call; when there is room again the person is called."""

    async def story() -> None:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        later = town.clock.now() + timedelta(minutes=20)
        async with town.open() as there:
            await there.push([contact(1, not_before=later)])
            await there.until(lambda: len(town.acks()) >= 2)
            assert there.box is not None
            limit = await there.box.database.read(lambda con: con.value("PRAGMA page_count"))
            await there.box.database.read(lambda con: con.execute(f"PRAGMA max_page_count = {limit}"))
            with pytest.raises(StoreFailedError, match="full"):
                await there.box.database.transact(
                    lambda con: con.insert("rule_book", {"digest": "x", "name": "x", "text": "x" * 10**6})
                )
            await asyncio.sleep(1800)
            assert town.network.call_log.dialled(FIRST) == 0
            state = town.state()
            assert state is not None
            assert "full" in state.dialling
            await there.box.database.read(
                lambda con: con.execute(f"PRAGMA max_page_count = {limit + 100_000}")
            )
            await there.until_settled([contact(1)])
            assert town.network.call_log.dialled(FIRST) == 1

    run_virtually(story())
