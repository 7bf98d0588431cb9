"""A line on real descriptors: its PTYs die under it with EIO and come back under other names."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from firmware.daemon.worlds import HardwarePorts
from firmware.lines.gsm_line import GsmLine
from firmware.lines.line import LineReport, LineStatus
from firmware.settings_sections import LineSection
from firmware.values import LineId
from modem_drivers.simulator import SIM7600, Network, SimulatedModem
from modem_drivers.simulator.port_links import PortLinks
from modem_drivers.simulator.pty_modem import PtyModem
from modem_drivers.slots import SlotFinder


def test_ports_that_die_are_opened_again_where_their_name_leads_then(tmp_path: Path) -> None:
    link = tmp_path / "modem"

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        simulated = SimulatedModem(
            replace(SIM7600, boot_s=0.3),
            Network(()),
            imei="861234567890116",
            number="+8613912345678",
            schedule=loop.call_later,
            now_s=loop.time,
        )
        host = PtyModem(simulated, loop, PortLinks(link))
        seen: list[LineStatus] = []
        changed = asyncio.Event()

        def note(report: LineReport) -> None:
            seen.append(report.status)
            changed.set()

        async def until(condition: Callable[[], bool]) -> None:
            async with asyncio.timeout(30):
                while not condition():
                    changed.clear()
                    await changed.wait()

        section = LineSection(id="line-1", at_port=str(link), pcm_port=f"{link}-pcm")
        ports = HardwarePorts(section, SlotFinder(now_s=loop.time))
        line = GsmLine(LineId("line-1"), ports, now_s=loop.time, on_change=note)
        serving = asyncio.create_task(line.serve())
        try:
            await until(lambda: line.report.status is LineStatus.READY)
            before = link.readlink()
            simulated.device.reboot()
            await until(lambda: line.report.status is not LineStatus.READY)
            await until(lambda: line.report.status is LineStatus.READY)
            assert link.readlink() != before
            assert line.report.healed_by == (), "it came back by itself"
            host.unplug()
            await until(lambda: line.report.status is LineStatus.ABSENT)
        finally:
            serving.cancel()
            await asyncio.wait([serving])
            simulated.power_changed(False)

    asyncio.run(scenario())
