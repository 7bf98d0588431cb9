"""What an image refuses before it costs minutes; that it boots is test_image_boot.py."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provisioning import image_look
from provisioning.debian_tree import MirrorError, machine_arch, machine_suite
from provisioning.image import fill_tree, make_tree
from provisioning.image_command import image_app
from provisioning.installing import InstallError


def test_a_folder_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "keep").touch()
    with pytest.raises(InstallError, match="is there already"):
        make_tree(tmp_path, tmp_path, arch="amd64", suite="bookworm", wheels=None)
    result = CliRunner().invoke(image_app, ["make", str(tmp_path), "--arch", "arm64"])
    assert result.exit_code == 1
    assert (tmp_path / "keep").exists()


def test_without_mmdebstrap_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstallError, match="apt-get install mmdebstrap"):
        make_tree(tmp_path / "new", tmp_path, arch="amd64", suite="bookworm", wheels=None)


def test_the_tree_is_of_the_debian_whose_python_is_here(tmp_path: Path) -> None:
    told = tmp_path / "os-release"
    told.write_text('ID=debian\nVERSION_CODENAME=trixie\nPRETTY_NAME="Debian 13"\n', encoding="utf-8")
    assert machine_suite(told) == "trixie"
    told.write_text('ID="ubuntu"\nVERSION_CODENAME="noble"\n', encoding="utf-8")
    assert machine_suite(told) == machine_suite(tmp_path / "none") == "bookworm"


def with_mmdebstrap(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "bin/mmdebstrap"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        pytest.param(
            'echo "E: arm64 can neither be executed natively nor via qemu user emulation" >&2; exit 25',
            InstallError,
            "apt-get install qemu-user-static binfmt-support",
            id="another processor",
        ),
        pytest.param(
            'echo "E: apt-get update --error-on=any failed" >&2; echo "E: mmdebstrap failed to run" >&2; exit 25',
            MirrorError,
            "nothing of Debian bookworm can be fetched: E: apt-get update",
            id="no mirror",
        ),
        pytest.param(
            'case "$*" in *--simulate*) exit 0;; esac; echo "E: Unable to locate package systemd-sysv" >&2; exit 25',
            InstallError,
            "mmdebstrap: E: Unable to locate package",
            id="a mirror, and something else",
        ),
    ],
)
def test_why_there_is_no_tree(
    script: str, error: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_mmdebstrap(
        tmp_path, monkeypatch, f'for last; do :; done; [ -d "$last/.." ] && mkdir -p "$last"\n{script}'
    )
    with pytest.raises(InstallError, match=re.escape(words)) as raised:
        make_tree(tmp_path / "new", tmp_path, arch=machine_arch(), suite="bookworm", wheels=None)
    assert type(raised.value) is error
    assert not (tmp_path / "new").exists()


def test_who_is_not_root_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_mmdebstrap(tmp_path, monkeypatch, "exit 0")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(InstallError, match="run this as root"):
        make_tree(tmp_path / "new", tmp_path, arch=machine_arch(), suite="bookworm", wheels=None)


def test_a_tree_with_another_python_is_not_filled(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/python3").symlink_to("python3.99")
    with pytest.raises(InstallError, match=r"the tree has python3\.99 .* \(--suite\)"):
        fill_tree(tmp_path, tmp_path, arch=machine_arch(), wheels=None)


def test_what_looks_inside_the_tree_is_a_shell_script_that_reads() -> None:
    script = Path(image_look.__file__).with_suffix(".sh")
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
