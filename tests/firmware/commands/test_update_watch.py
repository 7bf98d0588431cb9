"""The daemon's side of an update: asked for by a file, no call while a release is on trial, the end told once."""

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.authority import init_office, issue_box
from firmware.commands.catalogue import UpdateArguments, command_problem
from firmware.commands.errors import CommandFailedError, CommandRefusedError
from firmware.commands.updating import LOOK_S, UpdateWatch, ask_for_update
from firmware.settings import Settings, load_settings
from firmware.sync.messages import BoxEvent
from firmware.sync.reports import Reports
from firmware.values import UuidV7
from provisioning.disk import Disk
from provisioning.layout import Layout
from provisioning.update_state import UpdateFiles, UpdateOutcome
from tests.firmware.sync.sync_world import BoxSide, Console, run_virtually


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    office = init_office(tmp_path / "office", "bank", "127.0.0.1", now=datetime.now(UTC))
    config = issue_box(office, "b", now=datetime.now(UTC)) / "box.toml"
    with config.open("a", encoding="utf-8") as file:
        file.write('\n[update]\nrepository = "https://releases.example.org/"\n')
    found = load_settings(config)
    Path(found.box.data_dir).mkdir()
    return found


def test_root_reads_what_the_daemon_asks(settings: Settings, tmp_path: Path) -> None:
    said = ask_for_update(settings, UpdateArguments(version="1.4.0", when="now"))
    layout = Layout(root=tmp_path / "root")
    layout.data.parent.mkdir(parents=True)
    Path(settings.box.data_dir).rename(layout.data)
    wanted = UpdateFiles(layout, Disk()).wanted()
    assert wanted is not None
    assert (wanted.id, wanted.version, wanted.when) == (said["update"], "1.4.0", "now")
    with pytest.raises(CommandFailedError, match="not_written"):
        ask_for_update(settings, UpdateArguments(version="1.4.0"))


def test_a_box_without_a_repository_says_so(settings: Settings) -> None:
    bare = msgspec.structs.replace(settings, update=type(settings.update)())
    with pytest.raises(CommandRefusedError, match="not_set_up"):
        ask_for_update(bare, UpdateArguments(version="1.4.0"))
    assert list(Path(settings.box.data_dir).iterdir()) == []


@pytest.mark.parametrize("version", ["", "../1", "x", "1 2", "1" * 60])
def test_what_is_no_version_is_refused_at_the_door(version: str) -> None:
    problem = command_problem("update", msgspec.json.encode({"version": version}))
    assert problem is not None
    assert problem[0] == "bad_arguments"


class HeldScheduler:
    """Notes whether it is held."""

    def __init__(self) -> None:
        self.held_by: list[str] = []

    @contextlib.contextmanager
    def held(self, why: str) -> Any:
        self.held_by.append(why)
        try:
            yield
        finally:
            self.held_by.remove(why)


def test_calls_are_held_from_the_start_and_the_end_is_told_once(tmp_path: Path) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        side = BoxSide(tmp_path, Console(), monotonic_s=loop.time)
        layout = Layout(root=tmp_path / "root")
        layout.data.mkdir(parents=True)
        files = UpdateFiles(layout, Disk())
        ids = UuidV7()
        reports = Reports(side.database.stream, side.clock.now, lambda: ids.new(1_800_000_000_000))
        scheduler: Any = HeldScheduler()

        @contextlib.asynccontextmanager
        async def daemon() -> Any:
            watch = UpdateWatch(layout.data, scheduler, side.database, reports, monotonic_s=loop.time)
            assert watch.is_holding is layout.update_trial.exists(), "before anything runs"
            task = asyncio.create_task(watch.run())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.wait([task])

        files.hold_calls()
        async with daemon():
            await asyncio.sleep(3600)
            assert scheduler.held_by == ["an update is on trial"]
            files.tell(
                UpdateOutcome(id="u1", version="1.4.0", good=False, reason="rolled_back", detail="why")
            )
            files.let_calls()
            await asyncio.sleep(2 * LOOK_S)
            assert scheduler.held_by == []
        events = [each for each in await side.outbox() if isinstance(each, BoxEvent)]
        assert [(each.event, each.detail) for each in events] == [
            ("update_failed", "1.4.0 u1 rolled_back why")
        ]
        assert not layout.update_outcome.exists()
        # Root's word may come again after a cut: it is told once.
        files.tell(UpdateOutcome(id="u1", version="1.4.0", good=False))
        async with daemon():
            await asyncio.sleep(LOOK_S)
        assert len([each for each in await side.outbox() if isinstance(each, BoxEvent)]) == 1
        files.tell(UpdateOutcome(id="u2", version="1.4.1", good=True))
        layout.update_outcome.write_bytes(layout.update_outcome.read_bytes() + b" ")
        async with daemon():
            await asyncio.sleep(LOOK_S)
        events = [each for each in await side.outbox() if isinstance(each, BoxEvent)]
        assert [each.event for each in events] == ["update_failed", "update_good"]

    run_virtually(story())


def test_a_hold_that_nobody_ends_ends_by_itself(tmp_path: Path) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        side = BoxSide(tmp_path, Console(), monotonic_s=loop.time)
        (tmp_path / "update-trial").touch()
        scheduler: Any = HeldScheduler()
        reports: Any = None
        watch = UpdateWatch(tmp_path, scheduler, side.database, reports, monotonic_s=loop.time)
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(5 * 3600)
        assert scheduler.held_by == []
        task.cancel()
        await asyncio.wait([task])

    run_virtually(story())
