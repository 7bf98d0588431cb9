"""What a lock file names as wheels for a processor, this one or another: fetched, or built in a Debian of that processor."""

import sys
import tempfile
from pathlib import Path

from provisioning.debian_tree import machine_arch, make_debian
from provisioning.installing import InstallError, platform_options, run_step

BUILD_PACKAGES = (
    "gcc", "libc6-dev", "pkg-config", "python3-dev", "python3-pip", "python3-setuptools", "python3-wheel",
    "libsystemd-dev", "portaudio19-dev",
)  # fmt: skip
"""What systemd-python and pyaudio ask for, which have no wheels for most processors."""


def collect_wheels(into: Path, lock: Path, *, arch: str, suite: str) -> list[str]:
    """Fill a new folder; return the names of what had to be built. Needs root where something has. Raises InstallError."""
    if into.exists():
        raise InstallError(f"{into} is there already: name a folder that is not")
    foreign = platform_options(arch) if arch != machine_arch() else []
    run_step(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--require-hashes", "-r", str(lock), "--dest", str(into), *foreign,
        ],
        f"fetching packages for {arch}",
    )  # fmt: skip
    sources = sorted(path for path in into.iterdir() if path.suffix != ".whl")
    if sources:
        _build(into, sources, arch=arch, suite=suite)
    for path in sources:
        path.unlink()
    return [path.name for path in sources]


def _build(into: Path, sources: list[Path], *, arch: str, suite: str) -> None:
    with tempfile.TemporaryDirectory(prefix="branchline-build-") as folder:
        tree = Path(folder) / "tree"
        make_debian(tree, BUILD_PACKAGES, arch=arch, suite=suite)
        (tree / "wheels").mkdir()
        for source in sources:
            (tree / "tmp" / source.name).write_bytes(source.read_bytes())
        # With what Debian brings: there is no network in there, and nothing else is asked for.
        run_step(
            [
                "chroot", str(tree), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
                "python3", "-m", "pip", "wheel", "--quiet", "--no-index", "--no-build-isolation", "--no-deps",
                "--wheel-dir", "/wheels", *(f"/tmp/{source.name}" for source in sources),
            ],
            f"building {', '.join(source.name for source in sources)} for {arch}",
        )  # fmt: skip
        for wheel in (tree / "wheels").glob("*.whl"):
            (into / wheel.name).write_bytes(wheel.read_bytes())
