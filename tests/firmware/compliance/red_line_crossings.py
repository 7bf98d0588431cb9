"""Each red line at each door: an attempt to cross it there, the test that makes one elsewhere, or why there is nothing to try."""

import ast
import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from firmware.calls.judging import Judged
from firmware.calls.placing import FlowBook
from firmware.commands.catalogue import command_problem
from firmware.compliance import Outcome, PackError, Point, SuppressionEntry
from firmware.compliance.pack import read_pack
from firmware.compliance.packs import pack_texts
from firmware.daemon.campaign_checks import campaign_check
from firmware.dialogue.errors import FlowRefusedError
from firmware.local.deeds import LIMITS_S, Deeds
from firmware.local.server import LocalServer
from firmware.settings import SettingsError, load_settings
from firmware.store import campaigns, suppressions
from firmware.store.connection import Connection
from firmware.sync.applying import apply_suppress
from firmware.sync.messages import MalformedMessageError, Suppress, decode_downlink
from firmware.values import E164
from modem_drivers.at.allow_list import check_command, check_ussd
from modem_drivers.errors import LocalProtocolError
from tests.firmware.compliance.test_red_line_doors import BOX
from tests.firmware.retention.kept_box import CALLED, LINE, KeptBox, number_of
from tests.firmware.store.store_rows import Rows

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = ROOT / "tests" / "firmware" / "dialogue" / "hostile"


class NotThere(str):
    """Why there is nothing to try."""

    __slots__ = ()


class Elsewhere(str):
    """The test that tries it: ``file::name`` below tests/."""

    __slots__ = ()


@dataclass
class World:
    """What attempts are made on."""

    scene: Any
    """A lawful call under the shipped packs."""
    wide: Any
    """The same under packs that allow everything that packs can allow, sealed and approved."""
    box: KeptBox
    folder: Path


Attempt = Callable[[World], None]
"""Tries to cross a line; fails the test when it is crossed."""


def refused(world: Any, rule: str, **changes: Any) -> None:
    decision = world.ask(point=Point.PREDIAL, **changes)
    assert (decision.is_allowed, decision.rule) == (False, rule)


# ---- MQTT ----


def no_command(name: str, **arguments: str) -> Attempt:
    def attempt(_world: World) -> None:
        assert command_problem(name, json.dumps(arguments).encode()) is not None

    return attempt


def no_campaign_with(flaw: str) -> Attempt:
    def attempt(_world: World) -> None:
        check = campaign_check()
        with pytest.raises(check.refusals):
            check.flow_check((HOSTILE / f"{flaw}.yaml").read_text(encoding="utf-8"))

    return attempt


def no_configuration_with(**words: object) -> Attempt:
    def attempt(_world: World) -> None:
        head = {"type": "config", "id": "x", "at": "2026-11-24T02:00:00Z", "version": 1}
        decode_downlink(json.dumps(head | {"settings": {}}).encode())
        with pytest.raises(MalformedMessageError):
            decode_downlink(json.dumps(head | {"settings": words}).encode())

    return attempt


def a_list_takes_nothing_back(world: World) -> None:
    def work(con: Connection) -> Judged:
        wrong = suppressions.Suppression(
            id="w", scope="number", number=number_of(1), reason="wrong_number", source="call", at=CALLED
        )
        assert suppressions.add(con, wrong)
        assert apply_suppress(con, Suppress(id="none", at=CALLED, suppressions=[]), now=CALLED).accepted
        return judged(con, world.box)

    assert undone(world.box, work).decision.rule == "suppressed"


def no_number_of_a_list(world: World) -> None:
    for number in ("+86110", "+449098790000", "+8612345", "+18005550100"):
        refused(world.wide, "number", number=number, region=None)


# ---- settings ----


def no_setting(*lines: str) -> Attempt:
    def attempt(world: World) -> None:
        file = world.folder / "box.toml"
        for line in lines:
            file.write_text(f"{BOX}\n{line}\n", encoding="utf-8")
            with pytest.raises(SettingsError):
                load_settings(file)
        file.write_text(BOX, encoding="utf-8")
        load_settings(file)

    return attempt


# ---- the socket, and the technician's console on a serial line, which asks through it ----


def no_request(*names: str) -> Attempt:
    def attempt(_world: World) -> None:
        server = LocalServer(Deeds.__new__(Deeds).by_name(), limits_s=LIMITS_S)
        for name in names:
            reply = asyncio.run(server.answer(json.dumps({"do": name, "arguments": {}}).encode()))
            assert (reply.ok, reply.reason) == (False, "unknown_request")

    return attempt


def no_menu(*names: str) -> Attempt:
    """The technician's console asks the daemon by name; what it asks is among what the socket answers."""

    def attempt(_world: World) -> None:
        tree = ast.parse((ROOT / "provisioning/technician/console.py").read_text(encoding="utf-8"))
        asked = {
            call.args[0].value
            for call in ast.walk(tree)
            if isinstance(call, ast.Call)
            and ast.unparse(call.func) == "self._client.ask"
            and isinstance(call.args[0], ast.Constant)
        }
        answered = set(Deeds.__new__(Deeds).by_name())
        assert asked <= answered
        assert {"test-call", "reboot"} <= asked, "the console was looked at"
        assert not answered & set(names)
        written = {ast.unparse(call.func) for call in ast.walk(tree) if isinstance(call, ast.Call)}
        assert not written & {"Database.open", "open_serial_port", "approve"}

    return attempt


# ---- environment ----


