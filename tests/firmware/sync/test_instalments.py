"""The instalments of a plan: their days, and a last one that is what is left."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.dialogue.plan_terms import plan_terms
from firmware.dialogue.speaking import fraction_vocabulary, piece_vocabulary, speak_in_pieces
from firmware.sync.instalments import payments
from firmware.values import Money


@pytest.mark.parametrize(
    ("first", "every", "days"),
    [
        (date(2026, 12, 7), "week", ["2026-12-07", "2026-12-14", "2026-12-21"]),
        (date(2026, 12, 21), "fortnight", ["2026-12-21", "2027-01-04", "2027-01-18"]),
        (date(2026, 12, 31), "month", ["2026-12-31", "2027-01-31", "2027-02-28"]),
        (date(2028, 1, 30), "month", ["2028-01-30", "2028-02-29", "2028-03-30"]),
    ],
)
def test_the_days_of_a_plan(first: date, every: str, days: list[str]) -> None:
    plan = payments(first, 3, every, Money(20600, "CNY"), Money(61650, "CNY"))
    assert [due.isoformat() for due, _part in plan] == days
    assert [part.minor for _due, part in plan] == [20600, 20600, 20450]


def test_without_a_total_all_instalments_are_alike() -> None:
    plan = payments(date(2026, 12, 7), 2, "week", Money(500, "JPY"), None)
    assert [part for _due, part in plan] == [Money(500, "JPY")] * 2


@given(total=st.integers(1, 10**9), count=st.integers(2, 36), currency=st.sampled_from(["CNY", "JPY", "USD"]))
def test_what_is_agreed_adds_up_to_what_is_owed(total: int, count: int, currency: str) -> None:
    owed = Money(total, currency)
    terms = plan_terms(owed, count, most=None, least=None)
    if terms is None:
        return
    plan = payments(date(2026, 1, 31), count, "month", terms.each, owed)
    assert sum(part.minor for _due, part in plan) == total
    assert plan[-1][1] == terms.last
    assert 0 < terms.last.minor <= terms.each.minor


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@given(minor=st.integers(1, 99_999_999), currency=st.sampled_from(["CNY", "JPY", "USD"]))
def test_a_last_instalment_can_always_be_said(language: str, minor: int, currency: str) -> None:
    amount = Money(minor, currency)
    known = fraction_vocabulary(language, currency) | piece_vocabulary(language, currency)
    assert set(speak_in_pieces(amount, language)) <= known
