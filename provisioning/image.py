"""A machine in a folder: Debian with a release installed. How it runs: provisioning/image_look.py."""

import shutil
import tempfile
from pathlib import Path

from provisioning.debian_tree import machine_arch, make_debian, need_mmdebstrap
from provisioning.foreign_wheels import collect_wheels
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
PYTHON = Path("usr/bin/python3")


def make_tree(tree: Path, checkout: Path, *, arch: str, suite: str, wheels: Path | None) -> None:
    """Make the tree. Raises InstallError; then there is none."""
    if tree.exists():
        raise InstallError(f"{tree} is there already: name a folder that is not")
    need_mmdebstrap()
    with tempfile.TemporaryDirectory(prefix="branchline-image-") as folder:
        if wheels is None and arch != machine_arch():
            wheels = Path(folder) / "wheels"
            collect_wheels(wheels, checkout / "requirements.lock", arch=arch, suite=suite)
        try:
            make_debian(tree, PACKAGES, arch=arch, suite=suite)
            fill_tree(tree, checkout, arch=arch, wheels=wheels)
        except BaseException:
            shutil.rmtree(tree, ignore_errors=True)
            raise


def fill_tree(tree: Path, checkout: Path, *, arch: str, wheels: Path | None) -> None:
    """Install this checkout's release into a tree. Raises InstallError."""
    theirs, ours = (root / PYTHON for root in (tree.resolve(), Path("/")))
    if theirs.resolve().name != ours.resolve().name:
        raise InstallError(
            f"the tree has {theirs.resolve().name} and this machine {ours.resolve().name}, for which a release is made: "
            "name the Debian release of this machine (--suite)"
        )
    layout = Layout(root=tree.resolve())
    wheel = build_wheel(checkout, tree / "tmp")
    try:
        release = install_release(wheel, layout, wheels=wheels, arch="" if arch == machine_arch() else arch)
        switch(layout, release)
        trust(layout, release)
    finally:
        wheel.unlink()
    put_system_files(layout)
    enable(layout)
    (tree / "etc/machine-id").write_text("", encoding="ascii")  # each box makes its own
