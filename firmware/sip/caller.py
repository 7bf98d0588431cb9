"""Who an INVITE says is calling (pure): a number that its trunk's server vouches for, or that the caller shows.

Nothing of it proves anybody: a server passes on what it was told, and From is the caller's own word.
"""

import re

_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_ADDRESS = re.compile(r"(?:sips?|tel)\s*:\s*([^@;>?\s,]+)", re.IGNORECASE)
_SEPARATORS = str.maketrans("", "", "-.()")
_SHORT = {"f": "from", "i": "call-id"}
MAX_BYTES = 65_536
MAX_VALUE, MAX_VALUES = 1024, 4
"""Of one header: strangers write what they like, and it is read before anybody knows who they are."""


def headers_of(message: str) -> dict[str, list[str]]:
    """Return the headers of a SIP message by their full names in lower case; what is none is left out."""
    head = re.sub(r"\r?\n[ \t]+", " ", message[:MAX_BYTES].partition("\r\n\r\n")[0])
    found: dict[str, list[str]] = {}
    for line in head.splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            found.setdefault(_SHORT.get(name, name), []).append(value.strip())
    return found


def caller_of(message: str) -> str:
    """Return the number of who calls as it is written there, "" for one that is withheld or is no number.

    P-Asserted-Identity comes first (RFC 3325), then From; a wish for privacy (RFC 3323) withholds both.
    """
    headers = headers_of(message)
    wishes = {
        wish.strip().lower() for value in headers.get("privacy", []) for wish in re.split("[;,]", value)
    }
    if wishes & {"id", "user", "header"}:
        return ""
    for value in (*headers.get("p-asserted-identity", [])[:MAX_VALUES], *headers.get("from", [])[:1]):
        # A name in quotation marks may hold anything, an address among it.
        for address in _ADDRESS.findall(re.sub(r'"(?:[^"\\]|\\.)*"', "", value[:MAX_VALUE])):
            number: str = address.translate(_SEPARATORS)
            if _NUMBER.fullmatch(number):
                return number
    return ""
