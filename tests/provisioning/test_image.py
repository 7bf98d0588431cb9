"""What an image refuses before it costs minutes; that it boots is test_image_boot.py."""

import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provisioning import image_look
from provisioning.image import machine_suite, make_tree
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


def test_what_looks_inside_the_tree_is_a_shell_script_that_reads() -> None:
    script = Path(image_look.__file__).with_suffix(".sh")
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
