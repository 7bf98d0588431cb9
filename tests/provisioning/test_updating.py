"""An update over every accident: the power goes before each step, the new release does not start, a call is up, the hour is wrong."""

import itertools
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from firmware.settings import SettingsError, load_known_settings, load_settings
from provisioning import updating
from provisioning.disk import Disk
from provisioning.layout import Layout
from provisioning.update_settings import UpdateSettings
from provisioning.update_source import UpdateLaterError
from provisioning.update_state import UpdateWanted
from provisioning.updating import TRIES
from tests.provisioning.update_site import NOW, PowerCutError, Site


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


def test_what_a_stopped_daemon_could_not_tell_is_no_fault_of_the_next_release(tmp_path: Path) -> None:
    """It was asked before the switch whether the clock is trusted, and nobody answered."""
    site = Site(tmp_path)
    site.daemon_runs = None
    site.complaints = {"clock-trusted", "line:line-2"}
    site.ask()
    state = site.updater().run()
    assert state is not None
    assert (state.phase, state.tries) == ("good", 1)
    answering = Site(tmp_path / "other")
    answering.ask()
    answering.pause = lambda seconds: (  # type: ignore[method-assign]
        answering.complaints.add("clock-trusted") or Site.pause(answering, seconds)  # type: ignore[func-returns-value]
    )
    state = answering.updater().run()
    assert state is not None
    assert "complains of clock-trusted" in state.detail, "what was good before must stay so"


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


SETTINGS = """[box]
id = "b"
tenant = "t"
time_zone = "Asia/Shanghai"
data_dir = "/var/lib/branchline"
[mqtt]
host = "h"
ca = "ca.crt"
certificate = "box.crt"
key = "box.key"
[console]
keys = ["k"]
recording_recipients = ["r"]
"""
NEWER = (
    SETTINGS.replace('host = "h"', 'host = "h"\nhaste = 3')
    + '[[line]]\nid = "l"\nimei = "356938035643809"\nwarp = 1\n[space]\n'
)


def test_settings_of_a_newer_release_do_not_stand_in_the_way_back(tmp_path: Path) -> None:
    """A key was added for the release on trial. The one before could not start by it: it gets what it had."""
    site = Site(tmp_path)
    config = site.layout.settings / "box.toml"
    config.parent.mkdir(parents=True)
    config.write_text(SETTINGS, encoding="utf-8")
    site.broken.add("start")
    site.ask()
    restart = site.restart_daemon

    def restart_with_a_new_key() -> None:
        if len(site.starts) == 1:
            config.write_text(NEWER, encoding="utf-8")
            assert UpdateSettings(site.layout, Disk()).read().mqtt.host == "h", "the updater is started anew"
        restart()

    site.restart_daemon = restart_with_a_new_key  # type: ignore[method-assign]
    state = site.updater().run()
    assert state is not None
    assert state.reason == "rolled_back"
    assert state.detail.endswith("database put_back, settings as before (what was there: box.toml.newer)")
    assert config.read_text(encoding="utf-8") == SETTINGS
    assert config.stat().st_mode & 0o777 == 0o644
    assert (config.parent / "box.toml.newer").read_text(encoding="utf-8") == NEWER
    assert not (site.layout.updates / "box.toml.before").exists()


def test_settings_that_the_release_before_reads_stay(tmp_path: Path) -> None:
    site = Site(tmp_path)
    config = site.layout.settings / "box.toml"
    config.parent.mkdir(parents=True)
    config.write_text(SETTINGS, encoding="utf-8")
    kept = UpdateSettings(site.layout, Disk())
    kept.keep()
    changed = SETTINGS.replace('"h"', '"other.example"')
    config.write_text(changed, encoding="utf-8")
    assert kept.put_back() == ""
    assert config.read_text(encoding="utf-8") == changed
    config.write_text("no toml", encoding="utf-8")
    assert kept.read().mqtt.host == "h", "what cannot be read at all is as before the update"
    assert kept.put_back() != ""
    assert config.read_text(encoding="utf-8") == SETTINGS
    kept.forget()
    config.write_text("no toml", encoding="utf-8")
    with pytest.raises(SettingsError, match="not TOML"):
        kept.read()


def test_unknown_keys_are_named_and_all_else_is_read_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    path.write_text(NEWER, encoding="utf-8")
    settings, unknown = load_known_settings(path)
    assert unknown == ["mqtt.haste", "line.warp", "space"]
    assert [line.imei for line in settings.line] == ["356938035643809"]
    with pytest.raises(SettingsError, match="unknown key"):
        load_settings(path)
    path.write_text(NEWER.replace("time_zone", "time_zones"), encoding="utf-8")
    with pytest.raises(SettingsError, match="missing key"):
        load_known_settings(path)
