"""One box at a time may call a person, and a list is dealt out over boxes so that this stays so."""

import asyncio
import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from sqlalchemy import select

from console.campaigns import Terms, build_campaign
from console.command_push import PushOrder, push_command
from console.contacts_file import FileRow
from console.errors import CampaignError, CampaignRefusedError
from console.ledger import Arrival, Ledger
from console.ledger_tables import CONTACT
from console.office import Office
from console.owners import Lease, claim, deal, keys_of, leases, release
from console.payment_tables import OWNER
from console.sent_campaigns import begin_or_resume
from firmware.clock import SimulatedClock
from firmware.sync.messages import ContactRow
from firmware.sync.messages_state import BoxState, LineWire
from firmware.sync.topics import BoxTopics
from firmware.values import UuidV7

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=7)
LIST = Path(__file__).parents[2] / "examples" / "contacts.csv"


def row(place: int, person: str, *numbers: str) -> FileRow:
    given_numbers = list(numbers) or [f"+8613123456{place:03d}"]
    return FileRow(
        row=place + 2,
        contact=ContactRow(contact=f"c{place}", person=person, numbers=given_numbers, language="en"),
    )


@pytest.fixture
def ledger(new_ledger: Callable[[], Ledger]) -> Ledger:
    return new_ledger()


def take(
    ledger: Ledger, box: str, rows: list[FileRow], *, until: datetime = LATER, now: datetime = NOW
) -> None:
    with ledger.transaction() as connection:
        claim(connection, box, rows, until=until, now=now)


def held(ledger: Ledger, rows: list[FileRow], now: datetime = NOW) -> dict[str, str]:
    with ledger.reading() as connection:
        return {key[1]: lease.box for key, lease in leases(connection, rows, now).items()}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=25), st.data())
def test_people_and_numbers_are_never_dealt_to_two_boxes(
    pairs: list[tuple[int, int]], data: st.DataObject
) -> None:
    """However people share numbers, wherever some are held already, and whichever order the list has."""
    rows = [
        row(place, f"p{person}", f"+861312345600{number}") for place, (person, number) in enumerate(pairs)
    ]
    boxes = ("b1", "b2", "b3")
    first = deal(rows, boxes, {})
    where: dict[Any, set[str]] = {}
    for box, share in first.items():
        for each in share:
            for key in keys_of(each):
                where.setdefault(key, set()).add(box)
    assert all(len(at) == 1 for at in where.values())
    assert sorted(each.row for share in first.values() for each in share) == [each.row for each in rows]
    shuffled = deal(data.draw(st.permutations(rows)), boxes, {})
    assert {box: {each.row for each in share} for box, share in shuffled.items()} == {
        box: {each.row for each in share} for box, share in first.items()
    }
    known = {key: Lease(box=next(iter(at)), until_ms=1) for key, at in where.items()}
    kept = data.draw(st.lists(st.sampled_from(sorted(known)), unique=True))
    assert deal(rows, boxes[::-1], {key: known[key] for key in kept}) == {
        box: first[box] for box in boxes[::-1]
    }


def test_a_thousand_people_are_spread_evenly_and_a_third_box_takes_only_its_share() -> None:
    rows = [row(place, f"p{place}", f"+1{place:010d}") for place in range(1000)]
    two, three = deal(rows, ("b1", "b2"), {}), deal(rows, ("b1", "b2", "b3"), {})
    assert all(430 <= len(share) <= 570 for share in two.values())
    for box in ("b1", "b2"):
        assert {each.row for each in three[box]} <= {each.row for each in two[box]}


def test_whom_another_box_may_call_is_refused_by_row(ledger: Ledger) -> None:
    take(ledger, "b1", [row(0, "p0"), row(1, "p1")])
    rows = [row(1, "p1"), row(2, "p2"), row(3, "p3", "+8613123456000")]
    with ledger.reading() as connection:
        known = leases(connection, rows, NOW)
    with pytest.raises(CampaignError, match=r"2 row.*--box b2 --box b1") as caught:
        deal(rows, ("b2",), known)
    assert caught.value.details == (
        "row 3: b1 may call this person until 2026-11-09 02:00Z",
        "row 5: b1 may call this person until 2026-11-09 02:00Z",
    ), "the second one by the number that somebody else has"
    shares = deal(rows, ("b2", "b1"), known)
    assert [each.row for each in shares["b1"] if each.row != 4] == [3, 5]


def test_a_lease_ends_and_a_longer_one_is_not_shortened(ledger: Ledger) -> None:
    rows = [row(0, "p0")]
    take(ledger, "b1", rows)
    take(ledger, "b1", rows, until=NOW + timedelta(days=1))
    assert set(held(ledger, rows, NOW + timedelta(days=6)).values()) == {"b1"}
    assert held(ledger, rows, LATER) == {}
    take(ledger, "b2", rows, until=LATER + timedelta(days=1), now=LATER)
    assert set(held(ledger, rows, LATER).values()) == {"b2"}


