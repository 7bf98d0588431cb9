"""The two messages of a machine that wants to be a box, for the API's documents: their topics are no box's."""

from datetime import UTC, datetime

from firmware.sync.api_channel import Channel
from firmware.sync.claiming import CLAIM_LEVEL
from firmware.sync.messages_claim import ClaimAnswer, ClaimRequest

_AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
_ID = "019ab3c0-7d00-7abc-8def-0123456789ab"
_SESSION = "9f86d081884c7d659a2feaa0c55ad015"
_PEM = "-----BEGIN {0}-----\n…\n-----END {0}-----\n"

CLAIM_CHANNELS = (
    Channel(
        leaf=f"{CLAIM_LEVEL}/{{file}}/{{session}}/request",
        direction="up",
        message=ClaimRequest,
        example=ClaimRequest(
            id=_ID,
            at=_AT,
            session=_SESSION,
            serial="10000000a1b2c3d4",
            certificate_request=_PEM.format("CERTIFICATE REQUEST"),
            token_proof="0" * 64,
            code_proof="1" * 64,
            version="1.4.0",
        ),
    ),
    Channel(
        leaf=f"{CLAIM_LEVEL}/{{file}}/{{session}}/answer",
        direction="down",
        message=ClaimAnswer,
        example=ClaimAnswer(
            id=_ID,
            at=_AT,
            session=_SESSION,
            status="granted",
            box="branch-7",
            files={
                "box.toml": "[box]\n…",
                "box.crt": _PEM.format("CERTIFICATE"),
                "ca.crt": _PEM.format("CERTIFICATE"),
                "console-keys/0123456789abcdef.pem": _PEM.format("PUBLIC KEY"),
            },
        ),
    ),
)
"""Under `branchline/1/{tenant}/`, at a door of the broker that claim files alone open (docs/enrolment.md)."""
