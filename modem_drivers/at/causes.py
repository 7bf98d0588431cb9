"""Why a call ended: everything seen and told about it, weighed into one kind, one cause and a confidence.

Cause numbers are those of 3GPP TS 24.008 §10.5.4.11, which are ITU-T Q.850's. Vendors number and word them in
their own ways and some lie; so the result also says how far it can be trusted, and `NO CARRIER` alone decides
nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modem_drivers.at.values import split_line, to_int
from modem_drivers.events import ReleaseKind as Kind

NORMAL_CLEARING = 16
# What an unanswered call with this cause means, and how surely. 16 and 31 before the answer mean nothing:
# networks send them after an announcement that the phone is off just as after the callee's refusal.
_UNANSWERED: dict[int, tuple[Kind, float]] = {
    1: (Kind.INVALID_NUMBER, 0.9),
    3: (Kind.INVALID_NUMBER, 0.6),
    8: (Kind.BARRED, 0.8),
    16: (Kind.UNKNOWN, 0.3),
    17: (Kind.BUSY, 0.9),
    18: (Kind.UNREACHABLE, 0.7),
    19: (Kind.NO_ANSWER, 0.9),
    21: (Kind.REJECTED, 0.9),
    22: (Kind.INVALID_NUMBER, 0.8),
    27: (Kind.POWERED_OFF, 0.8),
    28: (Kind.INVALID_NUMBER, 0.9),
    29: (Kind.BARRED, 0.6),
    31: (Kind.UNKNOWN, 0.3),
    34: (Kind.CONGESTION, 0.9),
    38: (Kind.NETWORK_FAULT, 0.9),
    41: (Kind.NETWORK_FAULT, 0.8),
    42: (Kind.CONGESTION, 0.9),
    44: (Kind.CONGESTION, 0.7),
    47: (Kind.CONGESTION, 0.7),
    50: (Kind.BARRED, 0.7),
    55: (Kind.BARRED, 0.8),
    57: (Kind.BARRED, 0.7),
    58: (Kind.NETWORK_FAULT, 0.7),
    63: (Kind.NETWORK_FAULT, 0.7),
    65: (Kind.NETWORK_FAULT, 0.7),
    68: (Kind.BARRED, 0.6),
    79: (Kind.NETWORK_FAULT, 0.7),
    88: (Kind.NETWORK_FAULT, 0.7),
    102: (Kind.NETWORK_FAULT, 0.7),
    111: (Kind.NETWORK_FAULT, 0.7),
    127: (Kind.NETWORK_FAULT, 0.5),
}
_FAULT_KINDS = frozenset({Kind.NETWORK_FAULT, Kind.CONGESTION})
# +CEER wordings: 24.008 Annex H's names, and how SIMCom and Qualcomm abbreviate them. First match wins.
_TEXTS: tuple[tuple[str, int], ...] = (
    ("unassigned", 1),
    ("unallocated", 1),
    ("no route", 3),
    ("operator determined barring", 8),
    ("user busy", 17),
    ("no answer", 19),
    ("user alerting", 19),
    ("no user responding", 18),
    ("call rejected", 21),
    ("rejected by user", 21),
    ("number changed", 22),
    ("out of order dest", 27),
    ("destination out of order", 27),
    ("invalid number", 28),
    ("facility rejected", 29),
    ("no circuit", 34),
    ("network out of order", 38),
    ("temporary failure", 41),
    ("congestion", 42),
    ("resources unavailable", 47),
    ("not subscribed", 50),
    ("bearer capability not auth", 57),
    ("bearer capability not", 58),
    ("service or option not available", 63),
    ("not implemented", 79),
    ("incompatible dest", 88),
    ("recovery on timer", 102),
    ("protocol error", 111),
    ("interworking", 127),
    ("normal unspecified", 31),
    ("normal call clearing", 16),
    ("normal clearing", 16),
    ("client ended call", 16),
    ("network ended call", 16),
    ("busy", 17),
)
_CALL_RESULTS: dict[str, tuple[Kind, int | None, float]] = {
    "BUSY": (Kind.BUSY, 17, 0.8),
    "NO ANSWER": (Kind.NO_ANSWER, 19, 0.7),
    "NO DIALTONE": (Kind.NETWORK_FAULT, None, 0.5),
    "NO DIAL TONE": (Kind.NETWORK_FAULT, None, 0.5),
}


@dataclass(frozen=True, slots=True)
class ToldCause:
    """A cause number the modem told, and how far its source can be believed."""

    q850: int
    trust: float


@dataclass(frozen=True, slots=True)
class KindHint:
    """What a vendor's own status says of the end, where no cause number decides it, and how far to trust that."""

    kind: Kind
    trust: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known about a call that is over."""

    saw_alerting: bool
    saw_active: bool
    hung_up_locally: bool
    """We asked for the end before anything else showed one."""
    modem_failed: bool
    """The port died or the modem fell silent: the network's view is unknown."""
    result: str | None
    """NO CARRIER, BUSY, NO ANSWER, NO DIALTONE; None when the end showed otherwise."""
    told: ToldCause | None
    hint: KindHint | None = None