def test_of_two_pushes_at_once_the_later_one_fails_whole(ledger: Ledger) -> None:
    take(ledger, "b1", [row(5, "p5")])
    with pytest.raises(CampaignError, match="meanwhile b1"):
        take(ledger, "b2", [row(4, "p4"), row(5, "p5")])
    assert held(ledger, [row(4, "p4")]) == {}


def begin(ledger: Ledger, campaign: str, rows: list[FileRow]) -> None:
    sent = build_campaign(
        rows, flow_text="flow: x\n", terms=Terms(campaign=campaign, name=campaign, expires_at=LATER),
        topics=BoxTopics("demo", "b1"), ids=UuidV7(), now=NOW,
    )  # fmt: skip
    with ledger.transaction() as connection:
        claim(connection, "b1", rows, until=LATER, now=NOW)
        begin_or_resume(connection, sent, pushed_at=NOW)


def test_recalled_people_are_free_once_no_list_of_the_box_holds_them(ledger: Ledger) -> None:
    """With every number of theirs, in whichever order the lists let go; one who shares a number keeps that number."""
    two = row(1, "p1", "+8613123456001", "+8613123456099")
    begin(ledger, "one", [two, row(2, "p2", "+8613123456099")])
    begin(ledger, "two", [two])

    def recalled(campaign: str, contact: str) -> set[str]:
        with ledger.transaction() as connection:
            release(connection, "b1", campaign, NOW, contact=contact)
        return set(held(ledger, [two, row(2, "p2", "+8613123456099")]))

    everybody = {"p1", "p2", "+8613123456001", "+8613123456099"}
    assert recalled("one", "c1") == everybody
    assert recalled("two", "c1") == {"p2", "+8613123456099"}
    assert recalled("one", "c2") == set()


def test_a_call_that_may_still_be_up_keeps_its_person_until_it_must_be_over(ledger: Ledger) -> None:
    people = [row(0, "p0")]
    begin(ledger, "one", people)
    line = LineWire(line="line-1", status="in_call", campaign="one", contact="c0", call="active")
    state = BoxState(id="s", at=NOW, status="online", boot="b", lines=[line])
    ledger.record([Arrival(box="b1", message=state)], seen_at=NOW)
    with ledger.transaction() as connection:
        assert release(connection, "b1", "one", NOW) == 2
    assert set(held(ledger, people, NOW + timedelta(minutes=14))) == {"p0", "+8613123456000"}
    assert held(ledger, people, NOW + timedelta(minutes=15)) == {}


def test_a_campaign_that_is_over_gives_up_whom_no_other_one_holds(ledger: Ledger) -> None:
    begin(ledger, "one", [row(0, "p0"), row(1, "p1")])
    begin(ledger, "two", [row(1, "p1")])
    with ledger.transaction() as connection:
        assert release(connection, "b1", "one", NOW) == 2, "a person and a number"
    assert set(held(ledger, [row(0, "p0"), row(1, "p1")])) == {"p1", "+8613123456001"}


@pytest.mark.usefixtures("broker")
def test_one_list_on_two_boxes_and_no_one_on_both(
    office: Office,
    play: Callable[[Office, str], AbstractAsyncContextManager[Any]],
    acks: Any,
    flow_file: Path,
) -> None:
    """A list is dealt out, pushed again to the same boxes, refused to a third, and freed where a box refuses it."""
    order = PushOrder(
        contacts=LIST,
        flow=flow_file,
        box="b1",
        other_boxes=("b2",),
        terms=Terms(campaign="nov", name="nov", expires_at=LATER),
        mapping={},
        patience_s=5.0,
        summary=None,
    )

    def push(wanted: PushOrder) -> Any:
        return push_command(office, wanted, clock=SimulatedClock(NOW), console=Console(file=io.StringIO()))

    def alone(campaign: str) -> PushOrder:
        terms = Terms(campaign=campaign, name=campaign, expires_at=LATER)
        return PushOrder(
            contacts=LIST, flow=flow_file, box="b2", terms=terms, mapping={}, patience_s=5.0, summary=None
        )

    async def story() -> None:
        async with play(office, "b1") as b1, play(office, "b2") as b2:
            b1.answer, b2.answer = acks(), acks(refuse="flow_refused")
            with pytest.raises(CampaignRefusedError, match="b2"):
                await push(order)
            with Ledger(office.ledger).reading() as connection:
                assert set(connection.execute(select(OWNER.c.box)).scalars()) == {"b1"}
            b2.answer = acks()
            await push(order)
            with pytest.raises(CampaignError, match="--box b2 --box b1"):
                await push(alone("dec"))

    asyncio.run(asyncio.wait_for(story(), 40))
    with Ledger(office.ledger).reading() as connection:
        people: dict[str, set[str]] = {}
        for each in connection.execute(select(CONTACT.c.person, CONTACT.c.box)):
            people.setdefault(each.person, set()).add(each.box)
    assert all(len(boxes) == 1 for boxes in people.values())
    assert {box for boxes in people.values() for box in boxes} == {"b1", "b2"}
