"""An update over every accident: the power goes before each step, the new release does not start, a call is up, the hour is wrong."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.local.facts import BoxFacts, MachineFacts, QueueFacts, TodayFacts, UplinkFacts
from firmware.settings import Settings
from firmware.settings_sections import BoxSection, ConsoleSection, MqttSection, UpdateSection
from provisioning import updating
from provisioning.disk import Disk
from provisioning.installing import current_release
from provisioning.layout import Layout
from provisioning.update_source import UpdateLaterError, UpdateRefusedError
from provisioning.update_state import UpdateFiles, UpdateState, UpdateWanted
from provisioning.updating import TRIES, Updater

NOW = datetime(2026, 11, 3, 18, 0, tzinfo=UTC)  # 02:00 in Shanghai


class PowerCutError(BaseException):
    """Nothing of ours catches this."""


class Site:
    """A machine with release 1.0, a repository with 1.1, and a world in which things go wrong when told to."""

    def __init__(self, folder: Path, *, cut_before: int = -1) -> None:
        self.layout = Layout(root=folder)
        self.left = cut_before
        self.now = NOW
        self.trusted_clock = True
        self.calls_up: list[int] = []
        self.broken: set[str] = set()
        """What does not work under 1.1: start, uplink, check."""
        self.daemon_runs: str | None = "1.0"
        self.starts: list[str] = []
        self.done: list[str] = []
        self.database = "old layout"
        self.copied: str | None = None
        self.log: list[str] = []
        for version in ("1.0", "1.1"):
            self.make_release(version)
        self.layout.data.mkdir(parents=True)
        self.layout.current.symlink_to("releases/1.0")
        self.layout.good.symlink_to("releases/1.0")
        (self.layout.releases / "1.1").rename(folder / "not-installed")

    def make_release(self, version: str) -> None:
        release = self.layout.releases / version
        (release / "bin").mkdir(parents=True)
        (release / "bin/branchline").write_text(version, encoding="ascii")
        (release / "wheel.sha256").write_text(version, encoding="ascii")
        (release / "share/branchline/systemd").mkdir(parents=True)
        (release / "share/branchline/systemd/branchline.service").write_text(version, encoding="ascii")
        (release / "share/branchline/box.toml").write_text("", encoding="ascii")

    def step(self, what: str = "") -> None:
        """A moment at which the power may go."""
        if self.left == 0:
            raise PowerCutError(what)
        self.left -= 1

    # ---- the machine

    def stop_daemon(self) -> None:
        self.step("stop")
        self.daemon_runs = None

    def restart_daemon(self) -> None:
        self.step("start")
        self.power_up()

    def start_first_boot(self) -> None:
        raise AssertionError

    def stop_updates(self) -> None:
        raise AssertionError

    def show_issue(self) -> None:
        raise AssertionError

    def power_up(self) -> None:
        """The daemon starts by itself, by whatever is current."""
        release = current_release(self.layout)
        assert release is not None
        version = (release / "bin/branchline").read_text("ascii")
        self.starts.append(version)
        if version == "1.0":
            assert self.database == "old layout", "the old release would not open it"
        elif self.database == "old layout":
            self.database = "new layout"
        self.daemon_runs = None if (version == "1.1" and "start" in self.broken) else version

    # ---- the daemon

    def facts(self) -> BoxFacts | None:
        if self.daemon_runs is None:
            return None
        is_new = self.daemon_runs == "1.1"
        if is_new:
            assert self.layout.update_trial.exists(), "no call while it is on trial"
        return BoxFacts(
            at=self.now,
            box="b",
            time_zone="Asia/Shanghai",
            language="en",
            version=self.daemon_runs,
            uptime_s=5,
            verdict="working",
            dialling="yes",
            dialling_detail="",
            clock_trusted=self.trusted_clock,
            clock="",
            calls_up=self.calls_up.pop(0) if self.calls_up else 0,
            lines=[],
            today=TodayFacts(),
            queue=QueueFacts(),
            uplink=UplinkFacts(connected=not (is_new and "uplink" in self.broken)),
            machine=MachineFacts(),
            alarms=[],
        )

    def drain(self, minutes: int) -> int | None:
        self.done.append("drain")
        facts = self.facts()
        return None if facts is None else facts.calls_up

    def resume(self) -> None:
        self.done.append("resume")

    # ---- the database

    def copy(self) -> None:
        self.step("copy")
        assert self.daemon_runs is None
        self.copied = self.database

    def go_back(self) -> str:
        self.step("go back")
        assert self.daemon_runs is None
        if self.copied is not None:
            self.database = self.copied
        return "put_back"

    def forget(self) -> None:
        self.step("forget")
        self.copied = None

    # ---- the repository

    def require_set_up(self) -> None:
        if "repository" in self.broken:
            raise UpdateRefusedError("not_set_up", "")

    def find(self, version: str) -> Any:
        if version != "1.1":
            raise UpdateRefusedError("unknown_version", version)
        return version

    def download(self, wanted: Any) -> Path:
        self.step("download")
        return self.layout.root / "bundle"

    def check(self, release: Path) -> frozenset[str] | None:
        if release.name == "1.1" and "check" in self.broken:
            return frozenset({"pin", "gate"})
        return frozenset({"pin"})

    def pause(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def updater(self, **update: str) -> Updater:
        settings = Settings(
            box=BoxSection(id="b", tenant="t", time_zone="Asia/Shanghai", data_dir="/"),
            mqtt=MqttSection(host="h", ca="", certificate="", key="k"),
            console=ConsoleSection(keys=["k"], recording_recipients=["r"]),
            update=UpdateSection(repository="http://x/", **update),
        )
        source: Any = self
        return Updater(
            self.layout, settings, self, self, self, disk=Disk(self.step), source=source,
            self_check=self.check, now=lambda: self.now, pause=self.pause,
        )  # fmt: skip

    def ask(self, version: str = "1.1", when: Any = "hours") -> None:
        wanted = UpdateWanted(id=f"u-{version}", version=version, until=NOW + timedelta(days=7), when=when)
        Disk().write(self.layout.update_wanted, msgspec.json.encode(wanted))

    @property
    def last(self) -> UpdateState:
        found = UpdateFiles(self.layout, Disk()).last()
        assert found is not None
        return found

    def outcome(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.layout.update_outcome.read_bytes())
        return found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No venv is made and no platter waited for: what is pinned here is the order of things."""
    monkeypatch.setattr("os.fsync", lambda handle: None)
    monkeypatch.setattr(updating, "LOOK_S", 60.0)
    monkeypatch.setattr(updating, "unpack", lambda bundle, folder: bundle)

    def install(wheel: Path, layout: Layout, **_: object) -> Path:
        if (layout.root / "not-installed").exists():
            (layout.root / "not-installed").rename(layout.releases / "1.1")
        return layout.releases / "1.1"

    monkeypatch.setattr(updating, "install_release", install)


