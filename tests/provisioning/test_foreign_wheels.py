"""A release for another processor: its packages are laid in place by their names, and nothing of them is run here."""

import zipfile
from pathlib import Path

import pytest

from provisioning.foreign_wheels import collect_wheels
from provisioning.installing import InstallError, install_release, platform_options
from provisioning.layout import Layout
from tests.provisioning.test_installing import tiny_wheel

LOCK = "native==1.0 \\\n    --hash=sha256:0000\n"


def native_wheel(folder: Path, tag: str) -> None:
    """A package with a program, for one processor."""
    info = "native-1.0.dist-info"
    files = {
        "native.py": f"MADE_FOR = {tag!r}\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: native\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: cp3-none-{tag}\n",
        f"{info}/entry_points.txt": "[console_scripts]\nnative = native:main\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"native-1.0-py3-none-{tag}.whl", "w") as archive:
        for name, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(name, text)


def release_wheel(folder: Path) -> Path:
    wheel = tiny_wheel(folder, "1.0")
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["branchline-1.0.data/data/share/branchline/requirements.lock"] = LOCK.encode()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return wheel


def test_what_is_made_for_it_is_laid_in_place(tmp_path: Path) -> None:
    tag = "linux_aarch64"  # what was built here; those that were fetched are next
    (wheels := tmp_path / "wheels").mkdir()
    native_wheel(wheels, tag)
    release = install_release(
        release_wheel(tmp_path), Layout(root=tmp_path / "root"), wheels=wheels, arch="arm64"
    )
    (site,) = (release / "lib").glob("python3*/site-packages")
    assert tag in (site / "native.py").read_text(encoding="utf-8")
    assert not (site / "bin").exists()
    assert (
        (release / "bin/branchline").read_text(encoding="utf-8").startswith("#!/opt/branchline/releases/1.0")
    )


def test_wheels_of_every_age_are_for_it_and_none_of_another_processor() -> None:
    tags = set(platform_options("arm64")) - {"--platform"}
    assert {
        "linux_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux_2_28_aarch64",
        "manylinux_2_36_aarch64",
    } <= tags
    assert not [tag for tag in tags if "x86_64" in tag]


def test_what_is_made_for_this_one_is_not(tmp_path: Path) -> None:
    (wheels := tmp_path / "wheels").mkdir()
    native_wheel(wheels, "manylinux_2_28_x86_64")
    layout = Layout(root=tmp_path / "root")
    with pytest.raises(InstallError, match="installing what the lock file names failed"):
        install_release(release_wheel(tmp_path), layout, wheels=wheels, arch="arm64")
    assert list(layout.releases.iterdir()) == []


def test_a_processor_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="amd64 or arm64"):
        platform_options("m68k")
    with pytest.raises(InstallError, match="is there already"):
        collect_wheels(tmp_path, tmp_path / "lock", arch="arm64", suite="bookworm")
