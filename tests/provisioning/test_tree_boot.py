"""A machine in a folder runs and leaves nothing behind, whoever ends it; what is typed on its console."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning import tree_boot
from provisioning.installing import InstallError
from provisioning.tree_boot import Conversation, NoBootHereError, Reply, boot, why_no_boot_here

LIMIT_S = 60.0
ROOT = Path(__file__).resolve().parents[2]
# This machine's own files, as far as where nothing runs and nobody powers off.
FOR_EVER = "--unit=slices.target"
BOOTS_FOR_EVER = f"""
from pathlib import Path
from provisioning.tree_boot import Conversation, boot
boot(Path("/"), talk=Conversation([]), limit_s=600.0, arguments=["{FOR_EVER}"])
"""


@pytest.fixture(scope="session")
def boots_here() -> None:
    """Skip, with its words, where the machine refuses what a boot takes: it was tried, not guessed."""
    if reason := why_no_boot_here():
        pytest.skip(f"NOTHING WAS BOOTED on this machine: {reason}")


def groups_of(pid: int) -> list[Path]:
    return [group for folder in tree_boot._own_groups() for group in folder.glob(f"branchline-boot-{pid}-*")]


def processes_in(groups: list[Path]) -> list[str]:
    found = []
    for group in groups:
        for file in group.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found += file.read_text(encoding="ascii").split()
    return found


def until(holds: Callable[[], bool]) -> bool:
    ends_s = time.monotonic() + LIMIT_S
    while not holds() and time.monotonic() < ends_s:
        time.sleep(0.02)
    return holds()


@pytest.mark.usefixtures("boots_here")
def test_one_that_never_ends_is_ended_and_leaves_nothing() -> None:
    talk = Conversation([])
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
    with pytest.raises(InstallError, match="did not power off within"):
        boot(Path("/"), talk=talk, limit_s=1.5, arguments=[FOR_EVER])
    assert groups_of(os.getpid()) == []
    assert Path("/proc/self/mounts").read_text(encoding="utf-8") == mounts


@pytest.mark.usefixtures("boots_here")
def test_it_dies_with_whoever_started_it() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", BOOTS_FOR_EVER], cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        # The shell that starts it, nspawn, and what runs inside.
        assert until(lambda: len(processes_in(groups_of(child.pid))) >= 2)
        left = groups_of(child.pid)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert until(lambda: processes_in(left) == [])
    assert why_no_boot_here() is None  # whoever is killed so cleans nothing up: the next boot does
    assert groups_of(child.pid) == []
    assert not list(Path(tempfile.gettempdir()).glob(f"branchline-boot-{child.pid}-*"))


def test_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert why_no_boot_here() == "a machine is booted by root alone"
    with pytest.raises(NoBootHereError):
        boot(tmp_path, talk=Conversation([]), limit_s=1.0)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert why_no_boot_here() == "apt-get install mount systemd-container util-linux"


def test_where_no_control_group_can_be_made_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "file").touch()
    monkeypatch.setattr(tree_boot, "_own_groups", lambda: [tmp_path / "file"])
    assert why_no_boot_here() == f"no control group can be made in {tmp_path}/file: Not a directory"
    monkeypatch.setattr(tree_boot, "_own_groups", list)
    assert "there are no control groups" in str(why_no_boot_here())


@given(cuts=st.lists(st.integers(0, 60), max_size=4))
def test_a_console_is_answered_however_its_bytes_arrive(cuts: list[int]) -> None:
    shown = "login: \r\nLanguage 1, 2 中文 > \r\n请选择 > 1\r\n请选择 > \r\n再见。".encode()
    talk = Conversation(
        [
            Reply(shown="中文 > ", typed="2\r"),
            Reply(shown="请选择 > ", typed="1\r"),
            Reply(shown="请选择 > ", typed="0\r"),
        ],
        last="再见。",
    )
    typed, before = b"", 0
    for cut in [*sorted(cuts), len(shown)]:
        assert not talk.is_over
        typed += talk.hear(shown[before : max(cut, before)])
        before = max(cut, before)
    assert (typed, talk.is_over) == (b"2\r1\r0\r", True)
