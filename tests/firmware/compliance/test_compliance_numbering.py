"""What a number says by itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.compliance.numbering import LineType, canonical_number, number_facts
from firmware.compliance.opening_hours import UnknownZoneError, zone_named


@pytest.mark.parametrize(
    ("number", "is_valid", "country", "line_type", "zone"),
    [
        ("+8613800138000", True, "CN", LineType.MOBILE, "Asia/Shanghai"),
        ("+861086668888", True, "CN", LineType.FIXED, "Asia/Shanghai"),
        ("+442079460000", True, "GB", LineType.FIXED, "Europe/London"),
        ("+12125551234", True, "US", LineType.FIXED_OR_MOBILE, "America/New_York"),
        ("+85291234567", True, "HK", LineType.MOBILE, "Asia/Hong_Kong"),
        ("+864001234567", True, "CN", LineType.SHARED_COST, "Asia/Shanghai"),
        ("+449098790000", True, "GB", LineType.PREMIUM_RATE, "Europe/London"),
        ("+86110", False, "CN", LineType.EMERGENCY, None),
        ("110", False, None, LineType.EMERGENCY, None),
        ("999", False, None, LineType.EMERGENCY, None),
        ("+8612345", False, "CN", LineType.SHORT_CODE, None),
        ("+8613800138000;ext=5", False, "CN", LineType.MOBILE, "Asia/Shanghai"),
        ("+86 138 0013 8000", False, "CN", LineType.MOBILE, "Asia/Shanghai"),
        ("+4402079460000", False, "GB", LineType.FIXED, "Europe/London"),
        ("", False, None, LineType.SHORT_CODE, None),
        ("call me", False, None, LineType.UNKNOWN, None),
    ],
)
def test_numbers(
    number: str, is_valid: bool, country: str | None, line_type: LineType, zone: str | None
) -> None:
    facts = number_facts(number)
    assert (facts.is_valid, facts.country, facts.line_type) == (is_valid, country, line_type)
    assert (zone in facts.zones) if zone else not facts.zones


def test_a_number_that_may_ring_anywhere_has_every_zone_of_its_plan() -> None:
    assert {"America/New_York", "America/Los_Angeles", "Pacific/Honolulu"} <= number_facts(
        "+18005551234"
    ).zones


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=20) | st.from_regex(r"\+[0-9 ]{0,18}", fullmatch=True))
def test_no_text_is_too_strange(text: str) -> None:
    facts = number_facts(text)
    assert not facts.is_valid or canonical_number(text) == text
    assert canonical_number(canonical_number(text)) == canonical_number(text)


@pytest.mark.parametrize("name", ["Asia/Shanghai", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC"])
def test_zones_that_exist(name: str) -> None:
    assert zone_named(name).key == name


@pytest.mark.parametrize(
    "name", ["", "Asia", "right/Asia/Shanghai", "posix/UTC", "../Asia/Shanghai", "/etc/localtime", "asia/shanghai x", "Asia/"]
)  # fmt: skip
def test_zones_that_do_not(name: str) -> None:
    with pytest.raises(UnknownZoneError):
        zone_named(name)
