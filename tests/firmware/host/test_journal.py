"""No number leaves the box in a log line; dates and ids stay readable."""

import pytest

from firmware.host.journal import mask_numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ATD+8613123456701;", "ATD+86…01;"),
        ("calls 13123456701 now", "calls 131…01 now"),
        ("+86 131 2345 6701", "+86…01"),
        ("at 2026-11-24 10:00:00", "at 2026-11-24 10:00:00"),
        ("cause 17 after 31 s", "cause 17 after 31 s"),
    ],
)
def test_what_is_masked(text: str, expected: str) -> None:
    assert mask_numbers(None, "info", {"event": text}) == {"event": expected}


def test_nested_fields_are_masked_and_our_ids_are_not() -> None:
    event = {
        "event": "x",
        "lines": ["+8613123456701"],
        "detail": {"n": "13123456701"},
        "attempt": "018f3a5b-1234567890123",
    }
    assert mask_numbers(None, "info", event) == {
        "event": "x",
        "lines": ["+86…01"],
        "detail": {"n": "131…01"},
        "attempt": "018f3a5b-1234567890123",
    }
