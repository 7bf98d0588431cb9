"""What can be asked for through the socket. Nothing here changes a rule, and only test numbers of the settings are called."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import structlog

from firmware.calls.judging import Judge
from firmware.calls.scheduler import Scheduler
from firmware.commands.catalogue import (
    COMMANDS,
    DiagnosticsArguments,
    Name,
    NoArguments,
    RebootArguments,
    TestCallArguments,
    UssdArguments,
    command_problem,
)
from firmware.commands.doing import BoxHands
from firmware.commands.errors import CommandRefusedError
from firmware.compliance.call import Point
from firmware.compliance.decision import Decision
from firmware.host.journal import RecentEvents
from firmware.lines.gsm_line import GsmLine
from firmware.lines.line import LineReport, LineStatus
from firmware.lines.sip_line import SipLine
from firmware.local.looking import Looker
from firmware.local.server import Deed
from firmware.local.trouble import trouble_of
from firmware.rules.policy_question import instant
from firmware.settings import Settings
from firmware.store import campaigns, contacts
from firmware.store.connection import Connection
from firmware.store.contacts import StoredContact
from firmware.store.database import Database
from firmware.values import E164, CampaignId, ContactId, InvalidNumberError, LineId, PersonId, parse_e164

log = structlog.get_logger()
ArgumentsT = TypeVar("ArgumentsT", bound=msgspec.Struct)
PIN_LIMIT_S = 25.0
PIN_LOOK_S = 0.5
LIMITS_S = {name: kind.limit_s for name, kind in COMMANDS.items() if kind.limit_s is not None} | {
    "sim-pin": PIN_LIMIT_S + 5.0,
    "reboot": 60.0,
}


class _Strict(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Arguments: an unknown one is an error."""


class PinArguments(_Strict, kw_only=True, frozen=True):
    """The PIN of one line's SIM card."""

    line: Name
    pin: Annotated[str, msgspec.Meta(pattern="^[0-9]{4,8}$")]


class GateArguments(_Strict, kw_only=True, frozen=True):
    """Whose call is asked about."""

    number: str
    region: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$")] | None = None


class DrainArguments(_Strict, kw_only=True, frozen=True):
    """How long no further call begins."""

    minutes: Annotated[int, msgspec.Meta(ge=1, le=120)] = 15


