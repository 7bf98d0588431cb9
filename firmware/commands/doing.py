"""How each command is done on a running box: on lines that no call has, through the gate, and never against it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from firmware.calls.borrowing import LineBusyError
from firmware.calls.desk import Desk
from firmware.calls.scheduler import Scheduler
from firmware.commands.catalogue import (
    DiagnosticsArguments,
    LogLevelArguments,
    NoArguments,
    RebootArguments,
    TestCallArguments,
    UpdateArguments,
    UssdArguments,
)
from firmware.commands.errors import CommandFailedError, CommandRefusedError
from firmware.commands.runner import Doer
from firmware.commands.updating import ask_for_update
from firmware.daemon.checkup import Finding
from firmware.daemon.line_selftest import NotATestNumberError, choose_number
from firmware.host.journal import set_log_level
from firmware.lines.gsm_line import GsmLine
from firmware.lines.line import LineError, LineNotReadyError, LineStatus
from firmware.lines.sip_line import SipLine
from firmware.lines.sound_test import NumberKind, sound_test
from firmware.settings import Settings
from firmware.values import E164
from modem_drivers.errors import ModemError

IDLE_LOOK_S = 1.0


class BoxHands:
    """What the commands of a running box do."""

    def __init__(
        self,
        settings: Settings,
        *,
        lines: Sequence[GsmLine[Any] | SipLine[Any]],
        scheduler: Scheduler,
        desk: Desk,
        self_check: Callable[[], Awaitable[Sequence[Finding]]],
        bundle: Callable[[int], Awaitable[Mapping[str, Any]]],
        reboot: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """`reboot` is None where the box's settings name no program for it."""
        self._settings = settings
        self._lines = {line.line_id: line for line in lines}
        self._scheduler = scheduler
        self._desk = desk
        self._self_check = self_check
        self._bundle = bundle
        self._reboot = reboot

    def doers(self) -> dict[str, Doer]:
        """Return what does each command of the catalogue."""
        return {
            "self-check": self.check,
            "diagnostics": self.diagnose,
            "ussd": self.ask_operator,
            "test-call": self.test_call,
            "reboot": self.restart,
            "log-level": self.set_level,
            "update": self.update,
        }

    async def check(self, _: NoArguments) -> Mapping[str, Any]:
        """Try what the box needs, except what would disturb a call; the lines say themselves how they are."""
        findings = list(await self._self_check())
        for line in self._lines.values():
            report = line.report
            findings.append(
                Finding(
                    what=f"line {report.line}",
                    passed=report.status in {LineStatus.READY, LineStatus.IN_CALL},
                    detail=f"{report.status.value} {report.detail}".strip(),
                )
            )
        rows = [{"what": each.what, "passed": each.passed, "detail": each.detail} for each in findings]
        return {"passed": all(each.passed for each in findings), "findings": rows}

    async def diagnose(self, wanted: DiagnosticsArguments) -> Mapping[str, Any]:
        """Collect what a technician far away needs, without anybody's number or name."""
        return await self._bundle(wanted.events)

    async def ask_operator(self, wanted: UssdArguments) -> Mapping[str, Any]:
        """Ask the operator of a line, such as for the balance."""
        line = self._line(wanted.line)
        if isinstance(line, SipLine):
            raise CommandRefusedError(
                "not_a_modem", f"$.arguments.line: {line.line_id} is a SIP line: it has no USSD"
            )
        try:
            with self._scheduler.lent(line.line_id):
                answer = await line.ask_operator(wanted.code)
        except (LineBusyError, LineNotReadyError) as error:
            raise CommandRefusedError("line_busy", str(error)) from None
        except ModemError as error:
            raise CommandFailedError("operator_silent", str(error)) from None
        return {"state": answer.state.value, "text": answer.text}

    async def test_call(self, wanted: TestCallArguments) -> Mapping[str, Any]:
        """Call a test number of the box's own settings, if the gate allows it now, and judge the sound."""
        line = self._line(wanted.line)
        try:
            chosen = choose_number(self._settings, wanted.number)
        except NotATestNumberError as error:
            raise CommandRefusedError("not_a_test_number", str(error)) from None
        try:
            with self._scheduler.lent(line.line_id):
                if line.report.status is not LineStatus.READY:
                    raise LineNotReadyError(f"line {line.line_id} is {line.report.status}")
                refusal = await self._desk.may_test(E164(chosen.number), line.report)
                if refusal:
                    raise CommandRefusedError("gate", refusal)
                verdict = await sound_test(line, E164(chosen.number), NumberKind(chosen.kind))
        except (LineBusyError, LineError) as error:
            raise CommandRefusedError("line_busy", str(error)) from None
        return {
            "passed": verdict.passed,
            "heard": verdict.heard.value,
            "sent": verdict.sent.value,
            "detail": verdict.detail,
            "delay_ms": verdict.delay_ms,
        }

    async def restart(self, wanted: RebootArguments) -> Mapping[str, Any]:
        """Restart the computer when no call is up."""
        if self._reboot is None:
            raise CommandRefusedError(
                "not_set_up", "name the program that restarts this box in its settings: [commands] reboot"
            )
        if wanted.when == "now" and self._scheduler.active:
            raise CommandRefusedError("call_up", "a call is up: ask for when_idle, or later")
        with self._scheduler.held("the box is about to restart"):
            while self._scheduler.active:  # noqa: ASYNC110 - the command's expiry bounds it
                await asyncio.sleep(IDLE_LOOK_S)
            try:
                await self._reboot()
            except ModemError as error:
                raise CommandFailedError("reboot_failed", str(error)) from None
            # The service manager stops us now: the next start answers. Whoever is still here was not stopped.
            await asyncio.sleep(float("inf"))
        raise AssertionError("not reached")

    async def set_level(self, wanted: LogLevelArguments) -> Mapping[str, Any]:
        """Write more or less into the log."""
        set_log_level(wanted.level)
        return {"level": wanted.level}

    async def update(self, wanted: UpdateArguments) -> Mapping[str, Any]:
        """Ask root's updater for a release; an event says what comes of it, hours later maybe."""
        return ask_for_update(self._settings, wanted)

    def _line(self, name: str) -> GsmLine[Any] | SipLine[Any]:
        for line_id, line in self._lines.items():
            if line_id == name:
                return line
        known = ", ".join(sorted(self._lines)) or "none"
        raise CommandRefusedError("unknown_line", f"$.arguments.line: this box has {known}")
