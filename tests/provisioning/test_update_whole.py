"""One update with nothing played but the service manager: signed, fetched over HTTP, installed, switched, and back again."""

import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.release_repository import ReleaseRepository, bundle_of, read_signer
from firmware.store.database import Database
from firmware.store.inline_executor import InlineExecutor
from provisioning import updating
from provisioning.disk import Disk
from provisioning.installing import current_release
from provisioning.layout import Layout
from provisioning.update_calls import CallsOfDaemon, work
from provisioning.update_source import UpdateLaterError, UpdateSource
from provisioning.update_state import UpdateWanted
from provisioning.updating import SelfChecked, Updater, run_self_check
from tests.provisioning.release_server import ReleaseServer
from tests.provisioning.test_installing import tiny_wheel
from tests.provisioning.update_site import Site


class InThisProcess:
    """The database's side as it is, without a process for each step."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def copy(self) -> None:
        work("copy", self._data)

    def go_back(self) -> str:
        return work("go-back", self._data)

    def forget(self) -> None:
        work("forget", self._data)


def unzipped(wheel: Path, layout: Layout, **_: object) -> Path:
    """A release without an environment of its own: that one is made is pinned in test_installing."""
    release = layout.releases / wheel.name.split("-")[1]
    if not release.exists():
        (release / "bin").mkdir(parents=True)
        with zipfile.ZipFile(wheel) as archive:
            (release / "bin/branchline").write_bytes(archive.read("tiny_branchline.py") + b"\nmain()\n")
            archive.extractall(release / "all")
        share = f"all/{wheel.name.split('-py3')[0]}.data/data/share"
        (release / share).rename(release / "share")
    return release


def test_from_the_office_to_the_box_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updating, "install_release", unzipped)
    now = datetime.now(UTC)
    repository = ReleaseRepository.init(
        tmp_path / "repository", tmp_path / "keys", n_keys=3, threshold=2, now=now, days=14
    )
    version = bundle_of(tiny_wheel(tmp_path, "1.1"), [], tmp_path / "bundle.tar")
    repository.add(tmp_path / "bundle.tar", version=version, arch="any", now=now)
    for number in (1, 3):
        repository.sign(read_signer((tmp_path / f"keys/release-{number}.pem").read_bytes()))
    repository.publish(now, days=14)
    site = Site(tmp_path / "machine")
    site.now = now
    database = site.layout.data / "box.db"
    Database.open(database, executor=InlineExecutor()).close_now()

    def power_up() -> None:
        """What is current runs, as a process of its own."""
        release = current_release(site.layout)
        assert release is not None
        program = release / "bin/branchline"
        command = [sys.executable, "-S", str(program)] if release.name == "1.1" else ["cat", str(program)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        site.starts.append(said)
        site.daemon_runs = None if said == "1.1" and "start" in site.broken else said

    site.power_up = power_up  # type: ignore[method-assign]
    order = UpdateWanted(id="u", version="1.1", until=now + timedelta(days=1), when="now")

    def update(server: ReleaseServer) -> Any:
        Disk().write(site.layout.update_wanted, msgspec.json.encode(order))
        ready = site.updater()
        return Updater(
            site.layout, ready._settings, site, site, InThisProcess(site.layout.data), disk=Disk(),
            source=UpdateSource(server.url, site.layout.updates, root=repository.first_root()),
            self_check=lambda release: SelfChecked(bad=frozenset()), now=lambda: site.now, pause=site.pause,
        ).run()  # fmt: skip

    with ReleaseServer(repository.public).running() as server:
        site.broken.add("start")
        state = update(server)
        assert (state.phase, state.reason) == ("failed", "rolled_back")
        assert state.detail.endswith("back to 1.0, database kept")
        assert site.starts == ["1.1", "1.1", "1.1", "1.0"]
        assert not (site.layout.data / "before-update").exists()
        site.broken.clear()
        state = update(server)
    assert (state.phase, state.after) == ("good", "1.1")
    assert site.layout.good.readlink() == Path("releases/1.1")
    Database.open(database, executor=InlineExecutor()).close_now()


def test_the_database_is_worked_on_by_a_process_of_its_owner(tmp_path: Path) -> None:
    (tmp_path / "box.db").write_bytes(b"torn")
    with pytest.raises(UpdateLaterError, match="not a sound database"):
        CallsOfDaemon(tmp_path).copy()
    assert not (tmp_path / "before-update/before-update.db").exists()
    CallsOfDaemon(tmp_path / "never").forget()


def test_on_a_machine_that_runs_the_service_manager_changes_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The updater may not become another user itself: it has no capability for that (its unit)."""
    data = tmp_path / "data"
    data.mkdir()
    program = tmp_path / "bin/systemd-run"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/asked\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n',
        "ascii",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    calls = CallsOfDaemon(data, under_systemd=True)
    calls.copy()
    asked = (tmp_path / "asked").read_text("utf-8").splitlines()
    owner = data.stat()
    assert {f"--uid={owner.st_uid}", f"--gid={owner.st_gid}", f"--property=ReadWritePaths={data}"} <= set(
        asked
    )
    assert {"--wait", "--pipe", "--property=CapabilityBoundingSet=", "--property=PrivateNetwork=yes"} <= set(
        asked
    )
    assert "--property=RestrictAddressFamilies=AF_UNIX" in asked, (
        "systemd 252 takes no `none` for a transient unit"
    )
    program.write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n", "ascii")
    with pytest.raises(UpdateLaterError, match="Failed to connect to bus"):
        calls.go_back()


@pytest.mark.parametrize(
    ("says", "found"),
    [
        (
            '{"checks": [{"code": "pin", "state": "bad"}, {"code": "gate", "state": "good"}, {"code": "line", "state": "unknown"}]}',
            SelfChecked(bad=frozenset({"pin"}), unknown=frozenset({"line"})),
        ),
        ("no json", None),
        ('{"other": 1}', None),
    ],
)
def test_a_release_checks_the_box_itself(says: str, found: SelfChecked | None, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/branchline"
    program.write_text(f"#!/bin/sh\nprintf '%s' '{says}'\nexit 1\n", encoding="ascii")
    program.chmod(0o755)
    assert run_self_check(tmp_path, tmp_path / "box.toml") == found
    program.unlink()
    assert run_self_check(tmp_path, tmp_path / "box.toml") is None
