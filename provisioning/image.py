"""A machine in a folder: Debian made by mmdebstrap, with a release installed. How it runs: provisioning/image_look.py."""

import shutil
import subprocess
import sys
from pathlib import Path

from provisioning.installing import (
    InstallError,
    build_wheel,
    enable,
    install_release,
    put_system_files,
    switch,
    trust,
)
from provisioning.layout import Layout

PACKAGES = (
    "systemd-sysv", "systemd-timesyncd", "udev", "dbus", "python3", "python3-venv",
    "libportaudio2", "espeak-ng", "ca-certificates", "tzdata",
)  # fmt: skip
BUILD_LIMIT_S = 1800.0
FETCH_LIMIT_S = 120.0
# Nobody reads manuals there. An option of dpkg would do it too, and have each package go through a filter: twice the time.
_NO_MANUALS = 'rm -rf "$1"/usr/share/man/*'
_OLDEST_SUITE = "bookworm"


class MirrorError(InstallError):
    """No mirror of Debian can be reached from here: nothing is wrong with what was asked for."""


def make_tree(tree: Path, checkout: Path, *, arch: str, suite: str, wheels: Path | None) -> None:
    """Make the tree. Raises InstallError; then there is none."""
    if tree.exists():
        raise InstallError(f"{tree} is there already: name a folder that is not")
    if shutil.which("mmdebstrap") is None:
        raise InstallError("mmdebstrap is missing: apt-get install mmdebstrap")
    try:
        _make_debian(tree, arch=arch, suite=suite)
        fill_tree(tree, checkout, wheels=wheels)
    except BaseException:
        shutil.rmtree(tree, ignore_errors=True)
        raise


def fill_tree(tree: Path, checkout: Path, *, wheels: Path | None) -> None:
    """Install this checkout's release into a tree that runs on this machine's processor. Raises InstallError."""
    layout = Layout(root=tree.resolve())
    wheel = build_wheel(checkout, tree / "tmp")
    try:
        release = install_release(wheel, layout, wheels=wheels)
        switch(layout, release)
        trust(layout, release)
    finally:
        wheel.unlink()
    put_system_files(layout)
    enable(layout)
    (tree / "etc/machine-id").write_text("", encoding="ascii")  # each box makes its own


def machine_arch() -> str:
    """Return Debian's name of this processor's architecture."""
    done = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or sys.platform


def machine_suite(os_release: Path = Path("/etc/os-release")) -> str:
    """Return the Debian release of this machine, whose Python releases are made for; the oldest supported one elsewhere."""
    try:
        lines = os_release.read_text(encoding="utf-8").splitlines()
    except OSError:
        return _OLDEST_SUITE
    said = {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
    return (said.get("ID") == "debian" and said.get("VERSION_CODENAME")) or _OLDEST_SUITE


def _make_debian(tree: Path, *, arch: str, suite: str) -> None:
    asked = ["mmdebstrap", "--quiet", f"--architectures={arch}", '--aptopt=Acquire::Retries "3"']
    done = _mmdebstrap(
        [
            *asked, "--variant=minbase", f"--include={','.join(PACKAGES)}", '--aptopt=Acquire::Languages "none"',
            f"--customize-hook={_NO_MANUALS}", suite, str(tree),
        ],
        BUILD_LIMIT_S,
    )  # fmt: skip
    if not done:
        return
    if "neither be executed natively nor" in done:
        raise InstallError(
            f"this machine cannot run programs for {arch}, which Debian's packages do while they are set up: "
            "apt-get install qemu-user-static binfmt-support, or make the tree on such a machine"
        )
    # Whether anything at all can be fetched, asked in the same way and for nothing.
    if fetching := _mmdebstrap([*asked, "--simulate", "--variant=custom", suite, "/dev/null"], FETCH_LIMIT_S):
        raise MirrorError(f"nothing of Debian {suite} can be fetched: {fetching}")
    raise InstallError(f"mmdebstrap: {done}")


def _mmdebstrap(command: list[str], limit_s: float) -> str:
    """Return why it failed, empty when it did not."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit_s, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {limit_s:.0f} s"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip() and "failed to run" not in line]
    return " / ".join(lines[-2:]) or f"it ended with {done.returncode}"