def test_a_good_release_stays(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.ask()
    state = site.updater().run()
    assert state is not None
    assert (state.phase, state.tries) == ("good", 1)
    assert site.layout.current.readlink() == site.layout.good.readlink() == Path("releases/1.1")
    unit = site.layout.system_file("branchline.service")
    assert unit is not None
    assert unit.read_text("ascii") == "1.1", "units are those of the release"
    assert site.outcome() == {"id": "u-1.1", "version": "1.1", "good": True, "reason": "", "detail": ""}
    assert not site.layout.update_trial.exists()
    assert not site.layout.update_wanted.exists()
    assert site.copied is None
    assert site.done == ["drain"]
    assert site.updater().run() is None, "done is done"


@pytest.mark.parametrize(
    ("broken", "says"),
    [("start", "does not answer"), ("uplink", "no connection to the broker"), ("check", "complains of gate")],
)
def test_three_tries_and_then_the_old_one_with_its_data(broken: str, says: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.broken.add(broken)
    site.ask()
    state = site.updater().run()
    assert state is not None
    assert (state.phase, state.reason) == ("failed", "rolled_back")
    assert says in state.detail
    assert site.starts == ["1.1"] * TRIES + ["1.0"]
    assert site.database == "old layout"
    assert site.layout.current.readlink() == site.layout.good.readlink() == Path("releases/1.0")
    unit = site.layout.system_file("branchline.service")
    assert unit is not None
    assert unit.read_text("ascii") == "1.0"
    assert not site.outcome()["good"]
    assert not site.layout.update_trial.exists(), "calls go on"
    assert site.now - NOW <= timedelta(hours=1)


def reboot(site: Site, broken: str) -> None:
    """The machine starts again after a power cut: what is before the daemon, the daemon, the timer."""
    site.left = -1
    site.daemon_runs = None
    site.updater().at_boot()
    if site.daemon_runs is None:
        site.power_up()
    site.updater().run()


@pytest.mark.parametrize("broken", ["", "start", "check"])
def test_a_power_cut_before_any_step(broken: str, tmp_path: Path) -> None:
    """However it is cut, the end is the same: the new release where it is good, else the old one with its data."""
    end = "1.0" if broken else "1.1"
    for n in itertools.count():
        site = Site(tmp_path / f"{n}", cut_before=n)
        if broken:
            site.broken.add(broken)
        Disk().write(
            site.layout.update_wanted,
            msgspec.json.encode(UpdateWanted(id="u", version="1.1", until=NOW + timedelta(days=7))),
        )
        try:
            site.updater().run()
        except PowerCutError:
            was_cut = True
            reboot(site, broken)
        else:
            was_cut = False
        assert site.daemon_runs == end, f"cut before step {n}"
        assert site.layout.current.readlink() == Path(f"releases/{end}")
        assert site.layout.good.readlink() == Path(f"releases/{end}")
        assert site.outcome()["good"] is not bool(broken)
        assert site.starts.count("1.1") <= TRIES + 2
        assert not site.layout.update_trial.exists()
        assert not (site.layout.updates / "state.json").exists()
        if not was_cut:
            assert n > 25
            break


def test_a_machine_that_loses_power_again_and_again_comes_back_to_the_old_one(tmp_path: Path) -> None:
    """A release that takes the whole machine down gets no further than its boots are counted."""
    site = Site(tmp_path)
    site.ask()
    site.broken.add("start")

    def dies(seconds: float) -> None:
        raise PowerCutError

    site.pause = dies  # type: ignore[method-assign]
    with pytest.raises(PowerCutError):
        site.updater().run()
    for _ in range(TRIES + 1):
        site.daemon_runs = None
        site.updater().at_boot()
        if site.daemon_runs is None:
            site.power_up()
        if site.daemon_runs == "1.0":
            break
        with pytest.raises(PowerCutError):
            site.updater().run()
    assert site.daemon_runs == "1.0"
    assert site.starts.count("1.1") == TRIES
    state = site.updater().run()
    assert state is not None
    assert state.reason == "rolled_back"


def test_without_counting_its_starts_it_would_never_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test before."""
    site = Site(tmp_path)
    site.ask()
    site.broken.add("start")
    site.pause = lambda seconds: (_ for _ in ()).throw(PowerCutError())  # type: ignore[method-assign]
    monkeypatch.setattr(updating, "TRIES", 10_000)
    with pytest.raises(PowerCutError):
        site.updater().run()
    for _ in range(TRIES + 2):
        site.updater().at_boot()
        site.power_up()
    assert site.daemon_runs is None


def test_only_in_the_allowed_hours_unless_somebody_says_now(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.ask()
    with pytest.raises(UpdateLaterError, match="allowed from 03:00 to 05:00"):
        site.updater(opens="03:00", closes="05:00").run()
    assert site.starts == []
    site.now = NOW + timedelta(hours=1, minutes=1)
    state = site.updater(opens="03:00", closes="05:00").run()
    assert state is not None
    assert state.phase == "good"
    over = Site(tmp_path / "over-midnight")
    over.ask()
    found = over.updater(opens="23:00", closes="03:00").run()
    assert found is not None
    urgent = Site(tmp_path / "urgent")
    urgent.ask(when="now")
    now = urgent.updater(opens="03:00", closes="05:00").run()
    assert now is not None
    assert now.phase == "good"


def test_a_call_ends_first_or_the_update_waits(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.calls_up = [2, 2, 1, 0]
    site.ask()
    state = site.updater().run()
    assert state is not None
    assert state.phase == "good"
    long = Site(tmp_path / "long")
    long.calls_up = [1] * 1000
    long.ask()
    with pytest.raises(UpdateLaterError, match="1 calls are still up"):
        long.updater().run()
    assert long.done == ["drain", "resume"]
    assert long.daemon_runs == "1.0"
    assert long.starts == [], "never stopped"


def test_what_cannot_be_done_is_said_and_nothing_changes(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.ask("6.6")
    state = site.updater().run()
    assert state is not None
    assert (state.phase, state.reason) == ("failed", "unknown_version")
    assert site.daemon_runs == "1.0"
    assert site.starts == []
    late = Site(tmp_path / "late")
    late.ask()
    late.now = NOW + timedelta(days=8)
    expired = late.updater().run()
    assert expired is not None
    assert expired.reason == "expired"
    nowhere = Site(tmp_path / "nowhere")
    nowhere.broken.add("repository")
    nowhere.trusted_clock = False
    nowhere.ask()
    refused = nowhere.updater().run()
    assert refused is not None
    assert refused.reason == "not_set_up", "said at once, whatever the clock"
    unsure = Site(tmp_path / "unsure")
    unsure.trusted_clock = False
    unsure.ask()
    with pytest.raises(UpdateLaterError, match="clock"):
        unsure.updater().run()
    odd = Site(tmp_path / "odd")
    for body in (
        b"{}",
        b"\0",
        b'{"id":"x","version":"../../etc","until":"2026-11-04T00:00:00Z"}',
        b"x" * 9000,
    ):
        odd.layout.update_wanted.write_bytes(body)
        assert odd.updater().run() is None


def test_a_copy_that_fails_leaves_the_old_release_running(tmp_path: Path) -> None:
    site = Site(tmp_path)

    def full() -> None:
        raise UpdateLaterError("the database: no room")

    site.copy = full  # type: ignore[method-assign]
    site.ask()
    with pytest.raises(UpdateLaterError, match="no room"):
        site.updater().run()
    assert site.daemon_runs == "1.0"
    assert site.starts == ["1.0"]
