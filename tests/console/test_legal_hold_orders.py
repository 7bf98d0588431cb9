"""A legal hold of the office: signed, to the boxes that have what it covers, told again until they answer, lifted once."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.elsewhere import untold
from console.errors import ConsoleError
from console.ledger import Arrival, Ledger
from console.ledger_tables import CAMPAIGN, CONTACT
from console.legal_holds import (
    HoldOrder,
    LiftOrder,
    boxes_with,
    every_hold,
    order_hold,
    order_lift,
    unanswered,
)
from console.office import Office
from firmware.sync.messages import Ack, Control, Downlink, OutcomeMessage
from tests.console.command_line import said

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=11)
Playing = Callable[[Office, str], AbstractAsyncContextManager[Any]]
Outcome = Callable[..., OutcomeMessage]
ORDER = HoldOrder(
    hold="h1", scope="person", subject="p1", by="Li Wei", reason="case 7", at=NOW, boxes=["b1", "b2"]
)
LIFT = LiftOrder(lift="l1", hold="h1", by="Li Wei", reason="settled", at=NOW)


def filled(ledger: Ledger, outcome: Outcome) -> Ledger:
    with ledger.transaction() as rows:
        rows.execute(
            CAMPAIGN.insert(),
            {"box": "b1", "campaign": "nov", "name": "n", "digest": "d", "contacts": 1, "batches": 1,
             "expires_at": 0, "pushed_at": 0},
        )  # fmt: skip
        rows.execute(
            CONTACT.insert(),
            {"box": "b1", "campaign": "nov", "contact": "c01", "place": 0, "row": 2, "person": "p1",
             "number": "+8613123456701", "debt": "d01", "status": "open"},
        )  # fmt: skip
    call = outcome(1, person="p1", recording="r1", recording_sha256="ab" * 32)
    ledger.record([Arrival(box="b2", message=call)], seen_at=NOW)
    return ledger


def answer(message: Control, *, reason: str = "") -> Ack:
    return Ack(
        id=f"a-{message.id}", at=NOW, stream="s1", seq=9, about=message.id, kind="control",
        accepted=not reason, reason=reason,
    )  # fmt: skip


def test_the_boxes_that_have_it_are_found(new_ledger: Callable[[], Ledger], outcome: Outcome) -> None:
    with filled(new_ledger(), outcome).reading() as rows:
        assert boxes_with(rows, "person", "p1") == ["b1", "b2"]
        assert boxes_with(rows, "campaign", "nov") == ["b1", "b2"]
        assert boxes_with(rows, "recording", "r1") == ["b2"]
        assert boxes_with(rows, "recording", "r2") == []


def test_a_box_is_told_until_it_answers_and_the_order_counts_for_nothing_else(
    new_ledger: Callable[[], Ledger], outcome: Outcome
) -> None:
    ledger = filled(new_ledger(), outcome)

    def due(box: str, now: datetime) -> list[Control]:
        with ledger.transaction() as rows:
            return unanswered(rows, box, now)

    def standings() -> list[str]:
        with ledger.reading() as rows:
            (shown,) = every_hold(rows)
        return [each.standing for each in shown.boxes]

    with ledger.transaction() as rows:
        order_hold(rows, ORDER)
    (hold,) = due("b1", NOW)
    assert (hold.action, hold.person, hold.by, hold.reason) == ("hold", "p1", "Li Wei", "case 7")
    assert due("b1", NOW) == [], "it has some minutes to answer"
    assert due("b1", LATER) == [hold], "the same again"
    assert due("b3", NOW) == []
    ledger.record([Arrival(box="b1", message=answer(hold))], seen_at=NOW)
    assert due("b1", LATER + timedelta(hours=1)) == []
    assert standings() == ["in force", "no answer yet"]
    with ledger.transaction() as rows:
        order_lift(rows, LIFT)
        contacts, people = untold(rows, "b1", NOW)
        assert (contacts, people) == ({}, {}), "an order is no fact of the person"
    (lift,) = due("b1", LATER + timedelta(hours=1))
    assert (lift.action, lift.hold) == ("release", "h1")
    ledger.record([Arrival(box="b1", message=answer(lift, reason="unknown_hold"))], seen_at=NOW)
    assert standings() == ["lifted", "no answer yet"], "somebody released it at the box"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"by": " "}, "--by"),
        ({"reason": ""}, "--reason"),
        ({"reason": "one\ntwo"}, "--reason"),
        ({"boxes": []}, "--everywhere"),
    ],
)
def test_an_order_names_somebody_a_reason_and_a_box(
    new_ledger: Callable[[], Ledger], changes: dict[str, Any], text: str
) -> None:
    fields = {name: getattr(ORDER, name) for name in ORDER.__struct_fields__}
    with new_ledger().transaction() as rows, pytest.raises(ConsoleError, match=text):
        order_hold(rows, HoldOrder(**(fields | changes)))


def test_what_is_not_in_force_cannot_be_lifted(new_ledger: Callable[[], Ledger]) -> None:
    ledger = new_ledger()
    with ledger.transaction() as rows:
        with pytest.raises(ConsoleError, match="hold list"):
            order_lift(rows, LIFT)
        order_hold(rows, ORDER)
        order_lift(rows, LIFT)
        again = LiftOrder(lift="l2", hold="h1", by="Li Wei", reason="again", at=NOW)
        with pytest.raises(ConsoleError, match="hold list"):
            order_lift(rows, again)


@pytest.mark.usefixtures("broker")
def test_place_list_and_lift_at_a_terminal(
    office: Office, play: Playing, outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(Ledger(office.ledger), outcome).close()
    heard: list[Control] = []

    def replies(message: Downlink) -> Ack | None:
        if not isinstance(message, Control):
            return None
        heard.append(message)
        return answer(message)

    async def story() -> None:
        async def hold(*arguments: str) -> tuple[int, str, str]:
            return await asyncio.to_thread(said, capsys, "--office", office.folder, "hold", *arguments)

        words = ("--by", "Li Wei", "--reason", "case 7")
        async with play(office, "b2") as box:
            box.answer = replies
            code, out, _ = await hold("place", "--recording", "r1", *words, "--json")
            assert code == 0
            shown = json.loads(out)
            assert shown["boxes"] == [{"box": "b2", "standing": "in force", "detail": ""}]
            name = shown["order"]["hold"]
            assert f"{name}  recording r1, by Li Wei" in (await hold("list"))[1]
            code, out, _ = await hold("lift", name, "--by", "Li Wei", "--reason", "settled", "--json")
            assert (code, json.loads(out)["boxes"][0]["standing"]) == (0, "lifted")
        assert json.loads((await hold("list", "--json"))[1]) == []
        assert [each["order"]["hold"] for each in json.loads((await hold("list", "--all", "--json"))[1])] == [
            name
        ]
        code, _, err = await hold("place", "--person", "p1", "--box", "b1", "--wait", "0.2", *words)
        assert (code, "`watch` tells it again" in " ".join(err.split())) == (3, True)
        assert (await hold("place", "--person", "nobody", *words))[0] == 1
        assert (await hold("place", *words))[0] == 2

    asyncio.run(asyncio.wait_for(story(), 60))
    assert [(each.action, each.recording) for each in heard] == [("hold", "r1"), ("release", None)]
