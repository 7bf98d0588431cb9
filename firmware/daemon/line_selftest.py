"""`branchline line selftest`: call a test number on each line, and say what is wrong with which direction of its sound."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from firmware.clock import RealWorld
from firmware.compliance.numbering import number_facts
from firmware.compliance.red_lines import number_problem
from firmware.daemon.worlds import hardware_line
from firmware.data_dir import database_path
from firmware.lines.gsm_line import GsmLine
from firmware.lines.line import LineReport, LineStatus
from firmware.lines.sound_test import NumberKind, SoundVerdict, Way, sound_test
from firmware.settings import Settings
from firmware.settings_sections import TrialNumberSection
from firmware.store import suppressions
from firmware.store.reading import read_only
from firmware.values import E164, PersonId, mask
from modem_drivers.slots import SlotFinder

READY_LIMIT_S = 90.0
"""A SIM card and a network take their time after power-up."""


class NotATestNumberError(Exception):
    """The number may not be called by a test; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineVerdict:
    """What the test of one line showed."""

    line: str
    model: str
    verdict: SoundVerdict


def choose_number(settings: Settings, number: str | None) -> TrialNumberSection:
    """Return the test number to call. Raises NotATestNumberError for any that no test may call."""
    if not settings.test_number:
        raise NotATestNumberError("name a test number of yours in box.toml: [[test_number]] number, kind")
    chosen = next((each for each in settings.test_number if number in {None, each.number}), None)
    if chosen is None:
        raise NotATestNumberError(
            f"{mask(number or '')} is none of the [[test_number]] of box.toml: only those are called"
        )
    if problem := number_problem(number_facts(E164(chosen.number)), frozenset()):
        raise NotATestNumberError(f"{mask(chosen.number)} is never called: {problem}")
    path = database_path(settings)
    if path.exists():
        with read_only(path) as connection:
            if suppressions.for_call(connection, PersonId(""), E164(chosen.number), None):
                raise NotATestNumberError(
                    f"{mask(chosen.number)} is on the suppression list: it is not called"
                )
    return chosen


async def test_lines(
    settings: Settings, number: TrialNumberSection, line_ids: list[str]
) -> list[LineVerdict]:
    """Test the lines one after the other. The daemon must not run: it has the modems."""
    finder = SlotFinder(now_s=asyncio.get_running_loop().time)
    wanted = [line for line in settings.line if not line_ids or line.id in line_ids]
    return [
        await _test(hardware_line(line, finder), E164(number.number), NumberKind(number.kind))
        for line in wanted
    ]


async def _test(line: GsmLine[RealWorld], number: E164, kind: NumberKind) -> LineVerdict:
    ready = asyncio.Event()
    told: list[LineReport] = []

    def note(report: LineReport) -> None:
        told.append(report)
        if report.status is LineStatus.READY:
            ready.set()

    line.on_change = note
    serving = asyncio.create_task(line.serve(), name=f"line:{line.line_id}")
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_LIMIT_S):
                await ready.wait()
        if ready.is_set():
            verdict = await sound_test(line, number, kind)
        else:
            detail = f"the line does not get ready: {line.report.detail or line.report.status}"
            verdict = SoundVerdict(heard=Way.UNKNOWN, sent=Way.UNKNOWN, detail=detail)
    finally:
        serving.cancel()
        await asyncio.wait([serving])
    return LineVerdict(line=line.line_id, model=line.report.model, verdict=verdict)