@cache
def names_in(module: str) -> frozenset[str]:
    """Return every name that a module uses or imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / f"{module}.py").read_text(encoding="utf-8"))):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name):
                names.add(name)
            case ast.ImportFrom(names=imported):
                names.update(each.name for each in imported)
    return frozenset(names)


def nothing_read_by(*modules: str) -> Attempt:
    """Whatever keeps the line reads no variable."""

    def attempt(_world: World) -> None:
        for name in modules:
            assert not names_in(name) & {"environ", "environb", "getenv"}, name

    return attempt


# ---- the database, edited as somebody with a screwdriver would ----


class _Undone(Exception):
    def __init__(self, result: object) -> None:
        super().__init__()
        self.result = result


def undone(box: KeptBox, work: Callable[[Connection], Any]) -> Any:
    """Return what a piece of work returns, and take back all that it did."""

    def all_of_it(con: Connection) -> None:
        con.execute("PRAGMA defer_foreign_keys = ON")
        raise _Undone(work(con))

    try:
        box.database.run_now(all_of_it)
    except _Undone as done:
        return done.result
    raise AssertionError


def edited(box: KeptBox, statement: str, look: Callable[[Connection], Any]) -> Any:
    """Return what is seen after an edit, and take the edit back."""

    def work(con: Connection) -> Any:
        for row in con.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            con.execute(f"DROP TRIGGER {row['name']}")
        assert con.execute(statement), "the edit changes something"
        return look(con)

    return undone(box, work)


def judged(con: Connection, box: KeptBox, *, place: int = 1) -> Judged:
    contact = campaigns.get_contact(con, Rows().campaign().campaign, Rows().contact(f"k{place}").contact)
    assert contact is not None
    return box.judge.decide(con, contact, LINE, Point.PREDIAL, audio_ready=True)


def noticed(*statements: str) -> Attempt:
    """The check at the start finds the edit: nothing is dialled and the console is alarmed."""

    def attempt(world: World) -> None:
        assert world.box.database.run_now(world.box.judge.check_audit) == ""
        for statement in statements:
            assert edited(world.box, statement, world.box.judge.check_audit), statement
        world.box.database.run_now(world.box.judge.check_audit)

    return attempt


def a_contact_edited(rule: str, *changes: str, at: datetime = CALLED) -> Attempt:
    def attempt(world: World) -> None:
        world.box.now = at
        try:
            for change in changes:
                statement = f"UPDATE contact SET {change} WHERE contact = 'k1'"
                decision = edited(world.box, statement, lambda con: judged(con, world.box)).decision
                tried = {each.rule: each.passed for each in decision.tried}
                assert (decision.is_allowed, tried[rule]) == (False, False), change
        finally:
            world.box.now = CALLED

    return attempt


def a_flow_edited(flaw: str) -> Attempt:
    """Somebody writes a script of their own into a campaign: with the old digest, and with its own."""

    def attempt(_world: World) -> None:
        text = (HOSTILE / f"{flaw}.yaml").read_text(encoding="utf-8")
        other = (ROOT / "examples/overdue-reminder.yaml").read_text(encoding="utf-8")
        own = hashlib.sha256(text.encode()).hexdigest()
        campaign = replace(Rows().campaign(), flow_text=text, flow_sha256=own)
        for edit in (campaign, replace(campaign, flow_text=other)):
            with pytest.raises(FlowRefusedError):
                FlowBook().flow_of(edit)

    return attempt


def a_stored_code(world: World) -> None:
    for code in ('*123#",15\rAT+EGMR=1,7,"1"', "AT+EGMR", "112"):
        with pytest.raises(LocalProtocolError):
            check_ussd(code)
    for command in ('AT+EGMR=1,7,"356938035643809"', "AT+SIMEI=356938035643809", "AT^IMEI=356938035643809"):
        with pytest.raises(LocalProtocolError):
            check_command(command)


# ---- the clock ----


def a_suppression_from_the_future(world: World) -> None:
    entry = SuppressionEntry(
        number=world.scene.order.number, scope="number", reason="wrong_number", at=world.scene.now
    )
    for back in (timedelta(hours=1), timedelta(days=1)):
        refused(world.wide, "suppressed", suppressions=(entry,), at=world.scene.now - back)


# ---- replaced packs: sealed anew, approved, as wide as a pack can be ----


def no_pack_with(*rules: str) -> Attempt:
    """A pack has no word for it."""

    def attempt(_world: World) -> None:
        text = pack_texts()["cn.toml"]
        read_pack(text, source="cn")
        for rule in rules:
            with pytest.raises(PackError):
                read_pack(f"{text}\n{rule}\n", source="cn")

    return attempt


def widest(rule: str, **changes: Any) -> Attempt:
    def attempt(world: World) -> None:
        given = dict(changes)
        if "box" in given:
            fit = {"suppressions_confirmed_at": world.scene.now}
            given["box"] = replace(world.scene.box, **(fit | given["box"]))
        refused(world.wide, rule, **given)

    return attempt


def another_own_number(world: World) -> None:
    seen = world.scene.attempt(timedelta(days=20), line_number=E164("+8613700137000"))
    decision = world.wide.ask(attempts=(seen,))
    assert (decision.outcome, decision.rule) == (Outcome.DEFER, "one-caller-number")


def every_doubt(world: World) -> None:
    widest("clock", box={"clock_trusted": False})(world)
    widest("audit", box={"audit_healthy": False})(world)
    widest("suppression-lease", box={"suppressions_confirmed_at": None})(world)
    stale = {"suppressions_confirmed_at": world.scene.now - timedelta(days=8), "suppression_lease_s": 10**9}
    widest("suppression-lease", box=stale)(world)
