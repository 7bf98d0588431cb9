"""What systemd itself says of the unit: that it can be read, and how much of the machine it leaves open."""

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from audio.listening import worker
from audio.speech import engine_wire

UNITS = Path(__file__).resolve().parents[3] / "systemd"
MOST_EXPOSED = 2.0


def analyze(*arguments: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning", "LC_ALL": "C.UTF-8"},
    )
    return f"{done.returncode}\n{done.stdout}\n{done.stderr}"


def directives(unit: Path) -> dict[str, list[str]]:
    found = defaultdict(list)
    for line in unit.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A machine with the unit and what it starts, and nothing else."""
    folder = tmp_path / "etc/systemd/system"
    folder.mkdir(parents=True)
    for unit in (path for kind in ("service", "path", "timer") for path in UNITS.glob(f"*.{kind}")):
        shutil.copy(unit, folder / unit.name)
    release = ("current", "good")
    programs = [f"opt/branchline/{each}/bin/branchline" for each in release]
    for program in (*programs, "bin/sh", "bin/rm", "bin/systemctl", "sbin/agetty"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n", encoding="utf-8")
        path.chmod(0o755)
    return tmp_path


def test_systemd_reads_the_units_without_a_word(tree: Path) -> None:
    names = [path.name.replace("@.", "@ttyS0.") for path in (tree / "etc/systemd/system").iterdir()]
    assert len(names) >= 8
    assert complaints(analyze("verify", f"--root={tree}", *names)) == []


def test_a_misspelt_directive_would_be_found(tree: Path) -> None:
    unit = tree / "etc/systemd/system/branchline.service"
    unit.write_text(unit.read_text(encoding="utf-8").replace("WatchdogSec=", "WatchDogSeconds="), "utf-8")
    assert complaints(analyze("verify", f"--root={tree}", "branchline.service")) != []


def complaints(said: str) -> list[str]:
    """What it says of our unit; that a bare tree has no other units is no news."""
    return [
        line
        for line in said.splitlines()
        if re.search(r"branchline\S*\.(service|path|timer)", line) and "not found" not in line
    ]


def test_the_sandbox_is_as_tight_as_was_promised(tree: Path) -> None:
    unit = tree / "etc/systemd/system/branchline.service"
    assert exposure(unit) <= MOST_EXPOSED
    unit.write_text(re.sub("(?m)^(Protect|Restrict).*", "", unit.read_text(encoding="utf-8")), "utf-8")
    assert exposure(unit) > MOST_EXPOSED


def test_no_unit_leaves_more_open(tree: Path) -> None:
    """What runs as root handles keys, settings, sticks and releases, and a line is open to whoever plugs in."""
    units = list((tree / "etc/systemd/system").glob("*.service"))
    assert len(units) >= 8
    assert {unit.name: exposure(unit) for unit in units if exposure(unit) > MOST_EXPOSED} == {}


def test_who_may_mount_has_no_network_and_sees_no_key() -> None:
    unit = directives(UNITS / "branchline-sticks.service")
    assert unit["PrivateNetwork"] == ["yes"]
    assert "-/etc/credstore.encrypted" in unit["InaccessiblePaths"][0].split()
    others = [path for path in UNITS.glob("*.service") if path.name != "branchline-sticks.service"]
    assert [path.name for path in others if "CAP_SYS_ADMIN" in path.read_text(encoding="utf-8")] == []


def exposure(unit: Path) -> float:
    said = analyze("security", "--offline=yes", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found is not None, said
    return float(found.group(1))


def test_the_sandbox_leaves_open_what_the_daemon_reads() -> None:
    """adjtimex tells whether NTP vouches for the time: ProtectClock= would forbid even the question."""
    unit = directives(UNITS / "branchline.service")
    assert unit["ProtectClock"] == ["no"]
    assert "adjtimex" in unit["SystemCallFilter"][0].split()
    assert unit["ProcSubset"] == ["all"]
    assert {"char-ttyUSB rw", "char-ttyACM rw", "char-alsa rw"} <= set(unit["DeviceAllow"])
    assert "CAP_SYS_TIME" not in unit["CapabilityBoundingSet"][0]


def test_who_answers_a_callee_goes_before_other_programs_and_what_may_wait_behind_them() -> None:
    """0 is what every other program has; the workers add their own niceness to what the unit gives."""
    given = int(directives(UNITS / "branchline.service")["Nice"][0])
    assert given > -20
    assert given + worker.NICENESS < 0, "a recogniser"
    assert given + engine_wire.NICENESS > 0, "a voice that speaks for later"


def test_the_user_of_the_unit_is_made_with_its_groups() -> None:
    unit = directives(UNITS / "branchline.service")
    rows = [
        line.split()[:3]
        for line in (UNITS / "branchline.sysusers").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert rows[0][:2] == ["u", unit["User"][0]]
    assert {group for kind, _, group in rows if kind == "m"} == set(unit["SupplementaryGroups"][0].split())


def test_the_drop_in_for_plain_keys_gives_what_the_unit_gives() -> None:
    sealed = directives(UNITS / "branchline.service")["LoadCredentialEncrypted"]
    plain = directives(UNITS / "plain-credentials.conf")
    assert plain["LoadCredentialEncrypted"] == [""]
    assert plain["LoadCredential"] == sealed
