"""Releases under /opt/branchline: each a virtual environment of its own, one of them current.

A release is whole or not there: it is made under another name, written out, and renamed. Settings and data are never
touched by installing, switching or removing one.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from provisioning.layout import Layout

WHEEL = re.compile(r"branchline-([A-Za-z0-9_.!+]+)-py3-none-any\.whl")
SHARE = "share/branchline"
RELEASES_KEPT = 3
LONGEST_STEP_S = 3600.0
"""A single core that compiles what there is no wheel for."""
AT_BOOT = (
    "branchline-first-boot.service",
    "branchline-factory-reset.path",
    "branchline-reboot.path",
    "branchline-update-boot.service",
    "branchline-update.path",
    "branchline-update.timer",
)
"""Units that run beside the daemon."""
PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's names, and those of wheels."""
OLDEST_GLIBC, NEWEST_GLIBC = 17, 36
"""Minor versions: wheels are made for one at least so old, and Debian 12 has the newest of these."""
CHECKOUT = ("audio", "console", "firmware", "modem_drivers", "provisioning", "systemd", "examples")


class InstallError(Exception):
    """Nothing was changed that matters; the text says why and what to do."""


def build_wheel(checkout: Path, into: Path, *, python: str = sys.executable) -> Path:
    """Return a wheel of a checkout, built outside it. Raises InstallError."""
    with tempfile.TemporaryDirectory(prefix="branchline-wheel-") as folder:
        for name in CHECKOUT:
            shutil.copytree(
                checkout / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.lock"):
            shutil.copy(checkout / name, folder)
        run_step(
            [python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(into), folder],
            "building the wheel",
        )
    found = sorted(into.glob("branchline-*.whl"))
    if not found:
        raise InstallError(f"no wheel came of {checkout}: is it a whole checkout?")
    return found[-1]


def install_release(
    wheel: Path,
    layout: Layout,
    *,
    python: str = "/usr/bin/python3",
    wheels: Path | None = None,
    arch: str = "",
) -> Path:
    """Make the release of a wheel and return its folder; one that is there already is left as it is.

    `wheels` is a folder with all that the lock file names, for a machine without a network; it must be given for another
    processor (`arch`, as Debian names it). Raises InstallError.
    """
    match = WHEEL.fullmatch(wheel.name)
    if match is None:
        raise InstallError(
            f"{wheel.name} is no wheel of branchline: give branchline-VERSION-py3-none-any.whl"
        )
    try:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lock = _lock_of(wheel)
    except (OSError, zipfile.BadZipFile) as error:
        raise InstallError(f"{wheel} cannot be read: {error}") from None
    final = layout.releases / match.group(1)
    if final.exists() and digest_of(final) != digest:
        final = final.with_name(f"{final.name}+{digest[:8]}")
    if final.exists():
        return final
    before = os.umask(0o022)  # the daemon's user reads it, whatever root's shell or service is set to
    try:
        return _made(wheel, digest, lock, final, layout, python=python, wheels=wheels, arch=arch)
    finally:
        os.umask(before)


def _made(
    wheel: Path,
    digest: str,
    lock: str,
    final: Path,
    layout: Layout,
    *,
    python: str,
    wheels: Path | None,
    arch: str,
) -> Path:
    layout.releases.mkdir(parents=True, exist_ok=True)
    fresh = final.with_name(f".{final.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _fill(fresh, wheel, lock, python=python, wheels=wheels, arch=arch)
        (fresh / "wheel.sha256").write_text(f"{digest}\n", encoding="ascii")
        _settle(fresh, layout.inside(final))
        os.sync()
        fresh.rename(final)
    except OSError as error:
        raise InstallError(f"{final}: {error.strerror}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return final


def digest_of(release: Path) -> str:
    """Return the SHA-256 of the wheel that a release was made from, empty when it does not say."""
    try:
        return (release / "wheel.sha256").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def switch(layout: Layout, release: Path) -> Path | None:
    """Make a release the current one, all at once; return the one before."""
    if not (release / "bin/branchline").is_file():
        raise InstallError(f"{release} is no whole release: install it again")
    before = current_release(layout)
    _link(layout.current, Path("releases") / release.name)
    return before


def current_release(layout: Layout) -> Path | None:
    """Return the release in use."""
    return _pointed_to(layout.current)


def trust(layout: Layout, release: Path) -> None:
    """Make a release the one that updates run from: a person installed it, or it proved good."""
    _link(layout.good, Path("releases") / release.name)


def _pointed_to(link: Path) -> Path | None:
    return link.parent / link.readlink() if link.is_symlink() else None


def put_system_files(layout: Layout) -> list[Path]:
    """Put the units, rules and users of the current release in place; return what was put."""
    share = layout.current / SHARE
    placed = []
    for source in sorted((share / "systemd").iterdir()):
        target = layout.system_file(source.name)
        if target is None:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.name in AT_BOOT and not target.exists():
            # Whoever disables it later means it.
            layout.wanted(source.name).parent.mkdir(parents=True, exist_ok=True)
            _link(layout.wanted(source.name), layout.inside(target))
        _copy(source, target, 0o644)
        placed.append(target)
    layout.settings.mkdir(parents=True, exist_ok=True)
    _copy(share / "box.toml", layout.settings / "box.toml.example", 0o644)
    layout.program.parent.mkdir(parents=True, exist_ok=True)
    _link(layout.program, Path("/opt/branchline/current/bin/branchline"))
    return placed


def enable(layout: Layout) -> None:
    """Have the daemon started at boot."""
    layout.wanted_by.parent.mkdir(parents=True, exist_ok=True)
    _link(layout.wanted_by, Path("/usr/local/lib/systemd/system/branchline.service"))


def prune(layout: Layout, *, kept: int = RELEASES_KEPT, spare: Sequence[Path] = ()) -> list[Path]:
    """Remove the oldest releases beyond `kept`, never the current one nor those to spare; return what went."""
    safe = {current_release(layout), _pointed_to(layout.good), *spare}
    by_age = sorted(
        (path for path in layout.releases.iterdir() if not path.name.startswith(".")),
        key=lambda path: (path / "wheel.sha256").stat().st_mtime if digest_of(path) else 0.0,
    )
    gone = [path for path in by_age[: max(len(by_age) - kept, 0)] if path not in safe]
    for path in gone:
        shutil.rmtree(path)
    return gone


def remove(layout: Layout, *, purge: bool = False) -> None:
    """Take every release, unit and rule away; with `purge` keys first, then settings and data too."""
    names = [path.name for path in (layout.current / SHARE / "systemd").glob("*")]
    for target in (layout.system_file(name) for name in names):
        if target is not None:
            target.unlink(missing_ok=True)
    for path in (
        layout.wanted_by,
        *map(layout.wanted, AT_BOOT),
        layout.program,
        layout.drop_in,
        layout.settings / "box.toml.example",
    ):
        path.unlink(missing_ok=True)
    if purge:
        for store in ("etc/credstore", "etc/credstore.encrypted"):
            for name in ("mqtt-key", "device-key"):
                (layout.root / store / name).unlink(missing_ok=True)
        shutil.rmtree(layout.identity, ignore_errors=True)
        shutil.rmtree(layout.updates, ignore_errors=True)
        shutil.rmtree(layout.settings, ignore_errors=True)
        shutil.rmtree(layout.data, ignore_errors=True)
    shutil.rmtree(layout.current.parent, ignore_errors=True)


def _fill(fresh: Path, wheel: Path, lock: str, *, python: str, wheels: Path | None, arch: str) -> None:
    run_step([python, "-m", "venv", "--without-pip", str(fresh)], "making the virtual environment")
    requirements = fresh / "requirements.lock"
    requirements.write_text(lock, encoding="utf-8")
    # Our own pip fills the other environment; each release brings one, as it is what installs the next.
    pip = [sys.executable, "-m", "pip", "--python", str(fresh / "bin/python"), "install"]
    pip += ["--quiet", "--disable-pip-version-check", "--no-compile"]
    where = ["--no-index", "--find-links", str(wheels)] if wheels else []
    # Wheels that were built elsewhere have other hashes than the lock's: their folder is trusted as it is.
    trusted = ["--no-deps", "-r", str(_without_hashes(requirements))] if wheels else [
        "--require-hashes", "-r", str(requirements)
    ]  # fmt: skip
    if arch:
        # The processor is another one, the Python is not: its packages are laid where it looks, and nothing of them is run.
        (site,) = (fresh / "lib").glob("python3*/site-packages")
        trusted += ["--target", str(site), "--only-binary", ":all:", *platform_options(arch)]
    if "==" in lock:  # else there is nothing to install, and pip takes seconds to say so on a small board
        run_step([*pip, *where, *trusted], "installing what the lock file names")
    if arch:
        shutil.rmtree(site / "bin", ignore_errors=True)
    run_step([*pip, "--no-deps", "--no-index", str(wheel)], "installing branchline")


def platform_options(arch: str) -> list[str]:
    """Return what tells pip of another processor, by Debian's name of it. Raises InstallError."""
    machine = PROCESSORS.get(arch)
    if machine is None:
        raise InstallError(f"there are no packages for {arch} here: {' or '.join(PROCESSORS)}")
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(OLDEST_GLIBC, NEWEST_GLIBC + 1)]
    return [part for tag in (*tags, f"linux_{machine}") for part in ("--platform", tag)]


def _without_hashes(requirements: Path) -> Path:
    names = re.findall(
        r"(?m)^([A-Za-z0-9_.\[\]-]+==[^\s;\\]+)((?:\s*;[^\\\n]+)?)", requirements.read_text("utf-8")
    )
    plain = requirements.with_name("requirements.txt")
    plain.write_text("".join(f"{name}{marker}\n" for name, marker in names), encoding="utf-8")
    return plain


def _settle(fresh: Path, final: Path) -> None:
    """Make the environment one that lies at `final`: its scripts and compiled files name that place."""
    for script in (fresh / "bin").iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        text = script.read_bytes()
        if str(fresh).encode() in text:
            script.write_bytes(text.replace(str(fresh).encode(), str(final).encode()))
    run_step(
        [
            str(fresh / "bin/python"), "-m", "compileall", "-q", "-j", "0",
            "-s", str(fresh), "-p", str(final), str(fresh / "lib"),
        ],
        "compiling",
    )  # fmt: skip


def _lock_of(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(f".data/data/{SHARE}/requirements.lock"):
                return archive.read(name).decode("utf-8")
    raise InstallError(f"{wheel.name} brings no lock file: build it from a whole checkout")


def _link(link: Path, target: Path) -> None:
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
    _sync_folder(link.parent)


def _copy(source: Path, target: Path, mode: int) -> None:
    fresh = target.with_name(f".{target.name}.new")
    fresh.write_bytes(source.read_bytes())
    fresh.chmod(mode)
    fresh.replace(target)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def run_step(command: list[str], what: str) -> None:
    """Run a program to its end. Raises InstallError with `what` and its last words."""
    # What this Python is told to look for elsewhere is no part of the release that another one is.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=LONGEST_STEP_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{what} failed: {error}") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word of why").splitlines()[-1]
        raise InstallError(f"{what} failed: {last}")
