"""Debian in a folder, of this processor or another: the one place that asks mmdebstrap."""

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from provisioning.installing import PROCESSORS, InstallError

BUILD_LIMIT_S = 3600.0
"""Another processor is played by a program: ten times as slow."""
FETCH_LIMIT_S = 120.0
# Nobody reads manuals there. An option of dpkg would do it too, and have each package go through a filter: twice the time.
_NO_MANUALS = 'rm -rf "$1"/usr/share/man/*'
_OLDEST_SUITE = "bookworm"


class MirrorError(InstallError):
    """No mirror of Debian can be reached from here: nothing is wrong with what was asked for."""


def make_debian(tree: Path, packages: Sequence[str], *, arch: str, suite: str) -> None:
    """Make the smallest Debian with some packages. Raises InstallError, MirrorError; what is in the folder then is of no use."""
    need_mmdebstrap()
    asked = ["mmdebstrap", "--quiet", f"--architectures={arch}", '--aptopt=Acquire::Retries "3"']
    problem = _mmdebstrap(
        [
            *asked, "--variant=minbase", f"--include={','.join(packages)}", '--aptopt=Acquire::Languages "none"',
            f"--customize-hook={_NO_MANUALS}", suite, str(tree),
        ],
        BUILD_LIMIT_S,
    )  # fmt: skip
    if not problem:
        return
    if "neither be executed natively nor" in problem:
        raise InstallError(
            f"this machine cannot run programs for {arch}, which Debian's packages do while they are set up: "
            "apt-get install qemu-user-static binfmt-support, or make the tree on such a machine"
        )
    # Whether anything at all can be fetched, asked in the same way and for nothing.
    simulated = [*asked, "--simulate", "--variant=custom", suite, "/dev/null"]
    if fetching := _mmdebstrap(simulated, FETCH_LIMIT_S):
        raise MirrorError(f"nothing of Debian {suite} can be fetched: {fetching}")
    raise InstallError(f"mmdebstrap: {problem}")


def need_mmdebstrap() -> None:
    """Raise InstallError where no tree can be made."""
    if shutil.which("mmdebstrap") is None:
        raise InstallError("mmdebstrap is missing: apt-get install mmdebstrap")
    if os.geteuid() != 0:
        raise InstallError("a tree has files of many users: run this as root")


def machine_arch() -> str:
    """Return Debian's name of this machine's processor."""
    machine = platform.machine()
    return next((arch for arch, name in PROCESSORS.items() if name == machine), machine)


def machine_suite(os_release: Path = Path("/etc/os-release")) -> str:
    """Return the Debian release of this machine, whose Python releases are made for; the oldest supported one elsewhere."""
    try:
        lines = os_release.read_text(encoding="utf-8").splitlines()
    except OSError:
        return _OLDEST_SUITE
    said = {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
    return (said.get("ID") == "debian" and said.get("VERSION_CODENAME")) or _OLDEST_SUITE


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
