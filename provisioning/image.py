"""A machine in a folder: Debian made by mmdebstrap with a release installed, and a look at it running under systemd-nspawn."""

import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
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
BOOT_LIMIT_S = 1500.0
"""With two updates, of which one is tried three times for a minute each."""
LOOK = Path(__file__).with_name("image_look.sh")
SAMPLE_BOX = "etc/branchline-sample-box"
_BOOT = """
set -e
mount --bind {tree} {tree}
mount -t tmpfs tmpfs {tree}/run
exec systemd-nspawn --boot --register=no --keep-unit --console=interactive --directory={tree}
"""


def make_tree(tree: Path, checkout: Path, *, arch: str, suite: str, wheels: Path | None) -> None:
    """Make the tree. Raises InstallError."""
    if tree.exists():
        raise InstallError(f"{tree} is there already: name a folder that is not")
    if shutil.which("mmdebstrap") is None:
        raise InstallError("mmdebstrap is missing: apt-get install mmdebstrap")
    command = [
        "mmdebstrap", "--quiet", "--variant=minbase", f"--architectures={arch}", f"--include={','.join(PACKAGES)}",
        '--aptopt=Acquire::Languages "none"', "--dpkgopt=path-exclude=/usr/share/man/*", suite, str(tree),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_LIMIT_S, check=False)
    if done.returncode:
        raise InstallError(f"mmdebstrap: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    fill_tree(tree, checkout, wheels=wheels)


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


def look_at_tree(tree: Path, box: Path) -> list[tuple[str, bool, str]]:
    """Boot the tree with an issued box in it and return what was observed: what, whether it is right, and its words.

    Needs root and systemd-container. The tree is changed: it is one to look at, not one to deliver. Raises InstallError.
    """
    tree = tree.resolve()
    shutil.rmtree(tree / SAMPLE_BOX, ignore_errors=True)
    shutil.copytree(box, tree / SAMPLE_BOX)
    shutil.copy(LOOK, tree / "usr/local/sbin/branchline-look")
    unit = tree / "etc/systemd/system/branchline-look.service"
    unit.write_text(
        "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\n"
        "ExecStart=/bin/sh /usr/local/sbin/branchline-look\nStandardOutput=file:/observed.txt\nStandardError=journal\n",
        encoding="utf-8",
    )
    wants = tree / "etc/systemd/system/default.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / unit.name).unlink(missing_ok=True)
    (wants / unit.name).symlink_to(f"/{unit.relative_to(tree)}")
    (tree / "observed.txt").unlink(missing_ok=True)
    screen = _boot(tree)
    try:
        lines = (tree / "observed.txt").read_text(encoding="utf-8").splitlines()
    except OSError:
        raise InstallError(f"the tree did not come as far as looking; its screen: {screen[-500:]}") from None
    found = [tuple(line.split("\t", 2)) for line in lines if line.count("\t") == 2]
    for what, shown, words in (
        ("serial console", "Welcome to", "boot is shown on the console"),
        ("technician's console on it", "2 中文", "the technician's first question is shown there"),
    ):
        found.append((what, "good" if shown in screen else "bad", words))
    return [(what, verdict == "good", words) for what, verdict, words in found]


def _boot(tree: Path) -> str:
    """Run the tree until it powers off; return what its console showed."""
    command = [
        "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
        _BOOT.format(tree=shlex.quote(str(tree))),
    ]  # fmt: skip
    ours, theirs = pty.openpty()  # nspawn shows its console on a terminal only
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    screen = bytearray()
    ends_s = time.monotonic() + BOOT_LIMIT_S
    try:
        while process.poll() is None and time.monotonic() < ends_s:
            if select.select([ours], [], [], 0.5)[0]:
                try:
                    screen += os.read(ours, 65536)
                except OSError:  # the other end is closed (EIO)
                    break
        process.wait(timeout=max(ends_s - time.monotonic(), 1.0))
    except subprocess.TimeoutExpired:
        raise InstallError(f"the tree did not power off within {BOOT_LIMIT_S:.0f} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(ours)
    return screen.decode("utf-8", "replace")


def machine_arch() -> str:
    """Return Debian's name of this processor's architecture."""
    done = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or sys.platform
