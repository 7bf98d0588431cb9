"""Ids rise and stay unique; numbers are E.164 and masked."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.values import InvalidNumberError, UuidV7, mask, parse_e164


@given(st.lists(st.integers(0, 2**47), min_size=1, max_size=200))
def test_ids_rise_whatever_the_clock_does(instants: list[int]) -> None:
    ids = UuidV7()
    made = [ids.new(instant) for instant in instants]
    assert made == sorted(set(made))


def test_ids_are_version_7_with_their_instant() -> None:
    made = uuid.UUID(UuidV7().new(1_763_000_000_123))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == 1_763_000_000_123


def test_many_ids_of_one_millisecond() -> None:
    ids = UuidV7()
    made = [ids.new(5) for _ in range(10_000)]
    assert made == sorted(set(made))


@pytest.mark.parametrize(
    "text", ["", "110", "+", "+0123456789", "+86 131", "8613123456701", "+86131234567890123", "+86１３"]
)
def test_what_is_no_e164_number(text: str) -> None:
    with pytest.raises(InvalidNumberError) as refusal:
        parse_e164(text)
    assert len(text) < 8 or text not in str(refusal.value)


def test_a_masked_number_cannot_be_dialled() -> None:
    assert mask("+8613123456701") == "+86…01"
    assert mask("12345") == "…"
