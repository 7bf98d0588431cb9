"""In the running daemon: a disk without room stops new calls and is heard of; a hold asked for at the box is taken."""

import asyncio
import uuid
from pathlib import Path

import msgspec

from firmware.calls.audit_check import chain_problem, counters_problem
from firmware.retention.hold_requests import HoldRequest, hand_over, waiting
from firmware.settings_sections import RetentionSection
from firmware.store import legal_holds
from firmware.sync.messages import BoxEvent
from modem_drivers.simulator.people import Pause, Person, Say
from tests.scenarios.town import Town, contact
from tests.scenarios.virtual_time import run_virtually

PEOPLE = [Person(number="+8613123456701", ring_s=1, steps=(Say(text="喂"), Pause(duration_s=30)))]


def test_a_disk_without_room_for_the_database_stops_new_calls(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        town.settings = msgspec.structs.replace(
            town.settings, retention=RetentionSection(disk_low_mb=10**9, disk_scarce_mb=10**9)
        )
        async with town.open() as there:
            await there.push([contact(1)])
            await asyncio.sleep(900)
            state = town.state()
            assert state is not None
            assert state.dialling.startswith("the disk is nearly full")
            assert town.network.call_log.dialled("+8613123456701") == 0
            alarms = [m.event for m in town.seen if isinstance(m, BoxEvent) and m.severity == "alarm"]
            assert alarms.count("disk_scarce") == 1

    run_virtually(story())


def test_a_hold_asked_for_at_the_box_is_taken_and_written_into_the_log(tmp_path: Path) -> None:
    async def story() -> None:
        town = Town(tmp_path, PEOPLE, n_modems=1)
        async with town.open() as there:
            name = str(uuid.uuid4())
            request = HoldRequest(
                action="hold",
                hold=name,
                by="Li Wei",
                reason="case 7",
                at=town.clock.now(),
                scope="person",
                subject="p01",
            )
            data = Path(town.settings.box.data_dir)
            hand_over(data, request, name)
            await asyncio.sleep(600)
            assert there.box is not None
            assert waiting(data) == []
            held = await there.box.database.read(lambda con: legal_holds.is_person_held(con, "p01"))
            assert held
            log = await there.box.database.read(
                lambda con: con.value("SELECT count(*) FROM audit WHERE body LIKE '%legal_hold%'")
            )
            assert log == 1
            problem = await there.box.database.read(lambda con: chain_problem(con) or counters_problem(con))
            assert problem == ""

    run_virtually(story())
