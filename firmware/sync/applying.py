"""What each message of the console does to the database; every function runs inside one transaction."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from firmware.clock import from_ms, to_ms
from firmware.store import campaigns, contacts, orders, recordings, suppressions
from firmware.store.campaigns import CampaignState, NewContact, StoredCampaign
from firmware.store.connection import Connection
from firmware.store.errors import StoreConflictError
from firmware.sync.answers import Answer, refused, rejected_row
from firmware.sync.holding import apply_hold
from firmware.sync.messages import (
    CampaignManifest,
    ContactBatch,
    Control,
    RecordingReceipt,
    RejectedRow,
    Suppress,
    SuppressionWire,
)
from firmware.values import CampaignId, ContactId, InvalidNumberError, LineId, Money, PersonId, parse_e164


def apply_manifest(con: Connection, manifest: CampaignManifest, *, raw: bytes, now: datetime) -> Answer:
    """Keep a new campaign; the same one again has no effect, another one under its id is refused.

    One that the console has cancelled or paused meanwhile is not started by having been held back on its way.
    """
    subject = orders.campaign_subject(manifest.campaign)
    state = CampaignState.RECEIVING if manifest.batches else CampaignState.READY
    if orders.stands(con, subject, "pause", manifest.at):
        state = CampaignState.PAUSED
    least = manifest.promise.min_part
    campaign = StoredCampaign(
        campaign=CampaignId(manifest.campaign),
        name=manifest.name,
        state=state,
        flow_text=manifest.flow,
        flow_sha256=manifest.flow_sha256,
        ring_timeout_s=manifest.ring_timeout_s,
        promise_max_days=manifest.promise.max_days,
        promise_min_part=None if least is None else Money(least.minor, least.currency),
        # As it will be read back: the database keeps milliseconds.
        starts_at=None if manifest.starts_at is None else from_ms(to_ms(manifest.starts_at)),
        expires_at=from_ms(to_ms(manifest.expires_at)),
        lines=tuple(LineId(line) for line in manifest.lines),
        contacts=manifest.contacts,
        batches=manifest.batches,
        version=manifest.version,
        texts="" if manifest.sms is None else msgspec.json.encode(manifest.sms).decode(),
    )
    known = campaigns.get_campaign(con, campaign.campaign)
    if known is None and orders.stands(con, subject, "cancel", manifest.at):
        return refused(
            "cancelled", "the console cancelled this campaign before it came", campaign=manifest.campaign
        )
    if known is None:
        campaigns.add_campaign(con, campaign, raw=raw, received_at=now)
    elif campaign.version > known.version:
        if (problem := _update_problem(known, campaign)) is not None:
            return problem
        campaigns.update_campaign(con, campaign, raw=raw)
    elif campaign.version < known.version:
        return refused(
            "old_version",
            f"$.version: this box has version {known.version}: send a newer one",
            campaign=manifest.campaign,
        )
    elif _content(known) != _content(campaign):
        return refused(
            "campaign_exists",
            "another campaign has this id: raise $.version to change it, or give the new one an id of its own",
            campaign=manifest.campaign,
        )
    return Answer(accepted=True, campaign=manifest.campaign)


def apply_batch(
    con: Connection,
    batch: ContactBatch,
    checked: Sequence[NewContact | RejectedRow],
    *,
    now: datetime,
) -> Answer:
    """Keep the good rows of a batch; rows of a contact that is in the campaign already are rejected."""
    name = CampaignId(batch.campaign)
    campaign = campaigns.get_campaign(con, name)
    if (problem := batch_problem(campaign, batch)) is not None:
        return problem
    if campaigns.is_batch_received(con, name, batch.batch):
        return Answer(accepted=True, detail="this batch was here before", campaign=name, batch=batch.batch)
    rejected = [row for row in checked if isinstance(row, RejectedRow)]
    good = [row for row in checked if isinstance(row, NewContact)]
    known = contacts.known_contacts(con, name, [contact.contact for contact in good])
    taken: list[NewContact] = []
    for contact in good:
        if contact.contact in known:
            rejected.append(
                rejected_row(
                    contact.row, "duplicate_contact", "this contact is in the campaign", contact.contact
                )
            )
            continue
        known.add(contact.contact)
        taken.append(contact)
    campaigns.add_rows(con, taken)
    for recalled in orders.recalled(con, name, [contact.contact for contact in taken], batch.at):
        contacts.recall(con, recalled, name)
    campaigns.record_batch(con, name, batch.batch, taken=len(taken), rejected=len(rejected), received_at=now)
    return Answer(
        accepted=True,
        campaign=name,
        batch=batch.batch,
        taken=len(taken),
        rejected=sorted(rejected, key=lambda row: row.row),
    )


def batch_problem(campaign: StoredCampaign | None, batch: ContactBatch) -> Answer | None:
    """Return why a batch cannot belong to a campaign, None if it can."""
    reason = ""
    if campaign is None:
        reason, detail = "unknown_campaign", "send the campaign's manifest before its contacts"
    elif campaign.state.is_over:
        reason, detail = "campaign_over", f"the campaign is {campaign.state}"
    elif batch.batch >= campaign.batches:
        reason, detail = "bad_batch", f"the manifest announces {campaign.batches} batches, counted from 0"
    elif batch.first_row + len(batch.contacts) > campaign.contacts:
        reason, detail = (
            "bad_batch",
            f"its rows reach beyond the {campaign.contacts} that the manifest announces",
        )
    if not reason:
        return None
    return refused(reason, detail, campaign=batch.campaign, batch=batch.batch)


def apply_control(con: Connection, control: Control) -> Answer:
    """Pause, resume, cancel, recall, stop, resume everything, hold, release.

    What forbids is obeyed whenever it comes; what permits, only if nothing was forbidden after it was signed.
    """
    match control.action:
        case "stop_all":
            orders.note(con, orders.EVERYTHING, "stop_all", control.at)
            campaigns.set_stopped(con, True)
            return Answer(accepted=True)
        case "resume_all":
            if orders.is_outdated(con, orders.EVERYTHING, "stop_all", control.at):
                return _outdated("stop_all")
            orders.lift(con, orders.EVERYTHING, "stop_all")
            campaigns.set_stopped(con, False)
            return Answer(accepted=True)
        case "recall":
            return _apply_recall(con, control)
        case "hold" | "release":
            return apply_hold(con, control)
        case "pause" | "resume" | "cancel" as action:
            return _apply_campaign_control(con, control, action)


def apply_suppress(con: Connection, message: Suppress, *, now: datetime) -> Answer:
    """Add suppressions; if every one could be read, renew the lease as of the console's instant."""
    rejected: list[RejectedRow] = []
    taken = 0
    for row, wire in enumerate(message.suppressions):
        if problem := _suppression_problem(wire):
            rejected.append(rejected_row(row, "ill_typed", problem))
            continue
        taken += suppressions.add(
            con,
            suppressions.Suppression(
                id=f"{message.id}.{row}",
                scope=wire.scope,
                person=PersonId(wire.person) if wire.person else None,
                number=parse_e164(wire.number) if wire.number else None,
                debt=wire.debt or None,
                reason=wire.reason,
                source="console",
                at=message.at,
            ),
        )
    if rejected:
        # What could be read is kept, as it only tightens; but the list is not complete here.
        return Answer(accepted=False, reason="ill_typed", taken=taken, rejected=rejected)
    # A console's clock that runs ahead must not make the lease last longer.
    suppressions.confirm(con, min(message.at, now))
    return Answer(accepted=True, taken=taken)