# Huawei's end_status, second to last of ^CEND: a state machine's, not the network's. 104 (the network ended it),
# 22 and 25 (faded or normal) and 23 (intercept) decide nothing; 255 is all a CDMA module ever says.
_END_STATUS: dict[int, KindHint] = {
    0: KindHint(Kind.LOCAL_FAULT, 0.7),  # offline
    21: KindHint(Kind.NETWORK_FAULT, 0.8),  # no service
    24: KindHint(Kind.CONGESTION, 0.6),  # reorder tone
    29: KindHint(Kind.LOCAL, 0.6),  # ended from this side, though not by us
    100: KindHint(Kind.NETWORK_FAULT, 0.6),  # lower layer failure
    101: KindHint(Kind.NETWORK_FAULT, 0.4),
    103: KindHint(Kind.NETWORK_FAULT, 0.4),  # set-up rejected
    105: KindHint(Kind.BARRED, 0.7),  # no funds
    106: KindHint(Kind.NETWORK_FAULT, 0.7),  # no service in this area
}


def read_end_status(status: int | None) -> KindHint | None:
    """Return what ^CEND's end_status says of the end, None where it says nothing of use."""
    return _END_STATUS.get(status) if status is not None else None


def read_ceer(lines: Sequence[str], *, number_trust: float) -> ToldCause | None:
    """Return the cause of an AT+CEER response (27.007 §6.10): text, ``Cause:<n>`` or ``<location>,<n>``.

    `number_trust` is the dialect's: families number their locations and causes in several spaces.
    """
    for line in lines:
        name, values = split_line(line)
        if name != "+CEER":
            continue
        _, _, text = line.partition(":")
        # SIM800's "Cause:17", Wavecom's "Error 17"
        if match := re.fullmatch(r"\s*(?:Cause:|Error) ?([0-9]{1,3})\s*", text, re.IGNORECASE):
            return _told(int(match.group(1)), 1.0)
        if len(values) == 2 and (to_int(values, 0) is not None):
            return _told(to_int(values, 1), number_trust)
        wording = re.sub(r"[\W_]+", " ", text).lower()
        for phrase, q850 in _TEXTS:
            if phrase in wording:
                return ToldCause(q850, 0.9)
    return None


def told_in_urc(q850: int | None) -> ToldCause | None:
    """Return a cause that stood in the release URC itself."""
    return _told(q850, 1.0)


def classify(evidence: Evidence) -> tuple[Kind, int | None, float]:
    """Return what kind of release this was, its Q.850 cause if one can be believed, and the confidence."""
    told = evidence.told
    q850 = told.q850 if told else None
    if evidence.modem_failed:
        return Kind.LOCAL_FAULT, None, 0.9
    if evidence.hung_up_locally:
        return Kind.LOCAL, q850 if q850 is not None else NORMAL_CLEARING, 0.95
    if evidence.saw_active:
        return _answered(told)
    kind, cause, confidence = Kind.UNKNOWN, q850, 0.2
    if told is not None:
        kind, cause, confidence = _unanswered(evidence, told)
    elif evidence.result in _CALL_RESULTS:
        kind, cause, confidence = _CALL_RESULTS[evidence.result]
    if kind is Kind.UNKNOWN and evidence.hint is not None:
        return evidence.hint.kind, cause, evidence.hint.trust
    return kind, cause, confidence


def _answered(told: ToldCause | None) -> tuple[Kind, int | None, float]:
    if told is None:
        return Kind.ANSWERED_REMOTE, None, 0.8
    kind, sure = _UNANSWERED[told.q850]
    if kind in _FAULT_KINDS:
        return Kind.NETWORK_FAULT, told.q850, round(sure * told.trust, 3)
    return Kind.ANSWERED_REMOTE, told.q850, 0.95 if told.q850 == NORMAL_CLEARING else 0.8


def _unanswered(evidence: Evidence, told: ToldCause) -> tuple[Kind, int | None, float]:
    kind, sure = _UNANSWERED[told.q850]
    confidence = sure * told.trust
    if told.q850 == 18 and evidence.saw_alerting:
        kind = Kind.NO_ANSWER  # it did ring: the user, not the telephone, did not respond
    by_result = _CALL_RESULTS.get(evidence.result or "")
    if by_result is None:
        return kind, told.q850, round(confidence, 3)
    if by_result[0] is kind:
        return kind, told.q850, round(max(confidence, 0.95), 3)
    if kind is Kind.UNKNOWN:  # a cause that decides nothing beside a result that does
        return by_result[0], told.q850, round(by_result[2] * 0.9, 3)
    return kind, told.q850, round(confidence * 0.7, 3)


def _told(q850: int | None, trust: float) -> ToldCause | None:
    # A number that no table knows (EC25's 33 or 36, or 0) stays in the raw lines and decides nothing.
    return ToldCause(q850, trust) if q850 in _UNANSWERED and q850 is not None else None
