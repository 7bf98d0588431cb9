from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firmware.compliance import (
    Approval,
    BoxState,
    CallOrder,
    Decision,
    Gate,
    History,
    PackLibrary,
    PastAttempt,
    Point,
    SuppressionEntry,
    load_packs,
)
from firmware.compliance.pack import Pack, read_pack
from firmware.values import E164, PersonId

MONDAY_10_CST = datetime(2026, 11, 23, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Scene:
    """A lawful call on Monday 2026-11-23 10:00 in Shanghai, to be changed in one respect at a time."""

    gate: Gate
    order: CallOrder
    box: BoxState
    now: datetime

    def ask(
        self,
        *,
        attempts: tuple[PastAttempt, ...] = (),
        suppressions: tuple[SuppressionEntry, ...] = (),
        at: datetime | None = None,
        point: Point = Point.PREDIAL,
        box: BoxState | None = None,
        **changes: Any,
    ) -> Decision:
        now = self.now if at is None else at
        fresh = box or replace(self.box, suppressions_confirmed_at=now)
        history = History(attempts=attempts, suppressions=suppressions)
        return self.gate.decide(replace(self.order, **changes), history, fresh, now, point)

    def attempt(self, ago: timedelta = timedelta(0), **changes: Any) -> PastAttempt:
        made = PastAttempt(
            person=self.order.person,
            debt=self.order.debt,
            number=self.order.number,
            line_number=self.order.caller_number,
            reserved_at=self.now - ago,
            connected=False,
            conversation=False,
            disposition="no_answer",
        )
        return replace(made, **changes)


def _approve_all(library: PackLibrary) -> Gate:
    return Gate(
        library, [Approval(pack=p.pack.id, version=p.pack.version, by="Li Na") for p in library.packs]
    )


@pytest.fixture(scope="session")
def approve_all() -> Callable[[PackLibrary], Gate]:
    return _approve_all


@pytest.fixture(scope="session")
def library() -> PackLibrary:
    return load_packs()


@pytest.fixture(scope="session")
def scene(library: PackLibrary) -> Scene:
    order = CallOrder(
        campaign="autumn",
        contact="row-1",
        person=PersonId("person-1"),
        debt="loan-1",
        number=E164("+8613800138000"),
        region="CN-GD",
        time_zone=None,
        status="open",
        consents=(),
        max_call_s=300,
        language="zh-CN",
        caller_number=E164("+8613900139000"),
    )
    box = BoxState(
        clock_trusted=True,
        clock_reason="",
        suppressions_confirmed_at=MONDAY_10_CST,
        suppression_lease_s=86400,
        audit_healthy=True,
        audio_ready=True,
    )
    return Scene(gate=_approve_all(library), order=order, box=box, now=MONDAY_10_CST)


PACK_HEAD = """
schema = 1
[pack]
id = "{id}"
version = 1
title = "test"
layer = "{layer}"
{jurisdiction}
status = "published"
effective_from = 2026-01-01
review_by = 2027-11-30
[[citation]]
rule = "all"
force = "product"
source = "this test"
checked = 2026-11-21
confidence = "product"
"""


@pytest.fixture(scope="session")
def make_pack() -> Callable[..., Pack]:
    """A pack by id, layer, jurisdiction and the TOML of its rules."""

    def make(id: str, rules: str = "", *, layer: str = "tenant", places: tuple[str, ...] = ()) -> Pack:
        jurisdiction = f"jurisdiction = {list(places)}" if places else ""
        return read_pack(PACK_HEAD.format(id=id, layer=layer, jurisdiction=jurisdiction) + rules, source=id)

    return make


@pytest.fixture(scope="session")
def scene_with(scene: Scene, library: PackLibrary) -> Callable[..., Scene]:
    """The scene under the shipped packs and some more, all approved."""

    def make(*packs: Pack) -> Scene:
        return replace(scene, gate=_approve_all(PackLibrary([*library.packs, *packs])))

    return make
