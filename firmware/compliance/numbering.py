"""What a telephone number says by itself: country, kind of line, and every time zone it may ring in."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType, shortnumberinfo, timezone

from firmware.compliance.place_zones import zones_of_prefix, zones_of_region

UNKNOWN_ZONE = "Etc/Unknown"
E164_FORM = phonenumbers.PhoneNumberFormat.E164


class LineType(StrEnum):
    """The numbering plan's kind of line."""

    FIXED = "fixed"
    MOBILE = "mobile"
    FIXED_OR_MOBILE = "fixed_or_mobile"
    """Countries that number both alike."""
    VOIP = "voip"
    PERSONAL = "personal"
    TOLL_FREE = "toll_free"
    PREMIUM_RATE = "premium_rate"
    SHARED_COST = "shared_cost"
    COMPANY = "company"
    PAGER = "pager"
    VOICEMAIL = "voicemail"
    SHORT_CODE = "short_code"
    EMERGENCY = "emergency"
    UNKNOWN = "unknown"


_TYPES = {
    PhoneNumberType.FIXED_LINE: LineType.FIXED,
    PhoneNumberType.MOBILE: LineType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: LineType.FIXED_OR_MOBILE,
    PhoneNumberType.VOIP: LineType.VOIP,
    PhoneNumberType.PERSONAL_NUMBER: LineType.PERSONAL,
    PhoneNumberType.TOLL_FREE: LineType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: LineType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST: LineType.SHARED_COST,
    PhoneNumberType.UAN: LineType.COMPANY,
    PhoneNumberType.PAGER: LineType.PAGER,
    PhoneNumberType.VOICEMAIL: LineType.VOICEMAIL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFacts:
    """What the numbering plans know of one number."""

    is_valid: bool
    """In canonical E.164 form and inside a range that its country has opened."""
    country: str | None
    """ISO 3166-1 alpha-2."""
    line_type: LineType
    zones: frozenset[str]
    """IANA names, all that are plausible."""


@lru_cache(maxsize=4096)
def number_facts(number: str) -> NumberFacts:
    """Return what is known of `number`, which may be any text."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return NumberFacts(
            is_valid=False, country=None, line_type=_short_type(number, None), zones=frozenset()
        )
    country = phonenumbers.region_code_for_number(parsed)
    canonical = phonenumbers.format_number(parsed, E164_FORM)
    is_valid = canonical == number and parsed.extension is None and phonenumbers.is_valid_number(parsed)
    line_type = _TYPES.get(phonenumbers.number_type(parsed), LineType.UNKNOWN)
    if not is_valid or line_type is LineType.UNKNOWN:
        national = phonenumbers.national_significant_number(parsed)
        short = _short_type(
            national, country or phonenumbers.region_code_for_country_code(parsed.country_code or 0)
        )
        line_type = line_type if short is LineType.UNKNOWN else short
    zones = frozenset(timezone.time_zones_for_number(parsed)) - {UNKNOWN_ZONE} | zones_of_prefix(canonical)
    if not zones and is_valid and country is not None:
        zones = zones_of_region(country)
    return NumberFacts(is_valid=is_valid, country=country, line_type=line_type, zones=zones)


@lru_cache(maxsize=4096)
def canonical_number(text: str) -> str:
    """Return one spelling for every way to write a number: ``00``, spaces, full-width digits, trunk zero."""
    kept = "".join(char for char in unicodedata.normalize("NFKC", text) if char.isdecimal() or char == "+")
    if kept.startswith("00"):
        kept = "+" + kept[2:]
    try:
        parsed = phonenumbers.parse(kept)
    except phonenumbers.NumberParseException:
        return kept
    # What no country has opened has no canonical form: each reading would strip another leading digit.
    return phonenumbers.format_number(parsed, E164_FORM) if phonenumbers.is_valid_number(parsed) else kept


def shown_number(shown: str, home: str | None) -> str | None:
    """Return a number as a network shows it in E.164; None for what is withheld or could not be called back.

    One without a country code is read as one of `home`'s, our own number's: networks show their own people so.
    """
    region = None
    if home is not None:
        try:
            region = phonenumbers.region_code_for_number(phonenumbers.parse(home))
        except phonenumbers.NumberParseException:
            region = None
    try:
        parsed = phonenumbers.parse(shown, region)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(parsed, E164_FORM) if phonenumbers.is_possible_number(parsed) else None


def _short_type(digits: str, country: str | None) -> LineType:
    bare = digits.lstrip("+")
    for region in (country,) if country else ("CN", "GB", "US"):
        if shortnumberinfo.is_emergency_number(bare, region):
            return LineType.EMERGENCY
    return LineType.SHORT_CODE if len(bare) <= 6 else LineType.UNKNOWN
