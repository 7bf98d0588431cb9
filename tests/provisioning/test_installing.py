"""Releases in a tree: whole or not there, one of them current, and never a word of settings or data lost."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provisioning import installing
from provisioning.install_command import install_app, uninstall_app
from provisioning.installing import (
    InstallError,
    current_release,
    install_release,
    prune,
    put_system_files,
    switch,
)
from provisioning.layout import Layout

ROOT = Path(__file__).resolve().parents[2]


def tiny_wheel(folder: Path, version: str, says: str = "") -> Path:
    """A release in little: a program that prints its version, the real units, an empty lock file."""
    path = folder / f"branchline-{version}-py3-none-any.whl"
    info, share = f"branchline-{version}.dist-info", f"branchline-{version}.data/data/share/branchline"
    files = {
        "tiny_branchline.py": f"def main() -> None:\n    print({says or version!r})\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: branchline\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nbranchline = tiny_branchline:main\n",
        f"{share}/requirements.lock": "",
        f"{share}/box.toml": (ROOT / "examples/box.toml").read_text(encoding="utf-8"),
    }
    for source in (ROOT / "systemd").iterdir():
        files[f"{share}/systemd/{source.name}"] = source.read_text(encoding="utf-8")
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(name, text)
    return path


def invoke(app: object, *arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    return result.output


def test_installed_upgraded_and_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, wheels = tmp_path / "root", tmp_path
    where = ["--root", str(root), "--python", sys.executable]
    layout = Layout(root=root)
    invoke(install_app, *where, "--wheel", str(tiny_wheel(wheels, "1.0")))
    assert layout.current.readlink() == Path("releases/1.0")
    assert (root / "usr/local/lib/systemd/system/branchline.service").is_file()
    assert (root / "usr/local/lib/udev/rules.d/70-branchline-modems.rules").is_file()
    assert (root / "usr/local/lib/sysusers.d/branchline.conf").is_file()
    assert (root / "usr/local/lib/tmpfiles.d/branchline.conf").is_file()
    assert layout.program.readlink() == Path("/opt/branchline/current/bin/branchline")
    script = (layout.current / "bin/branchline").read_text(encoding="utf-8")
    assert script.startswith("#!/opt/branchline/releases/1.0/bin/python")
    assert str(tmp_path) not in script

    # What a branch made of it in the meantime.
    (layout.settings / "box.toml").write_text("ours", encoding="utf-8")
    layout.data.mkdir(parents=True)
    (layout.data / "box.db").write_text("calls", encoding="utf-8")
    layout.wanted_by.unlink()
    # What lies on this Python's path is not what the release has.
    (elsewhere := tmp_path / "elsewhere/branchline-1.1.dist-info").mkdir(parents=True)
    (elsewhere / "METADATA").write_text("Metadata-Version: 2.1\nName: branchline\nVersion: 1.1\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(elsewhere.parent))
    said = invoke(install_app, *where, "--wheel", str(tiny_wheel(wheels, "1.1")))
    assert said.split() == ["1.1", "is", "current", "in", "/opt/branchline/releases,", "before", "it", "1.0"]
    assert (layout.settings / "box.toml").read_text(encoding="utf-8") == "ours"
    assert not layout.wanted_by.is_symlink(), "whoever disabled it meant it"
    python = layout.current / "bin/python"
    printed = subprocess.run(
        [python, layout.current / "bin/branchline"], capture_output=True, text=True, check=True
    )
    assert printed.stdout == "1.1\n"

    # Back, as an update that failed its self-check goes back.
    assert switch(layout, layout.releases / "1.0") == layout.releases / "1.1"
    put_system_files(layout)
    assert current_release(layout) == layout.releases / "1.0"

    invoke(uninstall_app, "--root", str(root))
    assert not layout.releases.exists()
    left = sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() or path.is_symlink()
    )
    assert left == ["etc/branchline/box.toml", "var/lib/branchline/box.db"]


def test_the_same_again_is_nothing_and_another_content_is_another_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a release is called; that its environment is made is pinned above."""
    monkeypatch.setattr(installing, "_fill", lambda fresh, *_, **__: (fresh / "bin").mkdir(parents=True))
    monkeypatch.setattr(installing, "_settle", lambda fresh, final: (fresh / "bin/branchline").touch())
    layout = Layout(root=tmp_path / "root")
    first = install_release(tiny_wheel(tmp_path, "2.0"), layout, python=sys.executable)
    made_at = (first / "wheel.sha256").stat().st_mtime_ns
    assert install_release(tiny_wheel_same(tmp_path), layout, python=sys.executable) == first
    assert (first / "wheel.sha256").stat().st_mtime_ns == made_at
    other = tmp_path / "other"
    other.mkdir()
    second = install_release(tiny_wheel(other, "2.0", says="changed"), layout, python=sys.executable)
    assert second.name.startswith("2.0+")
    switch(layout, first)
    assert prune(layout, kept=1) == [], "the current one is never removed"
    assert prune(layout, kept=0) == [second]


def tiny_wheel_same(folder: Path) -> Path:
    return folder / "branchline-2.0-py3-none-any.whl"


def test_a_release_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path / "root")
    wheel = tiny_wheel(tmp_path, "3.0")
    with zipfile.ZipFile(wheel) as archive:
        broken = {name: archive.read(name) for name in archive.namelist()}
    broken["branchline-3.0.dist-info/METADATA"] = b""
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in broken.items():
            archive.writestr(name, data)
    with pytest.raises(InstallError, match="installing branchline failed"):
        install_release(wheel, layout, python=sys.executable)
    assert list(layout.releases.iterdir()) == []
    with pytest.raises(InstallError, match="no wheel of branchline"):
        install_release(tmp_path / "other-1.0-py3-none-any.whl", layout)
    (tmp_path / "branchline-4.0-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(InstallError, match="cannot be read"):
        install_release(tmp_path / "branchline-4.0-py3-none-any.whl", layout)
