"""Which message goes over which topic, with an example of each: what docs/mqtt-api.md is made from."""

from datetime import UTC, date, datetime, timedelta

import msgspec

from firmware.sync.api_channel import Channel
from firmware.sync.api_rules import RULE_CHANNELS
from firmware.sync.api_sms import SMS_CHANNELS
from firmware.sync.messages import (
    Ack,
    BoxConfig,
    BoxEvent,
    BoxState,
    CampaignManifest,
    Command,
    ContactBatch,
    ContactRow,
    Control,
    KeySet,
    MoneyWire,
    OutcomeMessage,
    PromiseWire,
    Receipt,
    RecordingChunk,
    RecordingFetch,
    RecordingReceipt,
    RecordingUnavailable,
    Refusals,
    RejectedRow,
    Request,
    Response,
    Suppress,
    SuppressionWire,
    Telemetry,
    encode,
)
from firmware.sync.messages_config import ConfigSettings, LineConfig, OpenHours, UplinkConfig
from firmware.sync.messages_inbound import InboundOutcome
from firmware.sync.messages_keys import SigningKey
from firmware.sync.messages_state import LineWire
from firmware.sync.messages_telemetry import LineHealth
from firmware.values import Disposition

_AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
_ID = "019ab3c0-7d00-7abc-8def-0123456789ab"
_STREAM = "019ab3c0-0000-7abc-8def-000000000001"
_ATTEMPT = "019ab3c0-9999-7abc-8def-000000000002"


