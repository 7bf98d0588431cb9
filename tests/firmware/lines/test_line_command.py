"""`branchline line selftest` as a technician types it, on a simulated modem's PTYs."""

import asyncio
import json
from datetime import date
from pathlib import Path

import pytest

from firmware.daemon.line_command import line_app
from firmware.demo.processes import program
from modem_drivers.simulator.pty_host import SimulatedModemProcess
from modem_drivers.simulator.simulation import ModemSpec, Simulation
from tests.firmware.test_settings import GOOD

NUMBER = "+8613123456701"
PEOPLE = f'people:\n  - number: "{NUMBER}"\n    ring_s: 0.2\n    steps: [echo: 40]\n'


async def run(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *program("branchline", "line", "selftest", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def test_a_line_is_tried(tmp_path: Path) -> None:
    spec = ModemSpec(personality="ec25", imei="356938035643801", number="+8613123456600")
    simulation = Simulation(
        modems=(spec,),
        people=PEOPLE,
        today=date(2026, 3, 2),
        setup_s=0.2,
        call_log_path=str(tmp_path / "calls"),
    )

    async def scenario() -> None:
        async with SimulatedModemProcess(simulation) as process:
            (ports,) = process.ports
            head, _, _ = GOOD.partition("[[line]]")
            config = tmp_path / "box.toml"
            config.write_text(
                f'{head}[[line]]\nid = "line-1"\nat_port = "{ports.at_path}"\npcm_port = "{ports.pcm_path}"\n'
                f'[[test_number]]\nnumber = "{NUMBER}"\nkind = "echo"\n'
            )
            code, told, said = await run("--config", str(config), "--json")
            assert code == 0, said
            (row,) = json.loads(told)
            assert (row["line"], row["heard"], row["sent"]) == ("line-1", "good", "good")

    asyncio.run(scenario())
    rows = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert [row["number"] for row in rows if row["event"] == "dialled"] == [NUMBER]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["--number", "+8613123456799"], 1, "none of the [[test_number]]", id="a stranger"),
        pytest.param(["--line", "line-7"], 2, "no [[line]] line-7", id="a line that is not there"),
    ],
)
def test_nobody_else_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    config = tmp_path / "box.toml"
    config.write_text(f'{GOOD}[[test_number]]\nnumber = "{NUMBER}"\n')
    with pytest.raises(SystemExit) as end:
        line_app(["selftest", "--config", str(config), *arguments])
    assert end.value.code == code
    said = capsys.readouterr().err
    assert words in said
    assert "3456799" not in said
