"""Boxes for the page: one that works in the middle of its day, one in trouble, and one that waits."""

from datetime import UTC, datetime, timedelta

import msgspec

from firmware.local.facts import (
    Alarm,
    BoxFacts,
    HourFacts,
    LineFacts,
    MachineFacts,
    QueueFacts,
    TodayFacts,
    UplinkFacts,
)

NOON = datetime(2026, 11, 24, 6, 20, tzinfo=UTC)
MORNING = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)

WORKING = BoxFacts(
    at=NOON,
    box="branch-7",
    time_zone="Asia/Shanghai",
    language="zh",
    version="0.1.0",
    uptime_s=86400,
    verdict="working",
    dialling="yes",
    dialling_detail="yes",
    clock_trusted=True,
    clock="NTP and console agree",
    calls_up=1,
    lines=[
        LineFacts(line="line-1", status="in_call", operator="中国移动", rssi_dbm=-71, bars=4, call="active"),
        LineFacts(line="line-2", status="ready", operator="CHN-UNICOM", rssi_dbm=-95, bars=1),
    ],
    today=TodayFacts(
        calls=61,
        groups={
            "right_party": 22,
            "other_person": 5,
            "machine": 4,
            "no_answer": 27,
            "bad_number": 2,
            "not_made": 1,
        },
        dispositions={"no_answer": 27},
        hours=[
            HourFacts(starts_at=MORNING + timedelta(hours=hour), reached=reached, not_reached=others)
            for hour, reached, others in ((0, 6, 9), (1, 8, 7), (2, 7, 11), (3, 2, 3), (5, 4, 4))
        ],
    ),
    queue=QueueFacts(contacts=1312, campaigns_ready=2, next_call_at=NOON),
    uplink=UplinkFacts(connected=True, waiting=3, waiting_bytes=900, oldest_s=42.0),
    machine=MachineFacts(
        cpu_temp_c=51.2, load_1m=0.3, memory_available_bytes=1 << 30, disk_free_bytes=9 << 30
    ),
    alarms=[],
)
TROUBLED = msgspec.structs.replace(
    WORKING,
    verdict="attention",
    dialling="clock",
    clock_trusted=False,
    calls_up=0,
    lines=[
        LineFacts(line="line-1", name="<柜台>", status="faulted", trouble="pin"),
        LineFacts(line="line-2", status="absent", trouble="absent"),
        LineFacts(line="line-3", status="searching", trouble="network", rssi_dbm=-111, bars=0),
    ],
    today=TodayFacts(),
    queue=QueueFacts(contacts=40, campaigns_ready=1, next_call_at=NOON + timedelta(hours=20)),
    uplink=UplinkFacts(connected=False, waiting=1250, waiting_bytes=400_000, oldest_s=30_000.0),
    alarms=[
        Alarm(code="line_pin", line="<柜台>"),
        Alarm(code="line_absent", line="line-2"),
        Alarm(code="console_away"),
        Alarm(code="clock", urgent=False),
    ],
)
WAITING = msgspec.structs.replace(
    WORKING,
    verdict="waiting",
    dialling="closed",
    calls_up=0,
    queue=QueueFacts(contacts=12, campaigns_ready=1, next_call_at=NOON + timedelta(hours=3)),
)
