"""A machine on which an update runs, and a world in which things go wrong when told to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from firmware.local.facts import BoxFacts, MachineFacts, QueueFacts, TodayFacts, UplinkFacts
from firmware.settings import Settings
from firmware.settings_sections import BoxSection, ConsoleSection, MqttSection, UpdateSection
from provisioning.disk import Disk
from provisioning.installing import current_release
from provisioning.layout import Layout
from provisioning.update_source import UpdateRefusedError
from provisioning.update_state import UpdateFiles, UpdateState, UpdateWanted
from provisioning.updating import SelfChecked, Updater

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
        self.complaints: set[str] = set()
        """What a self-check of any release says of a daemon that answers."""
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

    def check(self, release: Path) -> SelfChecked | None:
        bad = {"pin"}
        if release.name == "1.1" and "check" in self.broken:
            bad.add("gate")
        if self.daemon_runs is None:
            return SelfChecked(bad=frozenset({*bad, "daemon"}), unknown=frozenset({"clock-trusted", "line"}))
        return SelfChecked(bad=frozenset(bad | self.complaints))

    def pause(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def updater(self, **update: Any) -> Updater:
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
