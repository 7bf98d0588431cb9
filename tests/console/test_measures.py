"""Figures of calls, promises and money, on either database."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from console import contact_measures, measures
from console.ledger import Arrival, Ledger
from console.ledger_tables import CAMPAIGN, CONTACT
from console.measures import Dimension, Scope
from firmware.clock import to_ms
from firmware.sync.messages import MoneyWire, OutcomeMessage, PromiseWire, Refusals
from firmware.values import Disposition

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
"""A Monday, 10:00 in Shanghai."""
SHANGHAI, KATHMANDU = ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Kathmandu")
TODAY = date(2026, 11, 20)
Outcome = Callable[..., OutcomeMessage]


def promise(minor: int, due: str, currency: str = "CNY") -> PromiseWire:
    return PromiseWire(due=date.fromisoformat(due), amount=MoneyWire(minor, currency), confirmed=True)


@pytest.fixture
def ledger(new_ledger: Callable[[], Ledger], outcome: Outcome) -> Ledger:
    """Two boxes and flows; four contacts of the six sent were tried."""
    talked: dict[str, Any] = {"answered_at": NOW, "reached": True, "talk_ms": 20_000, "first_word_ms": 810}
    right = talked | {"right_party": True, "flow": "remind", "flow_version": 3}
    hour = timedelta(hours=1)
    b1 = [
        outcome(1, contact="c1"),
        outcome(2, contact="c1", disposition=Disposition.PROMISE_FULL, promise=promise(500, "2026-11-10"), **right),
        outcome(
            3, contact="c2", disposition=Disposition.PROMISE_FULL, promise=promise(700, "2026-11-19"),
            **right | {"reserved_at": NOW + 6 * hour, "first_word_ms": 1490},
        ),
        outcome(4, contact="c3", disposition=Disposition.OPT_OUT, suppressed="person", **talked),
    ]  # fmt: skip
    b2: list[OutcomeMessage | Refusals] = [
        outcome(
            1, campaign="dec", contact="c4", disposition=Disposition.PROMISE_FULL,
            promise=promise(9, "2026-11-05", "JPY"), **right | {"reserved_at": NOW + 25 * hour, "flow_version": 4, "first_word_ms": None},
        ),
        Refusals(id="r1", at=NOW, stream="s1", seq=2, campaign="dec", contact="c5", verdict="defer", rule="CN-WIN-1"),
        Refusals(id="r2", at=NOW + hour, stream="s1", seq=3, campaign="dec", contact="c5", verdict="defer", rule="CN-WIN-1"),
        Refusals(id="r3", at=NOW, stream="s1", seq=4, campaign="dec", contact="c6", verdict="refuse", rule="ALL-STS-1"),
    ]  # fmt: skip
    made = new_ledger()
    arrivals = [Arrival(box=box, message=each) for box, sent in (("b1", b1), ("b2", b2)) for each in sent]
    made.record(arrivals, seen_at=NOW)
    with made.transaction() as connection:
        for box, campaign, contacts in (("b1", "nov", ("c1", "c2", "c3")), ("b2", "dec", ("c4", "c5", "c6"))):
            connection.execute(
                insert(CAMPAIGN).values(
                    box=box, campaign=campaign, name=campaign, digest="", contacts=len(contacts), batches=1,
                    expires_at=to_ms(NOW), pushed_at=to_ms(NOW - timedelta(days=3)),
                )
            )  # fmt: skip
            for place, contact in enumerate(contacts):
                connection.execute(
                    insert(CONTACT).values(
                        box=box, campaign=campaign, contact=contact, place=place, row=place, person=contact,
                        number="+8613123456789", status="open",
                    )
                )  # fmt: skip
    return made


def test_rates_and_money_of_everything(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        found = measures.totals(connection, today=TODAY)
    assert (found.attempts, found.answered, found.reached, found.right_party) == (5, 4, 4, 3)
    assert (found.promises, found.kept, found.broken) == (3, 0, 2), "the promise of the 19th has grace left"
    assert found.promised == {"CNY": 1200, "JPY": 9}
    assert (found.connect_rate, found.promise_rate, found.mean_talk_ms) == (0.8, 1.0, 20_000)
    assert (found.kept_rate, found.opt_outs_per_10000, found.complaints_per_10000) == (0.0, 2000.0, 0.0)


def test_nothing_has_no_rates(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        found = measures.totals(connection, Scope(campaign="none"), today=TODAY)
    assert (found.attempts, found.connect_rate, found.kept_rate) == (0, None, None)


@pytest.mark.parametrize(
    ("scope", "attempts"),
    [
        (Scope(box="b2"), 1),
        (Scope(campaign="nov"), 4),
        (Scope(flow="remind", flow_version=3), 2),
        (Scope(since=NOW + timedelta(hours=1)), 2),
        (Scope(since=NOW, until=NOW + timedelta(hours=6)), 3),
    ],
)
def test_a_scope_is_a_part(ledger: Ledger, scope: Scope, attempts: int) -> None:
    with ledger.reading() as connection:
        assert measures.totals(connection, scope, today=TODAY).attempts == attempts


@pytest.mark.parametrize(
    ("dimension", "zone", "attempts"),
    [
        (Dimension.CAMPAIGN, SHANGHAI, {"dec": 1, "nov": 4}),
        (Dimension.FLOW, SHANGHAI, {"(none) v0": 2, "remind v3": 2, "remind v4": 1}),
        (Dimension.BOX, SHANGHAI, {"b1": 4, "b2": 1}),
        (Dimension.LINE, SHANGHAI, {"b1/line-1": 4, "b2/line-1": 1}),
        (Dimension.HOUR, SHANGHAI, {"10": 3, "11": 1, "16": 1}),
        (Dimension.HOUR, KATHMANDU, {"07": 3, "08": 1, "13": 1}),
        (Dimension.WEEKDAY, SHANGHAI, {"1": 4, "2": 1}),
        (Dimension.DAY, ZoneInfo("America/New_York"), {"2026-11-01": 3, "2026-11-02": 2}),
        (Dimension.MONTH, ZoneInfo("America/New_York"), {"2026-11": 5}),
    ],
)
def test_figures_stand_side_by_side(
    ledger: Ledger, dimension: Dimension, zone: ZoneInfo, attempts: dict[str, int]
) -> None:
    with ledger.reading() as connection:
        found = measures.by(connection, dimension, zone=zone, today=TODAY)
        whole = measures.totals(connection, today=TODAY)
    assert {group.key: group.measures.attempts for group in found} == attempts
    assert sum(group.measures.promises for group in found) == whole.promises
    assert sum(group.measures.promised.get("CNY", 0) for group in found) == whole.promised["CNY"]


def test_an_hour_of_the_week_has_a_cell(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        cells = measures.heat_map(connection, zone=SHANGHAI, today=TODAY)
    assert [(cell.weekday, cell.hour, cell.measures.attempts) for cell in cells] == [
        (1, 10, 3), (1, 16, 1), (2, 11, 1),
    ]  # fmt: skip


def test_a_contact_is_in_the_funnel_once(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        stages = contact_measures.funnel(connection)
        of_flow = contact_measures.funnel(connection, Scope(flow="remind"))
    assert {stage.name: stage.contacts for stage in stages} == {
        "sent": 6, "attempted": 4, "answered": 4, "reached": 4, "right_party": 3, "promised": 3, "kept": 0,
    }  # fmt: skip
    assert stages[0].of_before is None
    assert stages[1].of_before == pytest.approx(4 / 6)
    assert of_flow[0].name == "attempted"


def test_cohorts_fill_week_by_week(ledger: Ledger, outcome: Outcome) -> None:
    late = outcome(
        5, contact="c1", right_party=True, reached=True, answered_at=NOW, reserved_at=NOW + timedelta(days=20)
    )
    later = outcome(
        6, contact="c3", right_party=True, reached=True, answered_at=NOW, reserved_at=NOW + timedelta(days=8)
    )
    ledger.record([Arrival(box="b1", message=each) for each in (late, later)], seen_at=NOW)
    with ledger.reading() as connection:
        [cohort] = contact_measures.cohorts(connection, zone=SHANGHAI, weeks=3)
        day = timedelta(days=1)
        of_days = contact_measures.cohorts(
            connection, zone=SHANGHAI, weeks=3, pushed=(NOW - 4 * day, NOW - day)
        )
        none = contact_measures.cohorts(connection, zone=SHANGHAI, weeks=3, pushed=(NOW - 2 * day, NOW))
    assert (cohort.week, cohort.contacts) == ("2026-10-26", 6)
    assert (of_days, none) == ([cohort], [])
    assert (cohort.right_party, cohort.promised) == ([3, 4, 4], [3, 3, 3])


def test_rules_are_counted_by_refusal_and_contact(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        found = contact_measures.refusals(connection)
        none = contact_measures.refusals(connection, Scope(box="b1"))
    assert [(each.rule, each.refusals, each.contacts) for each in found] == [
        ("CN-WIN-1", 2, 1), ("ALL-STS-1", 1, 1),
    ]  # fmt: skip
    assert none == []


def test_one_look_agrees_with_the_single_ones(ledger: Ledger) -> None:
    scope = Scope(since=NOW - timedelta(hours=2), until=NOW + timedelta(days=3))
    with ledger.reading() as connection:
        whole = measures.calendar(connection, scope, zone=SHANGHAI, today=TODAY)
        assert whole.total == measures.totals(connection, scope, today=TODAY)
        assert whole.cells == measures.heat_map(connection, scope, zone=SHANGHAI, today=TODAY)
        for dimension, groups in (
            (Dimension.HOUR, whole.hours),
            (Dimension.WEEKDAY, whole.weekdays),
            (Dimension.DAY, [each for each in whole.days if each.measures.attempts]),
        ):
            assert groups == measures.by(connection, dimension, scope, zone=SHANGHAI, today=TODAY)
    assert [each.key for each in whole.days] == ["2026-11-02", "2026-11-03", "2026-11-04", "2026-11-05"]


def test_how_long_they_waited_for_the_first_word(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        found = measures.first_word(connection)
        none = measures.first_word(connection, Scope(box="b2"))
        mean = measures.totals(connection, today=TODAY).mean_first_word_ms
    assert (found.calls, found.median_ms, found.p95_ms) == (3, 850, 1500)
    assert (none.calls, none.median_ms, none.p95_ms) == (0, None, None)
    assert mean == pytest.approx((810 + 810 + 1490) / 3)


def test_people_are_counted_once(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        assert contact_measures.people_called(connection, Scope(campaign="nov")) == 4
        assert contact_measures.people_called(connection, Scope(campaign="none")) == 0