def apply_recording_receipt(con: Connection, receipt: RecordingReceipt, *, now: datetime) -> Answer:
    """Note that the console has a recording whole: from here on retention may delete it."""
    try:
        recordings.mark_delivered(con, receipt.recording, receipt.sha256, now)
    except StoreConflictError as error:
        return refused("unknown_recording", str(error))
    return Answer(accepted=True)


def _apply_recall(con: Connection, control: Control) -> Answer:
    if not control.contact:
        return refused("malformed", "$.contact: which contact to recall", campaign=control.campaign)
    campaign = CampaignId(control.campaign) if control.campaign else None
    orders.note_recall(con, control.contact, control.campaign, control.at)
    n_recalled = contacts.recall(con, ContactId(control.contact), campaign)
    if not n_recalled:
        return refused("unknown_contact", "no list has this contact still to call", campaign=control.campaign)
    return Answer(accepted=True, campaign=control.campaign, taken=n_recalled)


def _apply_campaign_control(con: Connection, control: Control, action: str) -> Answer:
    if not control.campaign:
        return refused("malformed", f"$.campaign: which campaign to {action}")
    name = CampaignId(control.campaign)
    subject = orders.campaign_subject(name)
    if action != "resume":
        orders.note(con, subject, action, control.at)
    elif orders.is_outdated(con, subject, "pause", control.at):
        return _outdated("pause", name)
    else:
        orders.lift(con, subject, "pause")
    campaign = campaigns.get_campaign(con, name)
    if campaign is None:
        return refused("unknown_campaign", "this box has no such campaign", campaign=name)
    if campaign.state.is_over:
        return refused("campaign_over", f"the campaign is {campaign.state}", campaign=name)
    if action == "cancel":
        campaigns.set_state(con, name, CampaignState.CANCELLED)
    elif action == "pause":
        campaigns.set_state(con, name, CampaignState.PAUSED)
    elif campaign.state is CampaignState.PAUSED:
        is_missing = bool(campaigns.batch_missing(con, name))
        campaigns.set_state(con, name, CampaignState.RECEIVING if is_missing else CampaignState.READY)
    return Answer(accepted=True, campaign=name)


def _outdated(action: str, campaign: str | None = None) -> Answer:
    return refused(
        "outdated", f"a later {action} of the console stands: send it again now", campaign=campaign
    )


def _update_problem(known: StoredCampaign, newer: StoredCampaign) -> Answer | None:
    """Return why a newer manifest cannot take the place of the one that is here, None if it can."""
    reason = ""
    if known.state.is_over:
        reason, detail = "campaign_over", f"the campaign is {known.state}"
    elif newer.flow_sha256 != known.flow_sha256:
        # Its contacts were checked against the flow that came with them.
        reason, detail = "flow_changed", "$.flow: another conversation is another campaign"
    elif newer.contacts < known.contacts or newer.batches < known.batches:
        reason, detail = "fewer_contacts", "$.contacts: a list only grows; recall whom you do not want called"
    return refused(reason, detail, campaign=newer.campaign) if reason else None


def _suppression_problem(wire: SuppressionWire) -> str:
    given = {"person": wire.person, "number": wire.number, "debt": wire.debt}[wire.scope]
    if not given:
        return f"a suppression of scope {wire.scope} needs {wire.scope}"
    try:
        if wire.number:
            parse_e164(wire.number)
    except InvalidNumberError as error:
        return str(error)
    return ""


def _content(campaign: StoredCampaign) -> tuple[object, ...]:
    return (
        campaign.flow_sha256,
        campaign.contacts,
        campaign.batches,
        campaign.starts_at,
        campaign.expires_at,
        campaign.lines,
        campaign.ring_timeout_s,
        campaign.promise_max_days,
        campaign.promise_min_part,
        campaign.texts,
    )
