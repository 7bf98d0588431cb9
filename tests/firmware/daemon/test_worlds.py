"""A simulated clock can only be combined with simulated lines: a type checker refuses anything else."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
from datetime import UTC, datetime
from firmware.clock import RealWorld, SimulatedClock, SimulatedWorld, SystemClock
from firmware.host.clock_trust import SimulatedClockTrust, SystemClockTrust
from firmware.lines.gsm_line import GsmLine
from firmware.settings_sections import LineSection
from firmware.values import LineId
from firmware.daemon.worlds import HardwarePorts, World
from modem_drivers.slots import SlotFinder

section = LineSection(id="a", at_port="/dev/ttyUSB2", pcm_port="/dev/ttyUSB4")
finder = SlotFinder(now_s=lambda: 0.0)
hardware = GsmLine(LineId("a"), HardwarePorts(section, finder), now_s=lambda: 0.0)
clock = {clock}
trust = {trust}
world: World[{world}] = World(clock=clock, trust=trust, lines=[hardware])
"""
SYSTEM = ("SystemClock()", "SystemClockTrust()", "RealWorld")
SIMULATED = "SimulatedClock(datetime.now(UTC))"


@pytest.mark.parametrize(
    ("clock", "trust", "world", "accepted"),
    [
        pytest.param(*SYSTEM, True, id="the system's clock on hardware"),
        pytest.param(SIMULATED, "SystemClockTrust()", "RealWorld", False, id="a simulated clock on hardware"),
        pytest.param(
            "SystemClock()", "SimulatedClockTrust()", "RealWorld", False, id="an easy trust on hardware"
        ),
        pytest.param(
            SIMULATED, "SimulatedClockTrust()", "SimulatedWorld", False, id="hardware called simulated"
        ),
    ],
)
def test_what_the_type_checker_says(
    tmp_path: Path, clock: str, trust: str, world: str, accepted: bool
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(clock=clock, trust=trust, world=world), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), str(program)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == accepted, done.stdout
    if not accepted:
        assert "incompatible type" in done.stdout
