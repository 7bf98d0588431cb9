"""A call list and a flow to signed messages for one box."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from console.contacts_file import FileRow, VarsRefusedError
from console.errors import CampaignError
from console.sent_campaigns import MANIFEST_PLACE, SentCampaign, SentContact, SentMessage
from firmware.clock import to_ms
from firmware.dialogue.errors import ContactRefusedError, FlowRefusedError
from firmware.dialogue.flow import Flow
from firmware.dialogue.loader import load_flow
from firmware.sync.messages import (
    MAX_CONTACTS_A_BATCH,
    CampaignManifest,
    ContactBatch,
    MoneyWire,
    PromiseLimits,
    encode,
)
from firmware.sync.messages_sms import SmsTexts
from firmware.sync.topics import BoxTopics, InvalidNameError, topic_level
from firmware.values import Money, UuidV7

MAX_BATCH_BYTES = 200 * 1024
"""Of a message's 256 KiB; the rest is envelope and room for a broker's own properties."""
MAX_FLOW_CHARACTERS = 200_000
DEFAULT_VALIDITY = timedelta(days=14)
MAX_VALIDITY = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the campaign allows the box."""

    campaign: str
    name: str
    expires_at: datetime
    starts_at: datetime | None = None
    ring_timeout_s: int = 30
    promise_max_days: int = 14
    lines: tuple[str, ...] = ()
    promise_min_part: Money | None = None
    """The least part or instalment that the box may agree to."""
    texts: SmsTexts | None = None
    """What may be sent by SMS."""


def read_flow(path: Path) -> tuple[str, Flow]:
    """Return a flow's text and the flow. Raises CampaignError, its details the flow's problems."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CampaignError(f"{path}: {error.strerror}; name an existing flow file") from None
    except UnicodeDecodeError:
        raise CampaignError(f"{path}: not UTF-8 text; save the flow as UTF-8") from None
    if len(text) > MAX_FLOW_CHARACTERS:
        raise CampaignError(f"{path}: longer than {MAX_FLOW_CHARACTERS} characters; shorten the flow")
    try:
        return text, load_flow(text, source=str(path))
    except FlowRefusedError as error:
        problems = str(error).splitlines()
        text = f"{path}: the flow has {len(problems)} problem(s); mend it and push again"
        raise CampaignError(text, details=problems) from None


def var_kinds(flow: Flow) -> dict[str, str]:
    """Return the flow's vars with the kind of each."""
    return {name: var.kind.value for name, var in flow.vars.items()}


def check_vars_of(flow: Flow, vars: Mapping[str, Any], language: str) -> None:
    """Ask the flow whether it can speak to a contact. Raises VarsRefusedError."""
    try:
        flow.check_vars(vars, language)
    except ContactRefusedError as error:
        raise VarsRefusedError(error.field, error.reason, error.detail) from None


def check_terms(terms: Terms, now: datetime) -> None:
    """Raise CampaignError for terms that no box would take."""
    try:
        topic_level(terms.campaign)
    except InvalidNameError as error:
        raise CampaignError(f"the campaign's name will not do: {error}") from None
    if terms.expires_at <= now:
        raise CampaignError("the campaign would have expired already; give a later --expires")
    if terms.expires_at > now + MAX_VALIDITY:
        raise CampaignError(
            f"a campaign runs for {MAX_VALIDITY.days} days at most; give an earlier --expires"
        )
    if terms.starts_at is not None and terms.starts_at >= terms.expires_at:
        raise CampaignError("the campaign would expire before it starts; give a later --expires")
    if not 15 <= terms.ring_timeout_s <= 120:
        raise CampaignError("--ring-timeout is between 15 and 120 seconds")
    if not 0 <= terms.promise_max_days <= 366:
        raise CampaignError("--promise-days is between 0 and 366")


