"""What the console issued becomes a box: the daemon's settings read, and the key is nowhere but in its store."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.authority import init_office, issue_box
from firmware.daemon.checkup import mqtt_settings
from firmware.settings import SettingsError, load_settings
from provisioning.box_folder import put_box
from provisioning.installing import InstallError, put_system_files
from provisioning.layout import Layout
from provisioning.machine import MachineError
from provisioning.reboot_command import ask_for_reboot

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A tree with a release in it, as far as that matters here."""
    layout = Layout(root=tmp_path / "root")
    shutil.copytree(ROOT / "systemd", layout.releases / "1.0/share/branchline/systemd")
    shutil.copy(ROOT / "examples/box.toml", layout.releases / "1.0/share/branchline/box.toml")
    layout.current.symlink_to("releases/1.0")
    return layout


@pytest.fixture
def issued(tmp_path: Path) -> Path:
    office = init_office(tmp_path / "office", "bank", "127.0.0.1", now=datetime.now(UTC))
    return issue_box(office, "branch-7", now=datetime.now(UTC))


def test_an_issued_box(layout: Layout, issued: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = put_box(issued, layout)
    settings = load_settings(layout.settings / "box.toml")
    assert (settings.mqtt.key, settings.mqtt.key_credential) == ("", "mqtt-key")
    assert settings.box.data_dir == "/var/lib/branchline"
    # Neither the daemon nor the technician's console may do these: root's services do, when they are asked.
    assert settings.commands.reboot == ["/usr/local/bin/branchline", "reboot"]
    assert settings.technician.factory_reset == ["/usr/local/bin/branchline", "factory-reset", "--yes"]
    assert all(
        Path(path).is_file() for path in (settings.mqtt.ca, settings.mqtt.certificate, *settings.console.keys)
    )
    kept = layout.root / "etc/credstore/mqtt-key"
    assert kept.read_bytes() == (issued / "box.key").read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert str(kept) in said
    assert "LoadCredential=mqtt-key" in layout.drop_in.read_text(encoding="utf-8")
    assert not list(layout.settings.rglob("*.key"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SettingsError, match="key_credential: the service has no credentials"):
        mqtt_settings(settings)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(kept.parent))
    found = mqtt_settings(settings)
    assert found.tls is not None
    assert found.tls.key == kept


def test_a_restart_is_asked_for_where_somebody_watches(layout: Layout) -> None:
    with pytest.raises(MachineError, match=r"enable --now branchline-reboot\.path"):
        ask_for_reboot(layout)
    put_system_files(layout)
    with pytest.raises(MachineError, match="run this as root"):
        ask_for_reboot(layout)  # no data folder: not a box
    layout.data.mkdir(parents=True)
    ask_for_reboot(layout)
    asked = layout.inside(layout.reboot_asked)
    watcher = layout.system_file("branchline-reboot.path")
    assert watcher is not None
    assert f"PathExists={asked}" in watcher.read_text(encoding="utf-8")
    service = watcher.with_suffix(".service").read_text(encoding="utf-8")
    assert service.index(f"ExecStart=/bin/rm {asked}") < service.index("systemctl --no-block reboot")
    assert layout.reboot_asked.exists()


def test_a_machine_that_is_a_box_stays_that_box(layout: Layout, issued: Path) -> None:
    put_box(issued, layout)
    before = (layout.settings / "box.toml").read_bytes()
    with pytest.raises(InstallError, match="is there already"):
        put_box(issued, layout)
    assert (layout.settings / "box.toml").read_bytes() == before


def test_a_folder_that_is_none(layout: Layout, tmp_path: Path, issued: Path) -> None:
    with pytest.raises(InstallError, match="no folder that the console issued"):
        put_box(tmp_path, layout)
    text = (issued / "box.toml").read_text(encoding="utf-8")
    (issued / "box.toml").write_text(text.replace('data_dir = "data"', 'data_dir = "/srv"'), encoding="utf-8")
    with pytest.raises(InstallError, match="changed by hand"):
        put_box(issued, layout)
    assert not (layout.settings / "box.toml").exists()


def test_the_sample_settings_are_settings(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/box.toml", tmp_path / "box.toml")
    assert load_settings(tmp_path / "box.toml").mqtt.key_credential == "mqtt-key"
