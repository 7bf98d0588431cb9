"""Service centre times (3GPP TS 23.040 §9.2.3.11): swapped decimal digits and a zone in quarters of an hour."""

from datetime import UTC, datetime, timedelta

from modem_drivers.pdu.octets import OctetReader

N_OCTETS = 7
_CENTURY = 2000
_ZONE_SIGN = 0x08
_MAX_ZONE_QUARTERS = 14 * 4


def take_timestamp(reader: OctetReader) -> datetime | None:
    """Return the aware UTC time at the cursor, None where the digits are no time. Raises MalformedPduError."""
    octets = reader.take(N_OCTETS)
    swapped = [(octet & 0xF) * 10 + (octet >> 4) for octet in octets[:6]]
    if any(octet & 0xF > 9 or octet >> 4 > 9 for octet in octets[:6]):
        return None
    zone = octets[6]
    quarters = (zone & 0x7) * 10 + (zone >> 4)
    if zone >> 4 > 9 or quarters > _MAX_ZONE_QUARTERS:
        return None
    offset = timedelta(minutes=15 * quarters)
    year, month, day, hour, minute, second = swapped
    try:
        local = datetime(_CENTURY + year, month, day, hour, minute, second, tzinfo=UTC)
        return local + offset if zone & _ZONE_SIGN else local - offset
    except (ValueError, OverflowError):
        return None


def encode_timestamp(at: datetime, *, zone_quarters: int = 0) -> bytes:
    """Return the seven octets of a time (2000 to 2099, to the second) as a clock in that zone shows it."""
    local = at.astimezone(UTC) + timedelta(minutes=15 * zone_quarters)
    values = (local.year - _CENTURY, local.month, local.day, local.hour, local.minute, local.second)
    tens, units = divmod(abs(zone_quarters), 10)
    zone = units << 4 | tens | (_ZONE_SIGN if zone_quarters < 0 else 0)
    return bytes(value % 10 << 4 | value // 10 for value in values) + bytes((zone,))
