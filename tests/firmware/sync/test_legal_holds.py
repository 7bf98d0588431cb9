"""The console sets and releases legal holds by signed messages; nobody else does."""

import asyncio
from typing import Any

import pytest

from firmware.store import legal_holds
from tests.firmware.sync.sync_world import BoxSide, Console

WHO: dict[str, str] = {"by": "Chen Jing", "reason": "case 7"}


async def holds(box: BoxSide) -> list[legal_holds.LegalHold]:
    return await box.database.read(legal_holds.list_holds)


def test_a_hold_is_set_once_and_released_by_the_id_of_its_message(box: BoxSide, console: Console) -> None:
    async def story() -> None:
        order = console.control("hold", person="p1", **WHO)
        await box.tell(order)
        await box.tell(order)
        (held,) = await holds(box)
        assert (held.hold, held.scope, held.subject, held.by, held.source) == (
            order.id, "person", "p1", "Chen Jing", "console",
        )  # fmt: skip
        assert await box.database.read(lambda con: legal_holds.is_person_held(con, "p1"))
        await box.tell(console.control("release", hold=order.id, **WHO))
        (held,) = await holds(box)
        assert (held.is_in_force, held.release_reason) == (False, "case 7")
        await box.tell(console.control("release", hold=order.id, **WHO))
        assert (await box.acks())[-1].reason == "unknown_hold"

    asyncio.run(story())


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"person": "p1", "reason": "case"}, "$.by"),
        ({"person": "p1", "by": "Chen", "reason": " "}, "$.reason"),
        ({**WHO}, "one of"),
        ({**WHO, "person": "p1", "campaign": "c1"}, "one of"),
    ],
)
def test_a_hold_of_nobody_or_for_no_reason_is_refused(
    box: BoxSide, console: Console, fields: dict[str, Any], path: str
) -> None:
    async def story() -> None:
        await box.tell(console.control("hold", **fields))
        answer = (await box.acks())[-1]
        assert (answer.accepted, answer.reason, path in answer.detail) == (False, "malformed", True)
        assert await holds(box) == []

    asyncio.run(story())
