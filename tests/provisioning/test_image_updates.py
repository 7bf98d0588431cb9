"""What a look at whole updates is made of, without the machine: two releases that a box finds, and one of them broken."""

import urllib.request
import zipfile
from pathlib import Path

import pytest

from provisioning.image_updates import BAD, DAEMON, GOOD, as_version, publish_two, shown
from provisioning.installing import InstallError
from provisioning.update_source import UpdateSource
from tests.provisioning.test_installing import ROOT, tiny_wheel


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    made = tiny_wheel(tmp_path, "1.0")
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr(DAEMON, (ROOT / DAEMON).read_text(encoding="utf-8"))
    return made


def test_a_box_finds_both_releases(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    public = publish_two(tmp_path / "office/releases", wheel, tmp_path / "wheels")
    root = (public / "metadata/1.root.json").read_bytes()
    with shown(public) as address:
        source = UpdateSource(address, tmp_path / "box", root=root)
        for version in (GOOD, BAD):
            bundle = source.download(source.find(version))
            assert bundle.stat().st_size > 1000
        with urllib.request.urlopen(f"{address}metadata/1.root.json", timeout=10) as answer:
            assert answer.read() == root


def test_another_version_is_the_same_release_but_for_what_is_broken(wheel: Path) -> None:
    good, bad = (zipfile.ZipFile(as_version(wheel, v, is_broken=v == BAD)) for v in (GOOD, BAD))
    before = zipfile.ZipFile(wheel)
    assert good.read(DAEMON) == before.read(DAEMON)
    assert b"broken, on purpose" in bad.read(DAEMON)
    for archive, version in ((good, GOOD), (bad, BAD)):
        assert f"Version: {version}\n".encode() in archive.read(f"branchline-{version}.dist-info/METADATA")
        assert (
            f"branchline-{version}.data/data/share/branchline/systemd/branchline.service"
            in archive.namelist()
        )
        assert not [name for name in archive.namelist() if "1.0" in name]
        assert b"branchline-1.0." not in archive.read(f"branchline-{version}.dist-info/RECORD")


def test_a_wheel_whose_daemon_lies_elsewhere_is_not_called_broken(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="cannot be broken"):
        as_version(tiny_wheel(tmp_path, "1.0"), BAD, is_broken=True)
