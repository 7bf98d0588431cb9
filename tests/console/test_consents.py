"""A consent knows its day, and the list that is written again says the same."""

from datetime import UTC, datetime

import pytest

from console.consents import consents_text, parse_consents
from console.contact_fields import FieldError


def test_days_and_instants_are_read_and_written_again() -> None:
    found = parse_consents("sms; Robot_Calls@2026-01-05 |notice@2026-01-05T10:00+08:00;")
    assert [each.kind for each in found] == ["sms", "robot_calls", "notice"]
    assert [each.obtained_at for each in found] == [
        None,
        datetime(2026, 1, 4, 10, 0, tzinfo=UTC),
        datetime(2026, 1, 5, 2, 0, tzinfo=UTC),
    ], "a day counts from where it begins first"
    assert parse_consents(consents_text(found)) == found


@pytest.mark.parametrize(
    "cell",
    [
        "sms@",
        "sms@yesterday",
        "sms@2026-02-30",
        "sms@2026-01-05T10:00",
        "two words@2026-01-05",
        "@2026-01-05",
    ],
)
def test_a_day_that_is_none_is_said(cell: str) -> None:
    with pytest.raises(FieldError):
        parse_consents(cell)
