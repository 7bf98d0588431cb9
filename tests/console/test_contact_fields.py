"""One cell to one value: what is understood, and what is refused by name and without repeating it."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.contact_fields import (
    DECIMALS,
    FieldError,
    clean,
    parse_amount,
    parse_date,
    parse_id,
    parse_language,
    parse_number,
    parse_priority,
    parse_region,
    parse_text,
    parse_time_zone,
    parse_word,
)
from console.reports import amount_text
from firmware.values import Money

PARSERS: list[Callable[[str], object]] = [
    parse_date,
    parse_id,
    parse_language,
    parse_priority,
    parse_region,
    parse_text,
    parse_time_zone,
    parse_word,
    lambda cell: parse_number(cell, "CN-GD"),
    lambda cell: parse_number(cell, None),
    lambda cell: parse_amount(cell, "CNY"),
]


@pytest.mark.parametrize(
    ("cell", "region", "number"),
    [
        ("+86 131 2345 6701", None, "+8613123456701"),
        ("131-2345-6701", "CN-GD", "+8613123456701"),
        ("'+8613123456701", None, "+8613123456701"),
        ("＋８６１３１２３４５６７０１", None, "+8613123456701"),
        ("+44 7400 123456", "CN-GD", "+447400123456"),
    ],
)
def test_a_number_as_people_write_it(cell: str, region: str | None, number: str) -> None:
    assert parse_number(clean(cell), region) == number


@pytest.mark.parametrize(
    ("cell", "region", "reason"),
    [
        ("+861312345", None, "invalid_number"),
        ("hello", "CN", "invalid_number"),
        ("13123456701", None, "no_country_code"),
        ("8.61312E+12", "CN", "number_mangled_by_spreadsheet"),
        ("110", "CN", "invalid_number"),
        ("+44 909 879 0000", None, "premium_number"),
        ("+1 900 555 1234", None, "premium_number"),
        ("+86 800 820 8820", None, "toll_free_number"),
        ("+86 10 6552 9988 ext. 12", None, "number_has_extension"),
    ],
)
def test_a_number_that_is_never_called(cell: str, region: str | None, reason: str) -> None:
    with pytest.raises(FieldError) as caught:
        parse_number(cell, region)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("cell", "currency", "minor"),
    [
        ("1280.50", "CNY", 128050),
        ("1,280.5", "CNY", 128050),
        ("¥1,280.50", "CNY", 128050),
        ("1280", "JPY", 1280),
        ("1.234", "KWD", 1234),
        ("0.01", "EUR", 1),
    ],
)
def test_an_amount_in_minor_units(cell: str, currency: str, minor: int) -> None:
    assert parse_amount(clean(cell), currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("cell", "currency", "reason"),
    [
        ("1.280,50", "EUR", "invalid_amount"),
        ("12,80", "CNY", "invalid_amount"),
        ("1280.505", "CNY", "invalid_amount"),
        ("1.5", "JPY", "invalid_amount"),
        ("-5", "CNY", "invalid_amount"),
        ("0", "CNY", "amount_out_of_range"),
        ("9" * 15, "CNY", "amount_out_of_range"),
        ("9" * 5000, "CNY", "amount_out_of_range"),
        ("1e5", "CNY", "invalid_amount"),
    ],
)
def test_an_amount_that_could_mean_something_else(cell: str, currency: str, reason: str) -> None:
    with pytest.raises(FieldError) as caught:
        parse_amount(cell, currency)
    assert caught.value.reason == reason


@given(minor=st.integers(1, 10**13 - 1), currency=st.sampled_from(["CNY", "EUR", *DECIMALS]))
@settings(max_examples=100, deadline=None)
def test_an_amount_that_is_shown_reads_back_as_itself(minor: int, currency: str) -> None:
    assert parse_amount(amount_text(minor, currency), currency) == Money(minor, currency)


@pytest.mark.parametrize("cell", ["2026-11-08", "2026/11/8", "2026.11.08", "2026年11月8日"])
def test_a_date_written_year_first(cell: str) -> None:
    assert parse_date(cell) == date(2026, 11, 8)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("2026-11-31", "impossible_date"), ("08/11/2026", "invalid_date"), ("0000-01-01", "impossible_date")],
)
def test_a_date_that_is_none(cell: str, reason: str) -> None:
    with pytest.raises(FieldError) as caught:
        parse_date(cell)
    assert caught.value.reason == reason


@given(cell=st.text(max_size=60) | st.from_regex(r"\+?[0-9]{3,16}", fullmatch=True))
@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("parse", PARSERS)
def test_any_cell_is_a_value_or_a_named_reason_that_keeps_it_private(
    parse: Callable[[str], object], cell: str
) -> None:
    refusal = refused(parse, cell)
    if refusal is not None:
        assert refusal.reason.isidentifier()
        if len(cell) > 8 and cell.isalnum():
            assert cell not in str(refusal)


def refused(parse: Callable[[str], object], cell: str) -> FieldError | None:
    try:
        parse(clean(cell))
    except FieldError as error:
        return error
    return None
