"""Who is due, in which order, and when somebody will be: against a plain reading of the rules."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.store import campaigns, contacts, today
from firmware.store.campaigns import CampaignState, ContactState, StoredCampaign, StoredContact
from firmware.store.connection import Connection
from firmware.store.database import Database
from firmware.store.errors import StoreConflictError
from firmware.values import CampaignId, ContactId, Disposition
from tests.firmware.store.store_rows import NOW, Rows, add_contacts

C1, K1 = CampaignId("c1"), ContactId("k1")
hours = st.integers(-3, 3)
maybe_hours = st.none() | hours


Lists = tuple[list[dict[str, Any]], list[dict[str, Any]], bool]


@st.composite
def lists(draw: st.DrawFn) -> Lists:
    """Two campaigns and up to eight contacts, with times in hours from now."""
    some_campaigns = [
        {
            "state": draw(st.sampled_from(["ready", "ready", "paused", "receiving"])),
            "starts_at": draw(maybe_hours),
            "expires_at": draw(st.integers(-1, 4)),
        }
        for _ in range(2)
    ]
    some_contacts = [
        {
            "campaign": draw(st.integers(0, 1)),
            "priority": draw(st.integers(0, 2)),
            "not_before": draw(maybe_hours),
            "expires_at": draw(maybe_hours),
            "then": draw(st.sampled_from(["open", "open", "waiting", "in_call", "done", "recalled"])),
            "until": draw(hours),
        }
        for _ in range(draw(st.integers(0, 8)))
    ]
    return some_campaigns, some_contacts, draw(st.booleans()) and draw(st.booleans())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_lists=lists(), limit=st.integers(1, 9))
def test_due_is_what_the_rules_say(
    new_database: Callable[[], Database], rows: Rows, given_lists: Lists, limit: int
) -> None:
    some_campaigns, some_contacts, stopped = given_lists
    database = new_database()

    def at(offset: int | None) -> datetime | None:
        return None if offset is None else rows.now + timedelta(hours=offset)

    def write(con: Connection) -> None:
        for index, one in enumerate(some_campaigns):
            campaign = rows.campaign(
                f"c{index}",
                state=CampaignState(one["state"]),
                starts_at=at(one["starts_at"]),
                expires_at=at(one["expires_at"]),
            )
            campaigns.add_campaign(con, campaign, raw=b"", received_at=rows.now)
        for index, one in enumerate(some_contacts):
            name, campaign_name = ContactId(f"k{index}"), CampaignId(f"c{one['campaign']}")
            contact = rows.contact(
                name,
                campaign_name,
                row=index,
                priority=one["priority"],
                not_before=at(one["not_before"]),
                expires_at=at(one["expires_at"]),
            )
            add_contacts(con, [contact])
            match one["then"]:
                case "waiting":
                    campaigns.set_waiting(con, campaign_name, name, rows.now + timedelta(hours=one["until"]))
                case "in_call":
                    campaigns.set_in_call(con, campaign_name, name)
                case "done":
                    campaigns.set_done(con, campaign_name, name, Disposition.OPT_OUT)
                case "recalled":
                    campaigns.recall(con, name, campaign_name)
        campaigns.set_stopped(con, stopped)

    def plainly_due(hour: float) -> list[str]:
        found = []
        for index, one in enumerate(some_contacts):
            campaign = some_campaigns[one["campaign"]]
            due_h = one["until"] if one["then"] == "waiting" else one["not_before"]
            if (
                not stopped
                and campaign["state"] == "ready"
                and (campaign["starts_at"] is None or campaign["starts_at"] <= hour)
                and campaign["expires_at"] > hour
                and one["then"] in {"open", "waiting"}
                and (one["expires_at"] is None or one["expires_at"] > hour)
                and (due_h is None or due_h <= hour)
            ):
                found.append((-one["priority"], -1000 if due_h is None else due_h, index))
        return [f"k{index}" for _, _, index in sorted(found)]

    asyncio.run(database.transact(write))
    due = asyncio.run(database.read(lambda con: campaigns.due_contacts(con, rows.now, limit)))
    assert [contact.contact for contact in due] == plainly_due(0)[:limit]
    next_at = asyncio.run(database.read(lambda con: campaigns.next_due_at(con, rows.now)))
    # Times are whole hours, so a look every half hour sees every change.
    first = next((half / 2 for half in range(0, 16) if plainly_due(half / 2)), None)
    if first is None:
        # What expires before it is due may be announced, never the other way round.
        assert next_at is None or not plainly_due((next_at - rows.now) / timedelta(hours=1))
        assert next_at != rows.now, "whoever wakes now would wake for ever"
    else:
        assert next_at is not None
        assert next_at <= rows.now + timedelta(hours=first)
        if first == 0:
            assert next_at == rows.now
    database.close_now()


def test_everything_about_a_contact_comes_back(database: Database, rows: Rows) -> None:
    contact = rows.contact(
        region="CN-GD",
        time_zone="Asia/Shanghai",
        debt="d9",
        consents=("recording", "automated"),
        vars={
            "callee_name": "王小明",
            "amount_due": {"minor": 123450, "currency": "CNY"},
            "n": [1, None, True],
        },
        priority=7,
        not_before=rows.now,
        expires_at=rows.now + timedelta(days=1),
        row=41,
    )
    asyncio.run(database.transact(lambda con: rows.seed(con, contact)))
    assert asyncio.run(database.read(lambda con: campaigns.get_contact(con, C1, K1))) == contact


def test_numbers_and_variables_do_not_show_in_a_repr(rows: Rows) -> None:
    assert "3123456789" not in repr(rows.contact())
    assert "王小明" not in repr(rows.contact())
    assert "3123456789" not in repr(rows.reservation())


def test_a_contact_in_a_call_cannot_be_taken_for_another(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> None:
        rows.seed(con)
        campaigns.set_in_call(con, C1, K1)
        campaigns.set_in_call(con, C1, K1)

    with pytest.raises(StoreConflictError, match="must not be called"):
        asyncio.run(database.transact(work))


def test_a_contact_recalled_during_its_call_stays_recalled(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> tuple[bool, bool, StoredContact | None]:
        rows.seed(con)
        campaigns.set_in_call(con, C1, K1)
        assert campaigns.recall(con, K1) == 1
        waiting = campaigns.set_waiting(con, C1, K1, rows.now, Disposition.BUSY)
        done = campaigns.set_done(con, C1, K1, Disposition.PROMISE_FULL)
        return waiting, done, campaigns.get_contact(con, C1, K1)

    waiting, done, contact = asyncio.run(database.transact(work))
    assert (waiting, done) == (False, False)
    assert contact is not None
    assert contact.state is ContactState.RECALLED


def test_a_refusal_by_the_gate_keeps_what_the_last_call_came_to(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> StoredContact | None:
        rows.seed(con)
        campaigns.set_waiting(con, C1, K1, rows.now, Disposition.BUSY)
        campaigns.set_waiting(con, C1, K1, rows.now + timedelta(hours=1), None, "ALL-WIN-1")
        return campaigns.get_contact(con, C1, K1)

    contact = asyncio.run(database.transact(work))
    assert contact is not None
    assert (contact.disposition, contact.rule) == (Disposition.BUSY, "ALL-WIN-1")
    assert contact.waiting_until == rows.now + timedelta(hours=1)


def test_a_campaign_is_ready_when_its_last_batch_is_in_and_done_when_nobody_is_left(
    database: Database, rows: Rows
) -> None:
    seen: list[object] = []

    def state(con: Connection) -> CampaignState:
        campaign = campaigns.get_campaign(con, C1)
        assert campaign is not None
        return campaign.state

    def work(con: Connection) -> None:
        campaign: StoredCampaign = rows.campaign(state=CampaignState.RECEIVING, batches=2)
        campaigns.add_campaign(con, campaign, raw=b"", received_at=rows.now)
        campaigns.record_batch(con, C1, 1, taken=1, rejected=0, received_at=rows.now)
        add_contacts(con, [rows.contact()])
        seen.append((state(con), campaigns.batch_missing(con, C1)))
        campaigns.record_batch(con, C1, 0, taken=0, rejected=3, received_at=rows.now)
        seen.append((state(con), campaigns.batch_missing(con, C1)))
        seen.append(campaigns.finish_completed(con, rows.now))
        campaigns.set_in_call(con, C1, K1)
        seen.append(campaigns.finish_completed(con, rows.now))
        campaigns.set_done(con, C1, K1, Disposition.PROMISE_FULL)
        seen.append(campaigns.finish_completed(con, rows.now))
        seen.append(state(con))

    asyncio.run(database.transact(work))
    assert seen == [("receiving", [0]), ("ready", []), [], [], ["c1"], "done"]


def test_an_expired_campaign_ends_and_nothing_opens_it_again(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> None:
        rows.seed(con)
        assert campaigns.expire(con, rows.now + timedelta(days=29)) == []
        assert campaigns.expire(con, rows.now + timedelta(days=30)) == ["c1"]
        campaigns.set_state(con, C1, CampaignState.READY)

    with pytest.raises(StoreConflictError, match="over"):
        asyncio.run(database.transact(work))


def test_who_is_known_and_who_is_left(database: Database, rows: Rows) -> None:
    def work(con: Connection) -> int:
        rows.seed(con, rows.contact("k1"), rows.contact("k2"), rows.contact("k3"))
        campaigns.set_done(con, C1, K1, Disposition.OPT_OUT)
        assert contacts.known_contacts(con, C1, [K1, ContactId("none")]) == {K1}
        return today.waiting(con).contacts

    assert asyncio.run(database.transact(work)) == 2


@pytest.mark.parametrize("index", ["contact_next", "contact_in_call"])
def test_a_campaign_is_found_to_be_over_without_reading_its_list(database: Database, index: str) -> None:
    """It is asked after every call, of lists of 100 000."""
    statements: list[str] = []
    database._sqlite.set_trace_callback(statements.append)
    database.run_now(lambda con: campaigns.finish_completed(con, NOW))
    database._sqlite.set_trace_callback(None)
    (asked,) = [each for each in statements if each.startswith("UPDATE campaign")]
    plan = " ".join(row[3] for row in database._sqlite.execute(f"EXPLAIN QUERY PLAN {asked}"))
    assert f"USING INDEX {index} " in plan or f"USING COVERING INDEX {index} " in plan, plan