def build_campaign(
    rows: Sequence[FileRow],
    *,
    flow_text: str,
    terms: Terms,
    topics: BoxTopics,
    ids: UuidV7,
    now: datetime,
    version: int = 1,
    contacts_before: int = 0,
    batches_before: int = 0,
) -> SentCampaign:
    """Return the campaign as messages: the manifest, then batches of contacts. Raises CampaignError.

    A higher version changes a campaign that the box has with so many contacts and batches: `rows` are the further ones.
    """
    check_terms(terms, now)
    if not rows and version == 1:
        raise CampaignError("the call list has no good row; mend it and push again")
    encoded = [encode(row.contact) for row in rows]
    sent = [_with_memory(row) if row.remembered else each for row, each in zip(rows, encoded, strict=True)]
    flow_sha256 = hashlib.sha256(flow_text.encode()).hexdigest()
    batches = list(_batches(sent))
    least = terms.promise_min_part
    manifest = CampaignManifest(
        id=ids.new(to_ms(now)),
        at=now,
        campaign=terms.campaign,
        version=version,
        name=terms.name,
        flow=flow_text,
        flow_sha256=flow_sha256,
        contacts=contacts_before + len(rows),
        batches=batches_before + len(batches),
        starts_at=terms.starts_at,
        expires_at=terms.expires_at,
        ring_timeout_s=terms.ring_timeout_s,
        promise=PromiseLimits(
            max_days=terms.promise_max_days,
            min_part=None if least is None else MoneyWire(least.minor, least.currency),
        ),
        lines=list(terms.lines),
        sms=terms.texts,
    )
    topic = topics.campaign(terms.campaign)
    place = MANIFEST_PLACE + 1 - version
    messages = [SentMessage(id=manifest.id, place=place, topic=topic, payload=encode(manifest))]
    topic = topics.contacts(terms.campaign)
    first_row = contacts_before
    for index, part in enumerate(batches, batches_before):
        batch = ContactBatch(
            id=ids.new(to_ms(now)),
            at=now,
            campaign=terms.campaign,
            batch=index,
            first_row=first_row,
            contacts=[msgspec.Raw(row) for row in part],
        )
        messages.append(SentMessage(id=batch.id, place=index + 1, topic=topic, payload=encode(batch)))
        first_row += len(part)
    return SentCampaign(
        box=topics.box,
        campaign=terms.campaign,
        name=terms.name,
        digest=_digest(flow_sha256, encoded, terms),
        expires_at=terms.expires_at,
        messages=tuple(messages),
        contacts=tuple(_sent_contact(place, row) for place, row in enumerate(rows, contacts_before)),
        contacts_before=contacts_before,
        batches_before=batches_before,
    )


def _with_memory(row: FileRow) -> bytes:
    vars_ = {**row.contact.vars, **row.remembered}
    return encode(msgspec.structs.replace(row.contact, vars=vars_))


def slug(name: str) -> str:
    """Return a campaign id made of a name: what a topic can carry. Raises CampaignError."""
    text = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-_.")[:64]
    if not text:
        raise CampaignError(f"--campaign {name!r} holds no letter or digit for an id; give --id as well")
    return text


def _batches(encoded: Sequence[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for row in encoded:
        if part and (len(part) == MAX_CONTACTS_A_BATCH or size + len(row) + 1 > MAX_BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(row)
        size += len(row) + 1
    if part:
        yield part


def _digest(flow_sha256: str, encoded: Sequence[bytes], terms: Terms) -> str:
    """Name the content; when it was pushed and when it expires do not make it another campaign."""
    digest = hashlib.sha256(flow_sha256.encode())
    for part in (terms.name, terms.ring_timeout_s, terms.promise_max_days, terms.lines, terms.starts_at):
        digest.update(f"\0{part}".encode())
    if terms.promise_min_part is not None:
        digest.update(f"\0{terms.promise_min_part}".encode())
    if terms.texts is not None:
        digest.update(b"\0" + encode(terms.texts))
    for row in encoded:
        digest.update(b"\0" + row)
    return digest.hexdigest()


def _sent_contact(place: int, row: FileRow) -> SentContact:
    contact = row.contact
    return SentContact(
        contact=contact.contact,
        place=place,
        row=row.row,
        person=contact.person,
        number=contact.numbers[0],
        debt=contact.debt,
        status=contact.status,
        other_numbers=tuple(
            dict.fromkeys(each for each in contact.numbers[1:] if each != contact.numbers[0])
        ),
    )
