"""Where a claim file may be: on a USB stick, on the boot partition, or kept from an earlier look."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware.sync.claiming import (
    CLAIM_FILE,
    MAX_CLAIM_FILE_BYTES,
    ClaimFile,
    ClaimFileError,
    read_claim_file,
)
from provisioning.disk import Disk
from provisioning.layout import Layout

MOUNT_LIMIT_S = 20.0
STICKS_SERVICE = "branchline-sticks.service"
_BOOT = ("boot/firmware", "boot", "boot/efi", "efi", "etc/branchline")
_MEDIA = ("mnt", "mnt/*", "media/*", "media/*/*", "run/media/*/*")
_READ_ONLY = "ro,nosuid,nodev,noexec"
Run = Callable[[Sequence[str]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The claim file to go by, and what was wrong with others."""

    file: ClaimFile | None
    problem: str = ""


def run_program(command: Sequence[str]) -> bool:
    """Run a program of the system; say whether it did what it was asked."""
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=MOUNT_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def find_claim_file(layout: Layout, disk: Disk, *, run: Run = run_program) -> Found:
    """Return the claim file that expires last, and keep a copy of it: the stick may be pulled out again."""
    kept = layout.identity / "claim.toml"
    best: tuple[ClaimFile, bytes] | None = None
    problem = ""
    for body in _bodies(layout, kept, run):
        try:
            file = read_claim_file(body)
        except ClaimFileError as error:
            problem = str(error)
            continue
        if best is None or file.expires > best[0].expires:
            best = (file, body)
    if best is None:
        return Found(file=None, problem=problem)
    if not kept.exists() or kept.read_bytes() != best[1]:
        disk.write(kept, best[1])
    return Found(file=best[0])


def _bodies(layout: Layout, kept: Path, run: Run) -> Iterator[bytes]:
    places = [kept, *(layout.root / place / CLAIM_FILE for place in _BOOT)]
    for pattern in _MEDIA:
        places += sorted(layout.root.glob(f"{pattern}/{CLAIM_FILE}"))
    for path in places:
        if (body := _read(path)) is not None:
            yield body
    if unmounted_sticks(layout.root):
        if layout.is_live:
            run(["systemctl", "start", STICKS_SERVICE])
        else:
            copy_from_sticks(layout, run=run)
        for path in sorted(layout.stick_copies.glob("*.toml")):
            if (body := _read(path)) is not None:
                yield body


def copy_from_sticks(layout: Layout, *, run: Run = run_program) -> None:
    """Copy the claim file of each stick that nobody has mounted. Only this needs the right to mount: it has a service of its own."""
    layout.stick_copies.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in layout.stick_copies.glob("*.toml"):
        old.unlink()
    for device in unmounted_sticks(layout.root):
        with _mounted(device, run) as folder:
            if folder is not None and (body := _read(folder / CLAIM_FILE)) is not None:
                (layout.stick_copies / f"{device.name}.toml").write_bytes(body)


def unmounted_sticks(root: Path = Path("/")) -> list[Path]:
    """Return the partitions of removable disks that are mounted nowhere, and such disks without partitions."""
    try:
        mounted = {
            line.split(" ", 1)[0] for line in (root / "proc/mounts").read_text("utf-8").splitlines() if line
        }
    except OSError:
        mounted = set()
    found = []
    for disk in sorted((root / "sys/block").glob("*")):
        try:
            is_removable = (disk / "removable").read_text("ascii").strip() == "1"
            has_medium = (disk / "size").read_text("ascii").strip() != "0"
        except OSError:
            continue
        if not (is_removable and has_medium):
            continue
        names = [path.name for path in sorted(disk.glob(f"{disk.name}*")) if (path / "partition").exists()]
        found += [Path("/dev") / name for name in names or [disk.name] if f"/dev/{name}" not in mounted]
    return found


@contextmanager
def _mounted(device: Path, run: Run) -> Iterator[Path | None]:
    """Mount a stick for a look: read-only, nothing on it is run."""
    with tempfile.TemporaryDirectory(prefix="branchline-stick-") as folder:
        if not run(["mount", "-t", "vfat,exfat,ext4", "-o", _READ_ONLY, str(device), folder]):
            yield None
            return
        try:
            yield Path(folder)
        finally:
            if not run(["umount", folder]):
                run(["umount", "--lazy", folder])


def _read(path: Path) -> bytes | None:
    try:
        if path.is_symlink() or not path.is_file():
            return None  # a stick's link could point to anything of ours
        with path.open("rb") as file:
            return file.read(MAX_CLAIM_FILE_BYTES + 1)
    except OSError:
        return None