CHANNELS = (
    Channel(
        leaf="campaign/{campaign}",
        direction="down",
        message=CampaignManifest,
        example=CampaignManifest(
            id=_ID,
            at=_AT,
            campaign="november",
            name="November reminders",
            flow="flow: overdue-reminder\n…",
            flow_sha256="0" * 64,
            contacts=1000,
            batches=2,
            expires_at=datetime(2026, 12, 1, tzinfo=UTC),
        ),
    ),
    Channel(
        leaf="contacts/{campaign}",
        direction="down",
        message=ContactBatch,
        example=ContactBatch(
            id=_ID,
            at=_AT,
            campaign="november",
            batch=0,
            contacts=[
                msgspec.Raw(
                    encode(
                        ContactRow(
                            contact="c-17",
                            person="p-17",
                            numbers=["+12025550123"],
                            language="en",
                            region="US-DC",
                            vars={"callee_name": "Ada Example", "amount_due": {"minor": 12345, "currency": "USD"}},
                        )
                    )
                )
            ],
        ),
    ),
    Channel(
        leaf="control",
        direction="down",
        message=Control,
        example=Control(id=_ID, at=_AT, action="recall", contact="c-17"),
    ),
    Channel(
        leaf="receipt",
        direction="down",
        message=Receipt,
        example=Receipt(id=_ID, at=_AT, stream=_STREAM, up_to=4711),
    ),
    Channel(
        leaf="suppress",
        direction="down",
        message=Suppress,
        example=Suppress(id=_ID, at=_AT, suppressions=[SuppressionWire(person="p-17", reason="opt_out")]),
        reaches_all=True,
    ),
    Channel(
        leaf="recording/{recording}",
        direction="down",
        message=RecordingFetch,
        example=RecordingFetch(id=_ID, at=_AT, recording=_ATTEMPT, chunks=[0, 1, 2]),
    ),
    Channel(
        leaf="recording/{recording}",
        direction="down",
        message=RecordingReceipt,
        example=RecordingReceipt(id=_ID, at=_AT, recording=_ATTEMPT, sha256="0" * 64),
    ),
    Channel(
        leaf="recording/{recording}",
        direction="up",
        message=RecordingChunk,
        example=RecordingChunk(
            id=_ID, at=_AT, recording=_ATTEMPT, index=0, count=1, n_bytes=6, sha256="0" * 64, data=b"sealed"
        ),
    ),
    Channel(
        leaf="recording/{recording}",
        direction="up",
        message=RecordingUnavailable,
        example=RecordingUnavailable(id=_ID, at=_AT, recording=_ATTEMPT, reason="not_now", opens_at=_AT),
    ),
    Channel(
        leaf="config",
        direction="down",
        message=BoxConfig,
        example=BoxConfig(
            id=_ID,
            at=_AT,
            version=3,
            settings=ConfigSettings(
                lines=[LineConfig(line="line-1", name="front desk")],
                hours=[OpenHours(days=["mon", "tue", "wed", "thu", "fri"], opens="09:00", closes="18:00")],
                uplink=UplinkConfig(bytes_per_day=5_000_000),
            ),
        ),
        is_retained=True,
    ),
    Channel(
        leaf="keys",
        direction="down",
        message=KeySet,
        example=KeySet(
            id=_ID,
            at=_AT,
            version=2,
            keys=[
                SigningKey(public_key=f"{'A' * 43}=", valid_from=_AT, retires_at=_AT + timedelta(days=30)),
                SigningKey(public_key=f"{'B' * 42}A=", valid_from=_AT),
            ],
        ),
        is_retained=True,
        reaches_all=True,
    ),
    Channel(
        leaf="command",
        direction="down",
        message=Command,
        example=Command(
            id=_ID,
            at=_AT,
            name="ussd",
            expires_at=_AT + timedelta(minutes=10),
            arguments={"line": "line-1", "code": "*100#"},
        ),
    ),
    Channel(
        leaf="response",
        direction="up",
        message=Response,
        example=Response(
            id=_ID,
            at=_AT,
            stream=_STREAM,
            seq=5,
            about=_ID,
            name="ussd",
            status="done",
            started_at=_AT,
            finished_at=_AT,
            result={"state": "finished", "text": "Your balance is 25.50 CNY."},
        ),
    ),
    Channel(
        leaf="state",
        direction="up",
        message=BoxState,
        example=BoxState(
            id=_ID,
            at=_AT,
            status="online",
            boot=_ID,
            stream=_STREAM,
            lines=[LineWire(line="line-1", model="EC25", status="ready", operator="CHINA MOBILE", rssi_dbm=-67)],
            clock="trusted",
            dialling="yes",
        ),
        is_retained=True,
    ),
    Channel(
        leaf="ack",
        direction="up",
        message=Ack,
        example=Ack(
            id=_ID,
            at=_AT,
            stream=_STREAM,
            seq=1,
            about=_ID,
            kind="contacts",
            accepted=True,
            campaign="november",
            batch=0,
            taken=499,
            rejected=[RejectedRow(row=3, contact="c-3", reason="invalid_number", detail="numbers[0]")],
        ),
    ),
    Channel(
        leaf="outcome",
        direction="up",
        message=OutcomeMessage,
        example=OutcomeMessage(
            id=_ID,
            at=_AT,
            stream=_STREAM,
            seq=2,
            attempt=_ATTEMPT,
            campaign="november",
            contact="c-17",
            person="p-17",
            line="line-1",
            disposition=Disposition.PROMISE_FULL,
            reached=True,
            right_party=True,
            final=True,
            reserved_at=_AT,
            answered_at=_AT,
            ended_at=_AT,
            talk_ms=38_200,
            cause_q850=16,
            cause="released_by_us",
            promise=PromiseWire(due=date(2026, 11, 27), amount=MoneyWire(12345, "USD"), confirmed=True),
            flow="overdue-reminder",
            flow_version=1,
            digits_heard=7,
            answers={"satisfaction": "5"},
        ),
    ),
    Channel(
        leaf="outcome",
        direction="up",
        message=InboundOutcome,
        example=InboundOutcome(
            id=_ID,
            at=_AT,
            stream=_STREAM,
            seq=3,
            call=_ATTEMPT,
            line="line-1",
            caller="+12025550123",
            people=["p-17"],
            disposition=Disposition.OPT_OUT,
            reached=True,
            rang_at=_AT,
            answered_at=_AT,
            ended_at=_AT,
            talk_ms=14_700,
            suppressed="person",
            flow="inbound",
            flow_version=1,
            digits_heard=1,
            cause="released_by_us",
        ),
    ),
    Channel(
        leaf="event",
        direction="up",
        message=BoxEvent,
        example=BoxEvent(id=_ID, at=_AT, stream=_STREAM, seq=3, event="campaign_done", severity="info", campaign="november"),
    ),
    Channel(
        leaf="event",
        direction="up",
        message=Refusals,
        example=Refusals(
            id=_ID, at=_AT, stream=_STREAM, seq=4, campaign="november", contact="c-18", verdict="defer", rule="hours", until=_AT
        ),
    ),
    Channel(
        leaf="telemetry",
        direction="up",
        message=Telemetry,
        example=Telemetry(
            id=_ID,
            at=_AT,
            boot=_ID,
            uptime_s=86_400,
            lines=[LineHealth(line="line-1", status="ready", rssi_dbm=-67)],
            cpu_temp_c=51.5,
            load_1m=0.4,
            memory_available_bytes=1_500_000_000,
            disk_free_bytes=20_000_000_000,
            clock_trusted=True,
            clock="NTP and console agree",
            dialling="yes",
            counters={"calls_active": 1, "uplink_bytes_today": 120_000},
        ),
        qos=0,
    ),
    Channel(
        leaf="request",
        direction="up",
        message=Request,
        example=Request(id=_ID, at=_AT, campaign="november", batches=[1, 4]),
    ),
    *RULE_CHANNELS,
    *SMS_CHANNELS,
)  # fmt: skip
