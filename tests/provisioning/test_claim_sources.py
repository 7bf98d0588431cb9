"""Where a claim file is looked for: on sticks, on the boot partition, in the copy of an earlier look."""

import shutil
from pathlib import Path

import pytest

from console.office import Office
from firmware.sync.claiming import CLAIM_FILE
from provisioning.claim_sources import find_claim_file, unmounted_sticks
from provisioning.disk import Disk
from provisioning.layout import Layout
from tests.provisioning.claim_site import Hardware, issue, office_with_door


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return office_with_door(tmp_path_factory.mktemp("office") / "office")


@pytest.fixture(scope="module")
def claim_file(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return issue(office, tmp_path_factory.mktemp("stick") / CLAIM_FILE)


@pytest.fixture
def stick(tmp_path: Path) -> tuple[Layout, Path]:
    """A removable disk with one partition, as the kernel shows it."""
    root = tmp_path / "root"
    for name, removable in (("sda", "1"), ("mmcblk0", "0")):
        (root / f"sys/block/{name}/{name}1").mkdir(parents=True)
        (root / f"sys/block/{name}/removable").write_text(f"{removable}\n", encoding="ascii")
        (root / f"sys/block/{name}/size").write_text("2048\n", encoding="ascii")
        (root / f"sys/block/{name}/{name}1/partition").write_text("1\n", encoding="ascii")
    (root / "proc").mkdir()
    (root / "proc/mounts").write_text("/dev/mmcblk0p1 / ext4 rw 0 0\n", encoding="ascii")
    return Layout(root=root), tmp_path


def test_a_stick_is_read_and_may_be_pulled_out(stick: tuple[Layout, Path], claim_file: Path) -> None:
    layout, _ = stick
    ran: list[list[str]] = []

    def run(command: object) -> bool:
        words = list(command)  # type: ignore[call-overload]
        ran.append(words)
        if words[0] == "mount":
            shutil.copy(claim_file, Path(words[-1]) / CLAIM_FILE)
        elif words[0] == "umount":
            (Path(words[-1]) / CLAIM_FILE).unlink()
        return True

    assert unmounted_sticks(layout.root) == [Path("/dev/sda1")]
    found = find_claim_file(layout, Disk(), run=run)
    assert found.file is not None
    assert ran[0][:6] == ["mount", "-t", "vfat,exfat,ext4", "-o", "ro,nosuid,nodev,noexec", "/dev/sda1"]
    assert [words[0] for words in ran] == ["mount", "umount"]
    kept = layout.identity / "claim.toml"
    assert kept.stat().st_mode & 0o777 == 0o600
    copied = layout.stick_copies / "sda1.toml"
    assert copied.read_bytes() == kept.read_bytes()
    assert find_claim_file(layout, Disk(), run=lambda command: False).file == found.file
    assert not copied.exists(), "of a stick that is gone nothing is left but the copy that was kept"


def test_who_looks_for_a_claim_only_asks_for_the_mounting(
    stick: tuple[Layout, Path], claim_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that runs, another service mounts; its copies are read as any file, links not at all."""
    layout, tmp_path = stick
    monkeypatch.setattr(Layout, "is_live", True)
    layout.stick_copies.mkdir(parents=True)

    def run(command: object) -> bool:
        assert list(command) == ["systemctl", "start", "branchline-sticks.service"]  # type: ignore[call-overload]
        (layout.stick_copies / "sda1.toml").symlink_to(tmp_path / "secret")
        shutil.copy(claim_file, layout.stick_copies / "sdb1.toml")
        return True

    assert find_claim_file(layout, Disk(), run=run).file is not None


def test_the_claim_file_that_expires_last_counts_and_a_broken_one_is_named(
    office: Office, claim_file: Path, tmp_path: Path
) -> None:
    hardware = Hardware(tmp_path / "m")
    hardware.plug_in(claim_file)
    later = issue(office, tmp_path / "later.toml", days=30)
    (hardware.layout.root / "media/stick").mkdir(parents=True)
    target = hardware.layout.root / "media/stick" / CLAIM_FILE
    shutil.copy(later, target)
    found = find_claim_file(hardware.layout, Disk())
    assert found.file is not None
    assert found.file.id in later.read_text("utf-8")
    for broken in ("format = 2", "\0", "x" * 70_000, 'format = 1\nid = "zz"'):
        target.write_text(broken, encoding="utf-8")
        again = find_claim_file(hardware.layout, Disk())
        assert again.file == found.file, "the copy of the good one"
    for path in hardware.layout.root.rglob("*claim.toml"):
        path.unlink()
    target.write_text("format = 2", encoding="utf-8")
    assert "make another" in find_claim_file(hardware.layout, Disk()).problem
