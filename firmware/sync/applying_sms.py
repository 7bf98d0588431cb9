"""What an order for a short message does to the database: kept to be judged and sent once, or refused by name."""

from datetime import datetime

import msgspec

from firmware.store import attempts, campaigns, outcomes, sms
from firmware.store.campaigns import ContactState
from firmware.store.connection import Connection
from firmware.sync.answers import Answer, refused
from firmware.sync.messages_sms import SmsOrder, SmsTexts
from firmware.values import AttemptId, CampaignId, ContactId

MAX_WAITING = 1000


def apply_sms_order(con: Connection, order: SmsOrder, *, now: datetime) -> Answer:
    """Keep an order; one that is known already has no effect, whatever message brought it."""
    campaign = campaigns.get_campaign(con, CampaignId(order.campaign))
    if campaign is None:
        return refused("unknown_campaign", "this box has no such campaign", campaign=order.campaign)
    if sms.get(con, order.sms) is not None:
        return Answer(accepted=True, detail="this order was here before", campaign=order.campaign)
    contact = campaigns.get_contact(con, campaign.campaign, ContactId(order.contact))
    texts = msgspec.json.decode(campaign.texts, type=SmsTexts).texts if campaign.texts else {}
    attempt = attempts.get_attempt(con, AttemptId(order.attempt)) if order.attempt else None
    problem: tuple[str, str] | None = None
    if contact is None or contact.state is ContactState.RECALLED:
        problem = ("unknown_contact", "$.contact: the campaign has no such contact here")
    elif order.text not in texts:
        problem = ("unknown_text", f"$.text: the campaign brings {', '.join(sorted(texts)) or 'no texts'}")
    elif order.attempt and (attempt is None or attempt.contact != order.contact):
        problem = ("unknown_attempt", "$.attempt: this contact was not called so")
    elif order.expires_at <= now:
        problem = ("expired", "$.expires_at: had passed when it came")
    elif sms.n_waiting(con) >= MAX_WAITING:
        problem = ("too_many", f"{MAX_WAITING} messages wait already: order again when they are sent")
    if problem is not None or contact is None:
        return refused(*(problem or ("unknown_contact", "")), campaign=order.campaign)
    outcome = outcomes.get_outcome(con, AttemptId(order.attempt)) if order.attempt else None
    sms.add(
        con,
        sms.SmsOrdered(
            sms=order.sms,
            origin="console",
            attempt=AttemptId(order.attempt) if order.attempt else None,
            campaign=campaign.campaign,
            contact=contact.contact,
            person=contact.person,
            number=contact.numbers[0],
            text=order.text,
            language=contact.language,
            may_tell_debt=outcome is not None and outcome.right_party,
            ordered_at=now,
            expires_at=order.expires_at,
        ),
    )
    return Answer(accepted=True, campaign=order.campaign, taken=1)