class LogArguments(_Strict, kw_only=True, frozen=True):
    """How much of the log."""

    events: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class Deeds:
    """Does what a technician on the spot asks for."""

    def __init__(
        self,
        settings: Settings,
        *,
        looker: Looker,
        hands: BoxHands,
        lines: Sequence[GsmLine[Any] | SipLine[Any]],
        scheduler: Scheduler,
        judge: Judge,
        database: Database,
        recent: RecentEvents,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._looker = looker
        self._hands = hands
        self._lines = lines
        self._scheduler = scheduler
        self._judge = judge
        self._database = database
        self._recent = recent
        self._now = now
        self._drain: asyncio.Task[None] | None = None

    def by_name(self) -> dict[str, Deed]:
        """Return what can be asked for."""
        return {
            "state": self._state,
            "gate": self._ask_gate,
            "log": self._log,
            "sim-pin": self._enter_pin,
            "test-call": self._test_call,
            "ussd": self._ask_operator,
            "self-check": self._self_check,
            "diagnostics": self._diagnostics,
            "drain": self._begin_drain,
            "resume": self._resume,
            "reboot": self._reboot,
        }

    def close(self) -> None:
        """End a drain that is still on."""
        if self._drain is not None:
            self._drain.cancel()

    async def _state(self, arguments: msgspec.Raw) -> Any:
        _read(arguments, NoArguments)
        return await self._looker.look(fresh=True)

    async def _log(self, arguments: msgspec.Raw) -> Any:
        return self._recent.last(_read(arguments, LogArguments).events)

    async def _self_check(self, arguments: msgspec.Raw) -> Any:
        return await self._hands.check(_read(arguments, NoArguments))

    async def _diagnostics(self, arguments: msgspec.Raw) -> Any:
        return await self._hands.diagnose(_read(arguments, DiagnosticsArguments))

    async def _test_call(self, arguments: msgspec.Raw) -> Any:
        return await self._hands.test_call(_checked("test-call", arguments, TestCallArguments))

    async def _ask_operator(self, arguments: msgspec.Raw) -> Any:
        return await self._hands.ask_operator(_checked("ussd", arguments, UssdArguments))

    async def _reboot(self, arguments: msgspec.Raw) -> Any:
        return await self._hands.restart(_read(arguments, RebootArguments))

    # ---- the gate's word, without a call

    async def _ask_gate(self, arguments: msgspec.Raw) -> Any:
        wanted = _read(arguments, GateArguments)
        try:
            number = parse_e164(wanted.number)
        except InvalidNumberError as error:
            raise CommandRefusedError("bad_number", str(error)) from None
        line = next(
            (each.report for each in self._lines if each.report.status is LineStatus.READY),
            LineReport(line=LineId(""), status=LineStatus.ABSENT),
        )

        def ask(con: Connection) -> tuple[Decision, bool, bool]:
            listed = contacts.open_contact_with(con, number)
            contact = listed or _unlisted(number, wanted.region)
            judged = self._judge.decide(con, contact, line, Point.ENQUEUE, audio_ready=True)
            return judged.decision, listed is not None, campaigns.is_stopped(con)

        decision, is_listed, is_stopped = await self._database.read(ask)
        return {
            "outcome": decision.outcome.value,
            "rule": decision.rule,
            "until": None if decision.until is None else instant(decision.until),
            "explanation": {"en": decision.explain("en"), "zh": decision.explain("zh")},
            "tried": [
                {"rule": each.rule, "passed": each.passed, "detail": each.detail} for each in decision.tried
            ],
            "zones": list(decision.zones),
            "packs": list(decision.packs),
            "on_a_list": is_listed,
            "stopped_by_console": is_stopped,
        }

    # ---- the SIM card's PIN

    async def _enter_pin(self, arguments: msgspec.Raw) -> Any:
        wanted = _read_secret(arguments)
        line = next((each for each in self._lines if each.line_id == wanted.line), None)
        if line is None:
            raise CommandRefusedError(
                "unknown_line", f"this box has {', '.join(each.line_id for each in self._lines)}"
            )
        if not isinstance(line, GsmLine) or trouble_of(line.report) != "pin":
            raise CommandRefusedError(
                "no_pin_wanted", f"line {line.line_id} does not ask for a PIN: it is {line.report.status}"
            )
        line.offer_pin(wanted.pin)
        log.info("pin_offered", line=line.line_id)
        before = line.report.detail
        waited_s = 0.0
        while trouble_of(line.report) == "pin" and waited_s < PIN_LIMIT_S:
            if "refused" in line.report.detail and line.report.detail != before:
                break
            await asyncio.sleep(PIN_LOOK_S)
            waited_s += PIN_LOOK_S
        if trouble_of(line.report) == "pin":
            raise CommandRefusedError("pin_not_taken", line.report.detail)
        return {"status": line.report.status.value, "kept": self._keep_pin(wanted)}

    def _keep_pin(self, wanted: PinArguments) -> bool:
        """Write a PIN that the card took into the file of the settings, if there is one; say whether it is kept."""
        section = next((each for each in self._settings.line if each.id == wanted.line), None)
        if section is None or section.pin_file is None:
            return False
        path = Path(section.pin_file)
        fresh = path.with_name(f".{path.name}.new")
        try:
            fresh.unlink(missing_ok=True)
            with open(
                os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
            ) as file:
                file.write(wanted.pin + "\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            log.warning("pin_not_kept", line=wanted.line, reason=error.strerror)
            return False
        return True

    # ---- no further calls for a while

    async def _begin_drain(self, arguments: msgspec.Raw) -> Any:
        minutes = _read(arguments, DrainArguments).minutes
        await self._end_drain()
        until = self._now() + timedelta(minutes=minutes)
        self._looker.held_until = until
        self._drain = asyncio.create_task(self._hold(minutes * 60.0), name="drain")
        await asyncio.sleep(0)
        log.info("drain", minutes=minutes, calls=len(self._scheduler.active))
        return {"until": instant(until), "calls_up": len(self._scheduler.active)}

    async def _resume(self, arguments: msgspec.Raw) -> Any:
        _read(arguments, NoArguments)
        was_held = self._drain is not None and not self._drain.done()
        await self._end_drain()
        return {"was_held": was_held}

    async def _end_drain(self) -> None:
        if self._drain is not None:
            self._drain.cancel()
            await asyncio.wait([self._drain])
            self._drain = None

    async def _hold(self, seconds: float) -> None:
        with ExitStack() as stack:
            stack.callback(setattr, self._looker, "held_until", None)
            stack.enter_context(self._scheduler.held("a technician works on the box"))
            await asyncio.sleep(seconds)


def _read(arguments: msgspec.Raw, kind: type[ArgumentsT]) -> ArgumentsT:
    return msgspec.json.decode(arguments, type=kind)


def _read_secret(arguments: msgspec.Raw) -> PinArguments:
    try:
        return _read(arguments, PinArguments)
    except msgspec.MsgspecError:
        # msgspec's words may repeat what was given.
        raise CommandRefusedError("bad_arguments", "give line and pin; a PIN has 4 to 8 digits") from None


def _checked(name: str, arguments: msgspec.Raw, kind: type[ArgumentsT]) -> ArgumentsT:
    """Hold arguments to the rules that the console's commands are held to."""
    if problem := command_problem(name, bytes(arguments)):
        raise CommandRefusedError(*problem)
    return _read(arguments, kind)


def _unlisted(number: E164, region: str | None) -> StoredContact:
    """Return somebody of whom the box knows the number alone."""
    return StoredContact(
        contact=ContactId("question"),
        campaign=CampaignId("question"),
        person=PersonId("question"),
        numbers=(number,),
        language="en",
        region=region,
    )
