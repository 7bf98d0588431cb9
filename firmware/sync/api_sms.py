"""Channels of short messages, with an example of each; `api_channels` has the others."""

from datetime import UTC, datetime, timedelta

from firmware.sync.api_channel import Channel
from firmware.sync.messages_sms import SmsOrder, SmsOutcome, SmsReply

_AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
_ID = "019ab3c0-7d00-7abc-8def-0123456789ab"
_STREAM = "019ab3c0-0000-7abc-8def-000000000001"
_ATTEMPT = "019ab3c0-9999-7abc-8def-000000000002"

SMS_CHANNELS = (
    Channel(
        leaf="sms",
        direction="down",
        message=SmsOrder,
        example=SmsOrder(
            id=_ID,
            at=_AT,
            sms="9f2c41d0b7a84e55",
            campaign="november",
            contact="c-17",
            text="payment_link",
            attempt=_ATTEMPT,
            expires_at=_AT + timedelta(hours=24),
        ),
    ),
    Channel(
        leaf="outcome",
        direction="up",
        message=SmsOutcome,
        example=SmsOutcome(
            id=_ID,
            at=_AT,
            stream=_STREAM,
            seq=6,
            sms=f"{_ATTEMPT}.0",
            origin="flow",
            campaign="november",
            contact="c-17",
            person="p-17",
            attempt=_ATTEMPT,
            text="payment_link",
            language="en",
            state="delivered",
            line="line-1",
            n_parts=1,
            ordered_at=_AT,
            sent_at=_AT,
            ended_at=_AT,
        ),
    ),
    Channel(
        leaf="outcome",
        direction="up",
        message=SmsReply,
        example=SmsReply(
            id=_ID,
            at=_AT,
            stream=_STREAM,
            seq=7,
            reply="5b1d7c0e9a3f42c8",
            line="line-1",
            number="+12025550123",
            people=["p-17"],
            text="STOP",
            received_at=_AT,
            is_opt_out=True,
            suppressed="person",
        ),
    ),
)
