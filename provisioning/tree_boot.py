"""Boot a tree under systemd-nspawn so that nothing of it is left: no mount, no process, no control group, no changed file.

The machine that boots is an overlay over the tree, in namespaces of its own; what it writes is in memory and goes with it.
It dies with whoever booted it. Needs root and systemd-container.
"""

import contextlib
import os
import pty
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioning.installing import InstallError

NEEDS = {
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
}
"""Programs, and the Debian package of each."""
PROBE_LIMIT_S = 90.0
REMOVE_LIMIT_S = 5.0
_NAME = "branchline-boot"
_CGROUP = Path("/sys/fs/cgroup")
# `$1`: a scratch folder, `$2`: the tree, `$3`: what is laid over it; then control groups up to `--`, which are entered first,
# as whatever is started later is in them; then what nspawn is told. nspawn's own notes on /run are hidden from the machine's.
_START = """
set -e
scratch=$1 tree=$2 seed=$3
shift 3
while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs"; shift; done
shift
mount -t tmpfs -o mode=755 scratch "$scratch"
cd "$scratch"
mkdir lower upper work box
mount --bind "$tree" lower
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work box
cp -a "$seed/." box/
mount -t tmpfs -o mode=755 run box/run
mount -t tmpfs -o mode=755 run /run
exec systemd-nspawn --quiet --boot --register=no --keep-unit --console=interactive --directory="$scratch/box" "$@"
"""


class NoBootHereError(InstallError):
    """Nobody gets what a boot takes on this machine: root, mounts, namespaces, control groups. The text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is typed on the machine's console once it shows something."""

    shown: str
    typed: str


class Conversation:
    """What a console has shown, and what is still to be typed there; knows nothing of terminals."""

    def __init__(self, replies: Sequence[Reply], *, last: str = "") -> None:
        """Answer each in its turn; the conversation is over when `last` was shown after the last of them."""
        self._waiting = [(reply.shown.encode(), reply.typed.encode()) for reply in replies]
        self._last = last.encode()
        self._screen = bytearray()
        self._read_up_to = 0

    def hear(self, data: bytes) -> bytes:
        """Return what to type now."""
        self._screen += data
        typed = b""
        while self._waiting and (place := self._screen.find(self._waiting[0][0], self._read_up_to)) >= 0:
            shown, reply = self._waiting.pop(0)
            self._read_up_to = place + len(shown)
            typed += reply
        return typed

    @property
    def is_over(self) -> bool:
        """Say whether everything was asked, answered and acknowledged."""
        return not self._waiting and self._screen.find(self._last, self._read_up_to) >= 0

    @property
    def screen(self) -> str:
        """Return all that was shown."""
        return self._screen.decode("utf-8", "replace")


def why_no_boot_here() -> str | None:
    """Boot this machine's own files as far as its power-off, and say what the machine refuses; None: boots can be had here."""
    try:
        boot(Path("/"), talk=Conversation([]), limit_s=PROBE_LIMIT_S, arguments=["--unit=poweroff.target"])
    except NoBootHereError as error:
        return str(error)
    except InstallError as error:
        return f"systemd-nspawn boots nothing here: {error}"
    return None


