"""Channels of rules, audit logs and certificates, with an example of each; `api_channels` has the others."""

from datetime import UTC, datetime

from firmware.sync.api_channel import Channel
from firmware.sync.messages_audit import AuditEntry, AuditHead, AuditRequest, AuditSegment
from firmware.sync.messages_certificate import Certificate, CertificateRequest
from firmware.sync.messages_policy import ContactElsewhere, PeopleElsewhere, PersonElsewhere, PolicyRelease

_AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
_ID = "019ab3c0-7d00-7abc-8def-0123456789ab"
_STREAM = "019ab3c0-0000-7abc-8def-000000000001"
_OVERLAY = """\
schema = 1
[pack]
id = "office"
version = 3
title = "Closed for the audit week"
layer = "overlay"
status = "published"
effective_from = 2026-11-24
review_by = 2027-06-30

[time]
extra_closed_dates = [2026-12-28, 2026-12-29]
"""

RULE_CHANNELS = (
    Channel(
        leaf="policy",
        direction="down",
        message=PolicyRelease,
        example=PolicyRelease(id=_ID, at=_AT, version=7, overlay=_OVERLAY),
        is_retained=True,
        reaches_all=True,
    ),
    Channel(
        leaf="ledger",
        direction="down",
        message=PeopleElsewhere,
        example=PeopleElsewhere(
            id=_ID,
            at=_AT,
            contacts=[
                ContactElsewhere(
                    contact="019ab3c0-9999-7abc-8def-000000000009",
                    person="p-17",
                    number="+12025550123",
                    channel="agent",
                    at=_AT,
                    connected=True,
                    conversation=True,
                )
            ],
            people=[PersonElsewhere(person="p-18", revoked=["prior_express"], hours="10:00-16:00")],
        ),
    ),
    Channel(
        leaf="audit",
        direction="down",
        message=AuditRequest,
        example=AuditRequest(id=_ID, at=_AT, first=1, last=500),
    ),
    Channel(
        leaf="audit",
        direction="up",
        message=AuditHead,
        example=AuditHead(
            id=_ID,
            at=_AT,
            stream=_STREAM,
            seq=5,
            box="branch-7",
            chain=_STREAM,
            entry=4711,
            hash="c0ffee00" * 8,
            signed_at=_AT,
            key="A" * 43 + "=",
            signature="A" * 86 + "==",
        ),
    ),
    Channel(
        leaf="audit",
        direction="up",
        message=AuditSegment,
        example=AuditSegment(
            id=_ID,
            at=_AT,
            stream=_STREAM,
            seq=6,
            about=_ID,
            chain=_STREAM,
            entries=[AuditEntry(entry=1, previous="0" * 64, body="{…}", hash="c0ffee00" * 8)],
            is_last=True,
        ),
    ),
    Channel(
        leaf="certificate",
        direction="up",
        message=CertificateRequest,
        example=CertificateRequest(
            id=_ID,
            at=_AT,
            request="-----BEGIN CERTIFICATE REQUEST-----\n…\n-----END CERTIFICATE REQUEST-----\n",
            serial="1f2e3d4c5b6a",
            expires_at=datetime(2027, 1, 10, tzinfo=UTC),
        ),
    ),
    Channel(
        leaf="certificate",
        direction="down",
        message=Certificate,
        example=Certificate(
            id=_ID, at=_AT, certificate="-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"
        ),
    ),
)
