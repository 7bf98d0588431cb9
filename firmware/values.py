"""Value types every room of the firmware shares."""

import re
import secrets
import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

E164 = NewType("E164", str)
"""A telephone number in international form, ``+8613123456789`` (ITU-T E.164)."""

CampaignId = NewType("CampaignId", str)
ContactId = NewType("ContactId", str)
PersonId = NewType("PersonId", str)
"""The console's stable id of one human: caps and suppressions count people, not rows."""
AttemptId = NewType("AttemptId", str)
"""UUIDv7 text of one reservation to dial; also the id of the call and of its outcome."""
LineId = NewType("LineId", str)

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class InvalidNumberError(ValueError):
    """The text is not an E.164 number."""


EXTENSION = r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}"
"""Of a SIP server: one of the office's own people, never a callee."""
SIP_ADDRESS = r"sip:[A-Za-z0-9+][A-Za-z0-9+._-]{0,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?"
EMERGENCY = ("000", "110", "111", "112", "113", "118", "119", "120", "122", "911", "999")
"""A number written without its plus that begins so may ring there, depending on the server's dial plan."""
_OUTSIDE_LINE = ("", "0", "9", "00", "99", "0-", "9-")
"""What private exchanges take before a number of the public network."""


def is_emergency_address(address: str) -> bool:
    """Say whether an extension or a SIP address may ring at an emergency service."""
    user = address.removeprefix("sip:").partition("@")[0]
    return any(user == prefix + number for prefix in _OUTSIDE_LINE for number in EMERGENCY)


def parse_e164(text: str) -> E164:
    """Return `text` as a number. Raises InvalidNumberError. Whether it exists is the gate's question."""
    if not _E164.fullmatch(text):
        raise InvalidNumberError(
            f"{mask(text)} is not an E.164 number: write it as +<country code><number>, digits only"
        )
    return E164(text)


def mask(number: str) -> str:
    """Return a number that may stand in a log: the country code's first digits and the last two."""
    if len(number) < 8:
        return "…"
    return f"{number[:3]}…{number[-2:]}"


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in minor units (cents, fen) of an ISO 4217 currency."""

    minor: int
    currency: str


def last_instalment(total_minor: int, each_minor: int, count: int) -> int:
    """Return what is left of a total for the last of `count` instalments of which the others are `each_minor`."""
    return total_minor - each_minor * (count - 1)


class Disposition(StrEnum):
    """What came of one attempt: one word per attempt (data-model: Disposition)."""

    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    POWERED_OFF = "powered_off"
    UNREACHABLE = "unreachable"
    SUSPENDED_NUMBER = "suspended_number"
    VACANT_NUMBER = "vacant_number"
    CONGESTION = "congestion"
    CALL_RESTRICTED = "call_restricted"
    FORWARDED = "forwarded"
    MACHINE_NO_MESSAGE = "machine_no_message"
    MACHINE_LEFT_MESSAGE = "machine_left_message"
    FAX = "fax"
    SCREENING_ASSISTANT = "screening_assistant"
    SILENCE = "silence"
    THIRD_PARTY = "third_party"
    WRONG_NUMBER = "wrong_number"
    UNVERIFIED = "unverified"
    REFUSED_TO_IDENTIFY = "refused_to_identify"
    MINOR = "minor"
    LANGUAGE_BARRIER = "language_barrier"
    PROMISE_FULL = "promise_full"
    PROMISE_PARTIAL = "promise_partial"
    PROMISE_PLAN = "promise_plan"
    PAYING_NOW = "paying_now"
    ALREADY_PAID = "already_paid"
    DISPUTE = "dispute"
    HARDSHIP = "hardship"
    REFUSES = "refuses"
    CALLBACK_SET = "callback_set"
    NO_DECISION = "no_decision"
    HUNG_UP_EARLY = "hung_up_early"
    DECEASED = "deceased"
    LEGAL_REPRESENTATION = "legal_representation"
    VULNERABLE = "vulnerable"
    COMPLETED = "completed"
    """The call did what it was for, and that was no promise: a survey, details checked, a reminder noted."""
    HUMAN_BRIDGED = "human_bridged"
    HUMAN_UNAVAILABLE = "human_unavailable"
    OPT_OUT = "opt_out"
    COMPLAINT = "complaint"
    TECHNICAL_FAILURE = "technical_failure"
    CANCELLED = "cancelled"
    RECALLED = "recalled"
    BLOCKED = "blocked"


class UuidV7:
    """Ids that sort by time and rise strictly within one process (RFC 9562 §5.7, method 1 of §6.2)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_ms = 0
        self._count = 0

    def new(self, now_ms: int) -> str:
        """Return an id for the instant `now_ms` (Unix milliseconds); a clock that steps back cannot make an older id."""
        with self._lock:
            if now_ms > self._last_ms:
                self._last_ms, self._count = now_ms, secrets.randbits(8)
            else:
                self._count += 1
                if self._count > 0xFFF:
                    self._last_ms, self._count = self._last_ms + 1, 0
            value = (
                (self._last_ms << 80) | (0x7 << 76) | (self._count << 64) | (0x2 << 62) | secrets.randbits(62)
            )
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