def boot(
    tree: Path,
    *,
    talk: Conversation,
    limit_s: float,
    seed: Path | None = None,
    shared: Path | None = None,
    arguments: Sequence[str] = (),
    has_own_network: bool = True,
) -> None:
    """Run a tree until it powers off, its console in `talk`.

    `seed`: files that are laid over the tree. `shared`: a folder that the machine sees as /observed and may write; a file `console`
    appears in it when the conversation is over. `arguments` go to its systemd. Raises InstallError, NoBootHereError.
    """
    missing = [package for program, package in NEEDS.items() if shutil.which(program) is None]
    if missing:
        raise NoBootHereError(f"apt-get install {' '.join(sorted(set(missing)))}")
    if os.geteuid() != 0:
        raise NoBootHereError("a machine is booted by root alone")
    options = ["--private-network"] if has_own_network else []
    options += [f"--bind={shared}:/observed"] if shared else []
    with scratch_folder() as folder, _control_groups() as groups:
        (scratch := folder / "scratch").mkdir()
        (empty := folder / "empty").mkdir()
        command = [
            # Killed when this process is; what is behind it is killed with it.
            "setpriv", "--pdeathsig", "KILL", "--",
            "unshare", "--mount", "--ipc", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc",
            "sh", "-c", _START, "sh", str(scratch), str(tree.resolve()), str(seed or empty), *map(str, groups), "--",
            *options, "--", *arguments,
        ]  # fmt: skip
        status = _run(command, talk, time.monotonic() + limit_s, shared)
    if status is None:
        raise InstallError(f"it did not power off within {limit_s:.0f} s: {_last_words(talk.screen)}")
    if status:
        raise InstallError(f"it ended with {status}: {_last_words(talk.screen)}")


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for one boot; what others left who were killed goes first."""
    for old in Path(tempfile.gettempdir()).glob(f"{_NAME}-*-*"):
        if _is_of_the_dead(old.name):
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_NAME}-{os.getpid()}-") as folder:
        yield Path(folder)


def _is_of_the_dead(name: str) -> bool:
    """Say whether what a name tells of is of a process that is no more."""
    return not Path("/proc", name.removeprefix(f"{_NAME}-").partition("-")[0]).exists()


def _run(command: list[str], talk: Conversation, ends_s: float, shared: Path | None) -> int | None:
    """Run a program on a terminal of its own; return its status, None when it had to be killed."""
    ours, theirs = pty.openpty()  # nspawn shows its console on a terminal only
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        while time.monotonic() < ends_s:
            if select.select([ours], [], [], 0.5)[0]:
                try:
                    data = os.read(ours, 65536)
                except OSError:  # the other end is closed (EIO)
                    break
                if typed := talk.hear(data):
                    os.write(ours, typed)
                if shared and talk.is_over:
                    (shared / "console").touch()
            elif process.poll() is not None:
                break
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=max(ends_s - time.monotonic(), 1.0))
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        os.close(ours)


@contextlib.contextmanager
def _control_groups() -> Iterator[list[Path]]:
    """Make a control group for one boot in each hierarchy that systemd uses, and remove it with all that is below."""
    name = f"{_NAME}-{os.getpid()}-{secrets.token_hex(4)}"
    made: list[Path] = []
    try:
        for folder in _own_groups():
            for old in folder.glob(f"{_NAME}-*"):
                if _is_of_the_dead(old.name):
                    _remove_group(old)
            try:
                (folder / name).mkdir()
            except OSError as error:
                raise NoBootHereError(f"no control group can be made in {folder}: {error.strerror}") from None
            made.append(folder / name)
        if not made:
            raise NoBootHereError(f"there are no control groups in {_CGROUP}")
        yield made
    finally:
        for group in made:
            _remove_group(group)


def _own_groups() -> list[Path]:
    """Return this process's control groups: the unified hierarchy and systemd's own, wherever they are mounted."""
    found = []
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        match controllers:
            case "":
                roots = [_CGROUP, _CGROUP / "unified"]
            case "name=systemd":
                roots = [_CGROUP / "systemd"]
            case _:
                continue
        found += [root / path[1:] for root in roots if (root / path[1:] / "cgroup.procs").exists()][:1]
    return found


def _remove_group(group: Path) -> None:
    ends_s = time.monotonic() + REMOVE_LIMIT_S
    while group.exists() and time.monotonic() < ends_s:
        with contextlib.suppress(OSError):
            (group / "cgroup.kill").write_text("1", encoding="ascii")
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        if group.exists():
            time.sleep(0.05)  # the kernel takes the dead out of it a moment later


def _last_words(screen: str) -> str:
    lines = [line.strip() for line in screen.splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-400:] or "nothing"
