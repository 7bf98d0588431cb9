"""Consents as a call list writes them, with the day they were given where that is known: ``robot_calls@2026-01-05;sms``."""

from datetime import datetime, time, timedelta, timezone

from console.contact_fields import FieldError, parse_date, parse_word
from firmware.sync.messages import Consent

_DAY_LETTERS = len("2026-01-05")
_FORM = "write kind@2026-01-05 or kind@2026-01-05T10:00+08:00"


def parse_consents(cell: str) -> list[Consent]:
    """Return consents from ``kind;kind@day;kind@instant``. Raises FieldError."""
    return [_consent(word.strip()) for word in cell.replace("|", ";").split(";") if word.strip()]


def _consent(text: str) -> Consent:
    kind, has_date, when = text.partition("@")
    if not has_date:
        return Consent(kind=parse_word(kind))
    if len(when) == _DAY_LETTERS:
        # A day begins first at UTC+14: where the day counts, the consent is not taken for younger than it is.
        at = datetime.combine(parse_date(when), time(), timezone(timedelta(hours=14)))
    else:
        try:
            at = datetime.fromisoformat(when)
        except ValueError:
            raise FieldError("invalid_consent_date", _FORM) from None
    if at.tzinfo is None:
        raise FieldError("invalid_consent_date", _FORM)
    return Consent(kind=parse_word(kind), obtained_at=at)


def consents_text(consents: list[Consent]) -> str:
    """Return the cell that `parse_consents` reads the same from."""
    return ";".join(
        each.kind if each.obtained_at is None else f"{each.kind}@{each.obtained_at.isoformat()}"
        for each in consents
    )
