"""Lines that come in pairs: a header such as `+CMT: ,24`, and below it a PDU that says nothing of where it belongs."""

from modem_drivers.at.values import split_line, to_int
from modem_drivers.pdu.octets import MAX_PDU_OCTETS, from_hex, is_hex

PDU_ANSWERS = frozenset({"+CMGL", "+CMGR"})
"""Answers of the same shape."""
PDU_URCS = frozenset({"+CMT", "+CDS", "+CBM"})
"""Unsolicited results whose PDU stands on the next line (3GPP TS 27.005 §3.4.1, PDU mode)."""


def belongs(header: str, line: str) -> bool:
    """Say whether `line` is the PDU that `header` announced, by its length: a URC may stand between the two."""
    if not is_hex(line) or len(line) > 2 * MAX_PDU_OCTETS:
        return False
    _, values = split_line(header)
    length = to_int(values, len(values) - 1) if values else None
    octets = from_hex(line)
    # 27.005 counts the TPDU without the service centre's address; some modems count both, a broadcast has none.
    return length is not None and length in {len(octets), len(octets) - 1 - octets[0]}
