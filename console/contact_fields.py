"""One cell of a call list to one value, or a named reason why not.

The reason never repeats the value: it goes to screens and logs.
"""

import re
import unicodedata
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import PhoneNumberType

from firmware.values import E164, Money

DECIMALS = {
    **dict.fromkeys(["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"], 0),
    **dict.fromkeys(["VND", "VUV", "XAF", "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
"""Digits after the point where there are not two (ISO 4217)."""
CURRENCY_SIGNS = "¥￥$€£₹"
MAX_MINOR = 10**13
_NEVER_CALLED = {
    PhoneNumberType.PREMIUM_RATE: "premium_number",
    PhoneNumberType.SHARED_COST: "premium_number",
    PhoneNumberType.TOLL_FREE: "toll_free_number",
    PhoneNumberType.UAN: "company_number",
    PhoneNumberType.PAGER: "pager_number",
    PhoneNumberType.VOICEMAIL: "voicemail_number",
}


class FieldError(ValueError):
    """A cell that cannot be used: a named reason and what to do, without the value."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def clean(cell: str) -> str:
    """Return the cell in composed form (full-width digits become digits) without the spaces around it."""
    return unicodedata.normalize("NFKC", cell).strip().strip("\u200b\ufeff")


def parse_number(cell: str, region: str | None) -> E164:
    """Return a number that can lawfully be called in principle. Raises FieldError.

    `region` (ISO 3166-2) says which country a number without + belongs to.
    """
    text = cell.lstrip("'")  # Excel's mark for "this is text"
    if re.fullmatch(r"[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+", text):
        raise FieldError(
            "number_mangled_by_spreadsheet",
            "it became 1.2E+12; format the column as text and type it again",
        )
    country = region[:2] if region else None
    if not text.startswith("+") and country is None:
        raise FieldError("no_country_code", "write +<country code><number>, or fill the region column")
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        raise FieldError("invalid_number", "no telephone number; write +<country code><number>") from None
    if number.extension:
        raise FieldError("number_has_extension", "an extension cannot be dialled; give the direct number")
    if not phonenumbers.is_valid_number(number):
        raise FieldError("invalid_number", "no such number can exist there; check it for missing digits")
    reason = _NEVER_CALLED.get(phonenumbers.number_type(number))
    if reason is not None:
        raise FieldError(reason, "numbers of this kind are never called; give the person's own number")
    return E164(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def parse_currency(cell: str) -> str:
    """Return an ISO 4217 code. Raises FieldError."""
    if not re.fullmatch("[A-Za-z]{3}", cell):
        raise FieldError("invalid_currency", "write the three letters of ISO 4217, such as CNY")
    return cell.upper()


def parse_amount(cell: str, currency: str) -> Money:
    """Return an amount above zero: ``1234.5``, ``1,234.50``, ``¥1,234.50``. Raises FieldError."""
    text = cell.strip(CURRENCY_SIGNS + " ")
    if not re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})*(\.[0-9]+)?|[0-9]+(\.[0-9]+)?", text):
        raise FieldError("invalid_amount", "write digits with a point before the cents, such as 1234.50")
    if len(text) > 20:
        raise FieldError("amount_out_of_range", "the amount must be above zero and below 100 billion")
    amount = Decimal(text.replace(",", ""))
    exponent = DECIMALS.get(currency, 2)
    minor = amount.scaleb(exponent)
    if minor != minor.to_integral_value():
        raise FieldError("invalid_amount", f"{currency} has {exponent} decimals; the amount has more")
    if not 0 < minor < MAX_MINOR:
        raise FieldError("amount_out_of_range", "the amount must be above zero and below 100 billion")
    return Money(int(minor), currency)


def parse_date(cell: str) -> date:
    """Return a date written year first (day-first looks like month-first). Raises FieldError."""
    parts = re.fullmatch(r"([0-9]{4})(?:-|/|\.|年)([0-9]{1,2})(?:-|/|\.|月)([0-9]{1,2})日?", cell)
    if parts is None:
        raise FieldError("invalid_date", "write the date as year-month-day, such as 2026-11-08")
    try:
        return date(*(int(part) for part in parts.groups()))
    except ValueError:
        raise FieldError("impossible_date", "there is no such day in the calendar") from None


def parse_language(cell: str) -> str:
    """Return a language tag such as ``zh-CN``. Raises FieldError."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", cell):
        raise FieldError("invalid_language", "write a language tag such as zh-CN or en")
    return cell


def parse_region(cell: str) -> str:
    """Return an ISO 3166-2 region such as ``CN-GD``. Raises FieldError."""
    if not re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", cell):
        raise FieldError("invalid_region", "write an ISO 3166-2 code such as CN-GD")
    return cell


def parse_time_zone(cell: str) -> str:
    """Return an IANA time zone name. Raises FieldError."""
    try:
        ZoneInfo(cell)
    except (KeyError, ValueError, OSError):
        raise FieldError("unknown_time_zone", "write an IANA name such as Asia/Shanghai") from None
    return cell


def parse_whole(cell: str) -> int:
    """Return a whole number from nought. Raises FieldError."""
    if not re.fullmatch(r"[0-9]{1,7}(\.0+)?", cell):
        raise FieldError("invalid_number_of_things", "write a whole number such as 12")
    return int(cell.partition(".")[0])


def parse_priority(cell: str) -> int:
    """Return a priority from -1000 to 1000. Raises FieldError."""
    if not re.fullmatch(r"-?[0-9]{1,4}", cell) or abs(int(cell)) > 1000:
        raise FieldError("invalid_priority", "write a whole number from -1000 to 1000; the higher goes first")
    return int(cell)


def parse_id(cell: str) -> str:
    """Return an id of at most 64 visible characters. Raises FieldError."""
    if len(cell) > 64 or any(unicodedata.category(letter)[0] in "CZ" for letter in cell):
        raise FieldError("invalid_id", "use at most 64 characters without spaces")
    return cell


def parse_word(cell: str) -> str:
    """Return a lower-case word such as a status or a consent's kind. Raises FieldError."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", cell):
        raise FieldError("invalid_word", "use one word of letters, digits, '_' or '-', such as open or paid")
    return cell.lower()


def parse_text(cell: str) -> str:
    """Return text that can be spoken: one line, at most 200 characters. Raises FieldError."""
    if len(cell) > 200:
        raise FieldError("text_too_long", "at most 200 characters can be spoken")
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Cn"} for letter in cell):
        raise FieldError("unprintable_text", "the cell holds characters that cannot be seen; type it again")
    return cell
