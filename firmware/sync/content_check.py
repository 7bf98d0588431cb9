"""Flows and contact rows, checked before they are kept (pure: the flow language itself is injected)."""

import functools
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from firmware.store.contacts import NewContact, new_contact
from firmware.sync.answers import rejected_row
from firmware.sync.messages import ContactRow, MalformedMessageError, RejectedRow, decode_contact
from firmware.sync.messages_sms import SmsTexts
from firmware.values import CampaignId, ContactId, InvalidNumberError, PersonId, parse_e164

FlowT = TypeVar("FlowT")


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignCheck(Generic[FlowT]):
    """How the flow language is asked: this package does not know it."""

    flow_check: Callable[[str], FlowT]
    """Return the flow of a text, or raise one of `refusals`."""
    contact_check: Callable[[FlowT, ContactRow], object]
    """Return if the flow can be spoken to this contact, or raise one of `refusals`."""
    refusals: tuple[type[Exception], ...]
    """What the three raise; attributes `reason`, `field` and `detail` make the answer, else their text does."""
    texts_check: Callable[[FlowT, SmsTexts | None], None] = lambda _flow, _texts: None
    """Return if the flow may have these texts sent, or raise one of `refusals`."""


class RowRefusedError(Exception):
    """A row that cannot be taken: a named reason, and a text that does not repeat the row's values."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def reason_of(error: Exception, otherwise: str) -> tuple[str, str]:
    """Return (reason, detail) of a refusal by the flow language."""
    reason = str(getattr(error, "reason", otherwise))
    detail = getattr(error, "detail", None)
    if detail is None:
        return reason, str(error)
    field = getattr(error, "field", "")
    return reason, f"{field}: {detail}" if field else str(detail)


def check_row(
    raw: msgspec.Raw,
    *,
    campaign: CampaignId,
    row: int,
    flow: FlowT,
    check: CampaignCheck[FlowT],
    now: datetime,
) -> NewContact | RejectedRow:
    """Return the contact of one raw row, or why it is not taken."""
    try:
        given = decode_contact(raw)
    except MalformedMessageError as error:
        return rejected_row(row, "ill_typed", str(error))
    try:
        contact = _contact_of(given, campaign=campaign, row=row, now=now)
        check.contact_check(flow, given)
    except RowRefusedError as error:
        return rejected_row(row, error.reason, error.detail, given.contact)
    except check.refusals as error:
        return rejected_row(row, *reason_of(error, "unspeakable"), given.contact)
    return contact


def _contact_of(given: ContactRow, *, campaign: CampaignId, row: int, now: datetime) -> NewContact:
    try:
        numbers = [parse_e164(number) for number in given.numbers]
    except InvalidNumberError as error:
        raise RowRefusedError("invalid_number", str(error)) from None
    if given.time_zone is not None and given.time_zone not in _time_zones():
        raise RowRefusedError("invalid_time_zone", "time_zone is not an IANA name, such as Asia/Shanghai")
    if given.expires_at is not None and given.expires_at <= now:
        raise RowRefusedError("expired", "expires_at has passed")
    return new_contact(
        campaign=campaign,
        contact=ContactId(given.contact),
        row=row,
        person=PersonId(given.person),
        numbers=list(dict.fromkeys(numbers)),
        language=given.language,
        region=given.region,
        time_zone=given.time_zone,
        status=given.status,
        debt=given.debt,
        consents=[consent.kind for consent in given.consents],
        # A day to come is no proof that it was this person who consented.
        consented_at={
            consent.kind: consent.obtained_at
            for consent in given.consents
            if consent.obtained_at is not None and consent.obtained_at <= now
        },
        vars=given.vars,
        priority=given.priority,
        not_before=given.not_before,
        expires_at=given.expires_at,
    )


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
